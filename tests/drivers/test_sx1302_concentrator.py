"""The whole driver before a stand-in board: start, faults at start, receiving, unplugging."""

import asyncio

import pytest
from pty_board import PtyBoard, frame, pty_board
from sx1302_bench import EMITTING, EUI, FIFO_COUNT, IMAGES, SECOND, SETTINGS, SMALL, Bench, running
from sx1302_standin import StandIn

from drivers.concentrator import ChipError, LinkLost, McuError, TxStatus
from drivers.link import open_link
from drivers.sx1302 import concentrator
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware

OPEN = [(0, 1, 1), (0, 2, 1), (0, 2, 0), (0, 8, 0), (0, 8, 1)]


@pytest.fixture
async def bench() -> Bench:
    return await running()


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


@pytest.mark.parametrize("damaged", [0x1234, 0x2000, 0x5781, 0x578F, 0x6081])
async def test_start_works_after_one_that_failed(damaged: int) -> None:
    bench = Bench()
    bench.board.damage = {damaged}
    with pytest.raises(ChipError):
        await bench.driver.start()
    assert bench.driver.status().chip_session == 0
    bench.board.damage.clear()
    bench.board.memory[:] = bytes(0x8000)
    await bench.driver.start()
    assert [link.closed for link in bench.links] == [True, False]
    assert bench.driver.status().chip_session == 1
    assert await bench.driver.send(bench.packet()) is TxStatus.OK


async def test_port_that_is_no_concentrator_is_said_so_and_may_become_one() -> None:
    board = StandIn(ticks=SECOND)
    with pty_board(lambda *_: b"$GPRMC,123519,A,4807.038,N\r\n") as port:
        driver = over_a_port(port)
        with pytest.raises(LinkLost, match="not a concentrator: it speaks like a GPS"):
            await driver.start()
        port.answer = lambda identity, command, payload: frame(
            identity, *board.handle(command, payload)
        )
        await driver.start()
        await driver.stop()


async def test_missing_firmware_fails_the_start_and_may_come_later() -> None:
    bench = Bench()
    bench.driver = Sx1302(SETTINGS, bench.open_link, lambda: images.pop()(), bench.sleep, bench.now)

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


async def test_quiet_air_is_told_with_an_empty_list(bench: Bench) -> None:
    asked_at = bench.seconds
    assert await bench.driver.receive() == []
    assert 0 < bench.seconds - asked_at <= 2
    bench.board.fifo += SMALL
    assert len(await bench.driver.receive()) == 1


async def test_packet_that_waited_in_the_fifo_is_dated_by_its_end(bench: Bench) -> None:
    bench.board.fifo += ended(bench.board.ticks)
    bench.pass_time(0.04)
    (packet,) = await bench.driver.receive()
    waited = (bench.us - packet.counter_us) / 1e6
    assert 0.035 < waited < 0.045
    assert packet.ended_at == pytest.approx(bench.seconds - waited, abs=1e-6)


async def test_slow_answer_does_not_spoil_the_dates(bench: Bench) -> None:
    """The count that comes 0.4 s late may be of any moment since it was asked for."""
    bench.board.fifo += ended(bench.board.ticks)
    link = bench.links[-1]
    answer = link.request

    async def slowly(command: int, payload: bytes) -> bytes:
        bench.pass_time(0.4)
        return await answer(command, payload)

    link.request = slowly  # type: ignore[method-assign]
    (packet,) = await bench.driver.receive()
    waited = (bench.us - packet.counter_us) / 1e6
    assert packet.ended_at == pytest.approx(bench.seconds - waited, abs=1e-3)


async def test_dates_follow_a_clock_that_drifts(bench: Bench) -> None:
    bench.rate = SECOND * 1.0001
    await bench.listen(3600)
    bench.board.fifo += ended(bench.board.ticks)
    (packet,) = await bench.driver.receive()
    waited = (bench.us - packet.counter_us) / 1e6
    assert packet.ended_at == pytest.approx(bench.seconds - waited, abs=1e-3)


