"""Transmissions before a stand-in board: refused, armed, stuck, taken back."""

import asyncio
from dataclasses import replace

import pytest
from sx1302_bench import EMITTING, FREE, SCHEDULED, SETTINGS, Bench, running
from sx1302_standin import StandIn

from drivers.concentrator import ChipError, TxStatus


@pytest.fixture
async def bench() -> Bench:
    return await running()


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
    assert await bench.driver.send(bench.packet(after_us)) is status
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


@pytest.mark.parametrize("stuck", [SCHEDULED, EMITTING])
async def test_stuck_transmitter_is_freed_for_the_next_packet(bench: Bench, stuck: int) -> None:
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK
    bench.board.tx_status[0] = stuck
    free_on_abort(bench.board)
    bench.pass_time(1)
    assert await bench.driver.send(bench.packet()) is TxStatus.OK


async def test_transmission_that_does_not_end_is_cut_off(bench: Bench) -> None:
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK
    bench.board.tx_status[0] = EMITTING
    free_on_abort(bench.board)
    await bench.driver.receive()
    assert bench.driver.status().drops == {"overran": 1}
    assert await bench.driver.send(bench.packet()) is TxStatus.OK


@pytest.mark.parametrize("stuck", [SCHEDULED, EMITTING])
async def test_transmitter_that_hangs_is_a_fault_within_two_seconds(
    bench: Bench, stuck: int
) -> None:
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK
    bench.board.tx_status[0] = stuck
    sent_at = bench.seconds
    with pytest.raises(ChipError, match="the transmitter hangs: chain A"):
        await bench.driver.receive()
    assert bench.seconds - sent_at < 2


async def test_board_that_is_slow_and_tells_no_status_is_left_in_time(bench: Bench) -> None:
    """A second of waiting is one also where each answer takes 10 ms."""
    link, request = bench.links[-1], bench.links[-1].request

    async def slow(command: int, payload: bytes) -> bytes:
        bench.pass_time(0.01)
        return await request(command, payload)

    link.request = slow  # type: ignore[method-assign]
    bench.board.tx_status[0] = 0x00
    before = bench.seconds
    await bench.driver.stop()
    assert bench.seconds - before < 2


async def test_polling_lets_a_packet_be_programmed_first(bench: Bench) -> None:
    link, request = bench.links[-1], bench.links[-1].request

    async def in_turn(command: int, payload: bytes) -> bytes:
        await asyncio.sleep(0)
        return await request(command, payload)

    link.request = in_turn  # type: ignore[method-assign]
    sending = asyncio.create_task(bench.driver.send(bench.packet()))
    polling = asyncio.create_task(bench.driver.receive())
    assert await sending is TxStatus.OK
    assert len(bench.board.requests) == 3  # status, counter, set-up with trigger
    await polling


async def test_transmitter_that_hangs_when_it_is_needed_is_found_by_the_receiver_too(
    bench: Bench,
) -> None:
    bench.board.tx_status[0] = SCHEDULED
    with pytest.raises(ChipError, match="hangs"):
        await bench.driver.send(bench.packet())
    with pytest.raises(ChipError, match="hangs"):
        await bench.driver.receive()


@pytest.mark.parametrize("status", [FREE, 0x00, 0x12])
async def test_free_or_unknown_status_is_no_fault(bench: Bench, status: int) -> None:
    bench.board.tx_status[0] = status
    for _ in range(2):
        assert await bench.driver.send(bench.packet()) is TxStatus.OK
        await bench.listen(2)
    assert bench.driver.status().drops == {}


async def test_next_packet_follows_at_once_where_the_status_is_unknown(bench: Bench) -> None:
    bench.board.tx_status[0] = 0x00
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK
    assert await bench.driver.send(bench.packet(60_000)) is TxStatus.COLLISION_PACKET
    bench.pass_time(0.1)  # 30 ms, 31 ms on the air
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK


@pytest.mark.parametrize(
    ("wanted", "gain", "index"), [(14, 0.0, 17), (14, 2.0, 15), (16, 2.15, 16), (16.5, 2.5, 17)]
)
async def test_power_at_the_connector_is_lower_by_the_antenna_gain(
    wanted: int, gain: float, index: int
) -> None:
    bench = await running(replace(SETTINGS, antenna_gain=gain))
    assert await bench.driver.send(bench.packet(power=wanted)) is TxStatus.OK
    assert bench.board.memory[0x520D] == index


@pytest.mark.parametrize(("wanted", "gain"), [(11, 0.0), (14, 2.15), (0, 0.0)])
async def test_nothing_is_sent_louder_than_wanted(wanted: int, gain: float) -> None:
    bench = await running(replace(SETTINGS, antenna_gain=gain))
    assert await bench.driver.send(bench.packet(power=wanted)) is TxStatus.TX_POWER
    assert bench.board.requests == []


async def test_packet_that_was_never_sent_is_taken_back(bench: Bench) -> None:
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK
    bench.board.tx_status[0] = SCHEDULED
    free_on_abort(bench.board)
    await bench.driver.receive()
    assert bench.board.memory[0x5200] == 0
    assert bench.driver.status().drops == {"never_sent": 1}


async def test_packet_whose_moment_passed_while_it_was_armed_is_taken_back(bench: Bench) -> None:
    write = bench.board._write

    def slow(address: int, value: int, mask: int) -> None:
        write(address, value, mask)
        if address == 0x5200 and value == 2:
            bench.pass_time(0.005)
            bench.board.tx_status[0] = SCHEDULED
        elif address == 0x5200:
            bench.board.tx_status[0] = FREE

    bench.board._write = slow  # type: ignore[method-assign]
    assert await bench.driver.send(bench.packet(4_000)) is TxStatus.TOO_LATE
    assert bench.board.memory[0x5200] == 0
    assert await bench.driver.send(bench.packet(30_000)) is TxStatus.OK


def free_on_abort(board: StandIn) -> None:
    write = board._write

    def watch(address: int, value: int, mask: int) -> None:
        write(address, value, mask)
        if address == 0x5200 and not value:
            board.tx_status[0] = FREE

    board._write = watch  # type: ignore[method-assign]
