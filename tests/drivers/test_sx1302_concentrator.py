"""The whole driver before a stand-in board: start, faults at start, sending, unplugging."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pty_board import PtyBoard, frame, pty_board
from sx1302_standin import MemoryLink, StandIn

from drivers.concentrator import ChipError, LinkLost, McuError, TxPacket, TxStatus
from drivers.link import open_link
from drivers.sx1302 import concentrator, semtech
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware

GOLDEN = Path(__file__).parent.parent / "golden"
SETTINGS = semtech.settings(json.loads((GOLDEN / "start-eu868.json").read_text())["config"])
SMALL = bytes.fromhex(json.loads((GOLDEN / "rx-eu868.json").read_text())["rx"][0]["fifo"])
IMAGES = Firmware(bytes(8192), bytes(8192), verified=False)
SECOND = 32_000_000
OPEN, EUI = [(0, 1, 1), (0, 2, 1), (0, 2, 0), (0, 8, 0), (0, 8, 1)], 0x0016C001F1500812
FREE, SCHEDULED, EMITTING = 0x80, 0x91, 0x30
FIFO_COUNT = bytes.fromhex("000100000600 58c8 000000".replace(" ", ""))


class Bench:
    """A driver, its board, and a sleep that takes no time."""

    def __init__(self) -> None:
        otp = {i: EUI >> 8 * (7 - i) & 0xFF for i in range(8)} | {0xD0: 2}
        self.board = StandIn(otp=otp, ticks=SECOND)
        self.links: list[MemoryLink] = []
        self.pauses = 0
        self.driver = Sx1302(SETTINGS, self.open_link, lambda: IMAGES, self.sleep)

    async def open_link(self) -> MemoryLink:
        self.links.append(MemoryLink(self.board))
        return self.links[-1]

    async def sleep(self, _: float) -> None:
        self.pauses += 1
        await asyncio.sleep(0)

    def packet(self, after_us: int | None = 30_000, **change: object) -> TxPacket:
        when = None if after_us is None else self.board.ticks // 32 + after_us
        session = self.driver.status().chip_session
        packet = TxPacket(b"hello", when, session, 868_100_000, sf=7)
        return replace(packet, **change)  # type: ignore[arg-type]


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.driver.start()
    bench.board.requests.clear()
    return bench


async def test_status_tells_who_the_chip_is(bench: Bench) -> None:
    status = bench.driver.status()
    assert status.eui == EUI
    assert status.model == "SX1302"
    assert status.firmware == "MCU V01.00.00, AGC 10, ARB 2, unverified firmware"
    assert (status.temperature, status.chip_session, status.drops) == (24.37, 1, {})


async def test_each_start_opens_a_new_session_and_closes_the_old_link(bench: Bench) -> None:
    await bench.driver.start()
    assert bench.driver.status().chip_session == 2
    assert [link.closed for link in bench.links] == [True, False]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"agc_version": 6}, "AGC image shows version 6 instead of 10"),
        ({"arb_version": 1}, "arbiter image shows version 1 instead of 2"),
        ({"damage": {0x1234}}, "AGC image reads back differently"),
        ({"damage": {0x2000}}, "ARB image reads back differently"),
        ({"damage": {0x5780}}, "wrong parity in the AGC image"),
        ({"damage": {0x5781}}, "AGC did not start: status stayed 0x00"),
        ({"damage": {0x578F}}, "AGC command 0x80"),
        ({"damage": {0x6081}}, "arbiter did not start: status stayed 0x00"),
    ],
)
async def test_start_fails_with_the_reason_and_closes_the_link(
    fault: dict[str, object], says: str
) -> None:
    bench = Bench()
    for name, value in fault.items():
        setattr(bench.board, name, value)
    with pytest.raises(ChipError, match=says):
        await bench.driver.start()
    assert bench.links[0].closed
    with pytest.raises(LinkLost, match="not started"):
        await bench.driver.counter()


async def test_missing_firmware_fails_the_start_and_may_come_later() -> None:
    bench = Bench()
    bench.driver = Sx1302(SETTINGS, bench.open_link, lambda: images.pop()(), bench.sleep)

    def missing() -> Firmware:
        raise ChipError("install it")

    images = [lambda: IMAGES, missing]
    with pytest.raises(ChipError, match="install it"):
        await bench.driver.start()
    await bench.driver.start()
    assert bench.driver.status().chip_session == 1


async def test_failing_spi_is_an_mcu_error(bench: Bench) -> None:
    bench.board.spi_status = 3
    with pytest.raises(McuError, match="timed out"):
        await bench.driver.receive()


async def test_quiet_air_is_told_with_an_empty_list(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < concentrator.QUIET <= 2
    monkeypatch.setattr(concentrator, "QUIET", 0.01)
    async with asyncio.timeout(5):
        assert await bench.driver.receive() == []
    assert bench.pauses > 0
    bench.board.fifo += SMALL
    assert len(await bench.driver.receive()) == 1


async def test_idle_poll_costs_one_request(bench: Bench) -> None:
    receiving = asyncio.create_task(bench.driver.receive())
    pauses = bench.pauses
    while bench.pauses < pauses + 50:
        await asyncio.sleep(0)
    receiving.cancel()
    assert {payload for _, payload in bench.board.requests} == {FIFO_COUNT}
    assert len(bench.board.requests) <= 51


@pytest.mark.parametrize("first", [True, False])
async def test_torn_fifo_count_loses_nothing(bench: Bench, first: bool) -> None:
    torn, true = b"\x00\x02", len(SMALL * 6).to_bytes(2, "big")
    bench.board.fifo += SMALL * 6
    bench.board.torn[0x58C8] = [torn, true] if first else [true, torn]
    assert len(await bench.driver.receive()) == 6
    assert bench.driver.status().drops == {}


async def test_torn_counter_is_read_a_third_time(bench: Bench) -> None:
    bench.board.ticks = 2**24 * 5
    bench.board.torn[0x6101] = [
        bytes.fromhex("00000000 05ffffff"),
        bytes.fromhex("00000000 04ffffff"),
    ]
    assert (await bench.driver.counter()).us == 2**24 * 5 // 32


async def test_counter_is_followed_while_nothing_is_received(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concentrator, "COUNTER_PERIOD", 0.0)
    receiving = asyncio.create_task(bench.driver.receive())
    for ticks in (2**31, 2**32 + 64, 2**32 + 2**31, 2**33 + 64):
        bench.board.ticks = ticks
        pauses = bench.pauses
        while bench.pauses < pauses + 3:
            await asyncio.sleep(0)
    receiving.cancel()
    assert (await bench.driver.counter()).us == 2**28 + 2


async def test_drops_are_counted_in_the_status(bench: Bench) -> None:
    bench.board.fifo += SMALL[:-1] + b"\x00" + SMALL
    assert len(await bench.driver.receive()) == 1
    assert bench.driver.status().drops == {"bad_checksum": 1}


async def test_counter_carries_its_session_and_costs_one_request(bench: Bench) -> None:
    assert await bench.driver.counter() == (1_000_000, 1)
    assert len(bench.board.requests) == 1


async def test_counter_is_read_twice_when_it_is_not_where_it_should_be(bench: Bench) -> None:
    bench.board.ticks += 10 * SECOND
    assert await bench.driver.counter() == (11_000_000, 1)
    assert len(bench.board.requests) == 2


async def test_counter_wraps_at_27_bits_of_the_chip_and_goes_on(bench: Bench) -> None:
    bench.board.ticks = 2**32 - 32
    assert (await bench.driver.counter()).us == 2**27 - 1
    bench.board.ticks += 64
    assert (await bench.driver.counter()).us == 2**27 + 1


async def test_packet_is_armed_for_its_time(bench: Bench) -> None:
    packet = bench.packet(30_000)
    assert await bench.driver.send(packet) is TxStatus.OK
    assert bench.board.memory[0x5200] == 2
    assert bench.board.memory[0x5300:0x5305] == b"hello"
    assert len(bench.board.requests) == 3  # status, counter, set-up with trigger


@pytest.mark.parametrize(
    ("after_us", "status"),
    [
        (-1, TxStatus.TOO_LATE),
        (-(2**31) + 1, TxStatus.TOO_LATE),
        (2_499, TxStatus.TOO_LATE),
        (120_000_001, TxStatus.TOO_EARLY),
    ],
)
async def test_wrong_moment_is_refused_and_nothing_is_armed(
    bench: Bench, after_us: int, status: TxStatus
) -> None:
    assert await bench.driver.send(bench.packet(after_us % 2**32)) is status
    assert bench.board.memory[0x5200] == 0


async def test_immediate_packet_leaves_at_once(bench: Bench) -> None:
    assert await bench.driver.send(bench.packet(None)) is TxStatus.OK
    assert bench.board.memory[0x5200] == 1


async def test_packet_of_an_earlier_session_is_refused(bench: Bench) -> None:
    packet = bench.packet()
    await bench.driver.start()
    assert await bench.driver.send(packet) is TxStatus.TOO_LATE


@pytest.mark.parametrize("frequency", [862_999_999, 870_000_001])
async def test_frequency_outside_the_band_is_refused(bench: Bench, frequency: int) -> None:
    assert await bench.driver.send(bench.packet(frequency=frequency)) is TxStatus.TX_FREQ


async def test_packet_collides_with_the_one_before_it(bench: Bench) -> None:
    assert await bench.driver.send(bench.packet(1_000_000)) is TxStatus.OK
    for busy in (SCHEDULED, EMITTING):
        bench.board.tx_status[0] = busy
        assert await bench.driver.send(bench.packet(20_000)) is TxStatus.COLLISION_PACKET


async def test_stuck_transmitter_is_freed_for_the_next_packet(bench: Bench) -> None:
    bench.board.tx_status[0] = SCHEDULED
    free_on_abort(bench.board)
    assert await bench.driver.send(bench.packet()) is TxStatus.OK


async def test_packet_that_was_never_sent_is_taken_back(bench: Bench) -> None:
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK
    bench.board.tx_status[0] = SCHEDULED
    free_on_abort(bench.board)
    receiving = asyncio.create_task(bench.driver.receive())
    while "never_sent" not in bench.driver.status().drops:
        await asyncio.sleep(0.01)
    receiving.cancel()
    assert bench.board.memory[0x5200] == 0
    assert bench.driver.status().drops == {"never_sent": 1}


async def test_packet_whose_moment_passed_while_it_was_armed_is_taken_back(bench: Bench) -> None:
    write = bench.board._write

    def slow(address: int, value: int, mask: int) -> None:
        write(address, value, mask)
        if address == 0x5200 and value == 2:
            time.sleep(0.005)
            bench.board.tx_status[0] = SCHEDULED
        elif address == 0x5200:
            bench.board.tx_status[0] = FREE

    bench.board._write = slow  # type: ignore[method-assign]
    assert await bench.driver.send(bench.packet(4_000)) is TxStatus.TOO_LATE
    assert bench.board.memory[0x5200] == 0
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK


async def test_temperature_is_asked_for_once_a_second(bench: Bench) -> None:
    for temperature in (30.0, 35.0):
        bench.board.temperature = temperature
        bench.board.fifo += SMALL
        await bench.driver.receive()
    assert [command for command, _ in bench.board.requests].count(0x01) == 1
    assert bench.driver.status().temperature == 30.0


async def test_stop_aborts_both_chains_and_resets_the_board(bench: Bench) -> None:
    await bench.driver.send(bench.packet())
    await bench.driver.stop()
    assert (bench.board.memory[0x5200], bench.board.memory[0x5400]) == (0, 0)
    assert {0x5200, 0x5400} <= set(bench.board.written)
    assert bench.board.gpio == OPEN * 2
    assert bench.links[0].closed
    await bench.driver.stop()


async def test_stop_resets_the_board_even_if_a_transmitter_does_not_stop(bench: Bench) -> None:
    bench.board.tx_status[0] = EMITTING
    await bench.driver.stop()
    assert bench.board.gpio == OPEN * 2
    assert bench.links[0].closed


def free_on_abort(board: StandIn) -> None:
    write = board._write

    def watch(address: int, value: int, mask: int) -> None:
        write(address, value, mask)
        if address == 0x5200 and not value:
            board.tx_status[0] = FREE

    board._write = watch  # type: ignore[method-assign]


def over_a_port(port: PtyBoard) -> Sx1302:
    return Sx1302(
        SETTINGS, lambda: open_link(port.path), lambda: IMAGES, lambda _: asyncio.sleep(0)
    )


async def test_driver_starts_and_receives_over_a_port() -> None:
    board = StandIn(ticks=SECOND)

    def answer(identity: int, command: int, payload: bytes) -> bytes:
        return frame(identity, *board.handle(command, payload))

    with pty_board(answer) as port:
        driver = over_a_port(port)
        await driver.start()
        board.fifo += SMALL * 50
        assert len(await driver.receive()) == 50
        await driver.stop()
    assert board.gpio == OPEN * 2


@pytest.mark.parametrize("after", [0, 1, 2, 20, 60, 100, 157, 160, 170])
async def test_unplugging_at_any_moment_fails_everything_under_way(after: int) -> None:
    board = StandIn(ticks=SECOND)

    def answer(identity: int, command: int, payload: bytes) -> bytes:
        if len(port.requests) > after:
            port.unplug()
            return b""
        return frame(identity, *board.handle(command, payload))

    with pty_board(answer) as port:
        driver = over_a_port(port)

        async def live() -> None:
            await driver.start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(driver.receive())
                tasks.create_task(poll_counter(driver))

        with pytest.raises((LinkLost, ExceptionGroup)) as lost:
            await live()
        faults = getattr(lost.value, "exceptions", [lost.value])
        assert {type(fault) for fault in faults} == {LinkLost}
        await driver.stop()


async def poll_counter(driver: Sx1302) -> None:
    while True:
        await driver.counter()