def ended(ticks: int) -> bytes:
    """A packet that the chip has stamped with that count."""
    at = 9 + SMALL[2] + 6
    body = SMALL[:at] + (ticks % 2**32).to_bytes(4, "little") + SMALL[at + 4 : -1]
    return body + bytes((sum(body) & 0xFF,))


async def test_idle_poll_costs_one_request(bench: Bench) -> None:
    await bench.driver.receive()
    assert {payload for _, payload in bench.board.requests} == {FIFO_COUNT}
    assert len(bench.board.requests) == len(bench.pauses) + 1


async def test_quiet_air_is_looked_at_less_often_until_the_next_packet(bench: Bench) -> None:
    await bench.driver.receive()
    assert set(bench.pauses) == {concentrator.POLL_PAUSE}
    bench.pauses.clear()
    await bench.driver.receive()
    assert set(bench.pauses) == {concentrator.QUIET_PAUSE}
    bench.board.fifo += SMALL
    assert len(await bench.driver.receive()) == 1
    bench.pauses.clear()
    await bench.driver.receive()
    assert set(bench.pauses) == {concentrator.POLL_PAUSE}


def test_full_fifo_takes_longer_than_the_longest_pause() -> None:
    """259 of the shortest packets a second, or at most 100 bytes each ms: 4096 bytes."""
    frame_rate, frame_size = 259, 23 + 23
    assert 4096 / (frame_rate * frame_size) > 4 * concentrator.QUIET_PAUSE


@pytest.mark.parametrize("first", [True, False])
async def test_torn_fifo_count_loses_nothing(bench: Bench, first: bool) -> None:
    torn, true = b"\x00\x02", len(SMALL * 6).to_bytes(2, "big")
    bench.board.fifo += SMALL * 6
    bench.board.torn[0x58C8] = [torn, true] if first else [true, torn]
    assert len(await bench.driver.receive()) == 6
    assert bench.driver.status().drops == {}


async def test_drops_are_counted_in_the_status(bench: Bench) -> None:
    bench.board.fifo += SMALL[:-1] + b"\x00" + SMALL
    assert len(await bench.driver.receive()) == 1
    assert bench.driver.status().drops == {"bad_checksum": 1}


async def test_counter_carries_its_session_and_costs_one_request(bench: Bench) -> None:
    assert await bench.driver.counter() == (bench.us, 1)
    assert len(bench.board.requests) == 1


async def test_temperature_is_asked_for_once_a_second_while_packets_come(bench: Bench) -> None:
    for temperature in (30.0, 35.0):
        bench.board.temperature = temperature
        bench.board.fifo += SMALL
        await bench.driver.receive()
    assert [command for command, _ in bench.board.requests].count(0x01) == 1
    assert bench.driver.status().temperature == 30.0


async def test_temperature_is_asked_for_on_a_quiet_air_too(bench: Bench) -> None:
    bench.board.temperature = 40.0
    await bench.listen(5)
    bench.board.temperature = -5.0
    bench.board.requests.clear()
    await bench.listen(90)
    assert bench.driver.status().temperature == -5.0
    assert [command for command, _ in bench.board.requests].count(0x01) <= 3


async def test_pulses_are_told_in_the_status(bench: Bench) -> None:
    assert bench.driver.status().pulses == 0
    bench.board.pps_ticks = SECOND
    await bench.driver.counter()
    assert bench.driver.status().pulses == 1


async def test_wraps_are_followed_on_a_quiet_air(bench: Bench) -> None:
    await bench.listen(300)
    assert bench.us > 2**28
    assert (await bench.driver.counter()).us == bench.us


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


def over_a_port(port: PtyBoard) -> Sx1302:
    """The stand-in's count stands still, so the driver's clock does."""
    return Sx1302(
        SETTINGS,
        lambda: open_link(port.path),
        lambda: IMAGES,
        lambda _: asyncio.sleep(0),
        lambda: 0.0,
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
