"""The whole driver before a stand-in board that falls sick: found in time, and no false alarm."""

import pytest
from sx1302_bench import FIFO_COUNT, SMALL, Bench, running

from drivers.concentrator import ChipError, TxStatus

WRONG_CRC = bytearray(SMALL[:-1])
WRONG_CRC[9 + SMALL[2]] |= 1
WRONG_CRC.append(sum(WRONG_CRC) % 256)


@pytest.fixture
async def bench() -> Bench:
    return await running()


async def test_looking_after_the_health_costs_little(bench: Bench) -> None:
    await bench.listen(60)
    others = [payload for _, payload in bench.board.requests if payload != FIFO_COUNT]
    assert 3 * 15 < len(others) <= 4 * 20 + 2


async def sick(bench: Bench, within: float) -> str:
    """What the driver says of its chip within so many seconds."""
    with pytest.raises(ChipError) as fault:
        await bench.listen(within)
    return str(fault.value)


@pytest.mark.parametrize(
    ("registers", "says"),
    [
        ({0x5780: 1}, "parity flag of the AGC is set"),
        ({0x6080: 1}, "parity flag of the arbiter is set"),
        ({0x5780: 1, 0x6080: 1}, "parity flag of the AGC and the arbiter is set"),
        ({0x5780: 1, 0x6080: 1, 0x5781: 0x14}, "reception has stalled silently"),
        ({0x5605: 0}, "reset behind this program's back"),
    ],
)
async def test_sick_chip_is_found_within_seconds_and_healed_by_a_start(
    bench: Bench, registers: dict[int, int], says: str
) -> None:
    for address, value in registers.items():
        bench.board.memory[address] = value
    assert says in await sick(bench, within=5)
    bench.board.memory[:] = bytes(0x8000)  # as the chip's reset does
    await bench.driver.start()
    await bench.listen(10)
    assert bench.driver.status().chip_session == 2


@pytest.mark.parametrize("status", [0x0F, 0x00, 0x01, 0x02, 0x03, 0x14])
async def test_agc_status_alone_is_no_fault(bench: Bench, status: int) -> None:
    bench.board.memory[0x5781] = status
    await bench.listen(20)


async def test_spi_that_died_is_told_by_the_version(bench: Bench) -> None:
    bench.board.damage = {0x5606}
    assert "version reads 0x13, at its start it was 0x12" in await sick(bench, within=5)


async def test_board_that_reads_the_same_everywhere_is_told_by_the_version(bench: Bench) -> None:
    bench.board._read = lambda address, size: b"\xff" * size  # type: ignore[method-assign]
    for ask in (bench.driver.counter, bench.driver.receive):
        with pytest.raises(ChipError, match="version reads 0xFF"):
            await ask()


async def test_one_bad_reading_is_not_believed(bench: Bench) -> None:
    bench.board.torn[0x5780] = [b"\x01\x14"]
    bench.board.torn[0x6080] = [b"\x01"]
    await bench.listen(20)
    assert not bench.board.torn[0x5780]


async def test_reset_behind_our_back_opens_a_session_that_refuses_the_old_ones_packets(
    bench: Bench,
) -> None:
    old = bench.packet(60_000_000)
    bench.board.ticks = 0
    assert "began anew" in await sick(bench, within=5)
    await bench.driver.start()
    assert await bench.driver.send(old) is TxStatus.TOO_LATE
    assert await bench.driver.send(bench.packet()) is TxStatus.OK


async def test_unbroken_run_of_wrong_crcs_is_a_fault_within_a_minute(bench: Bench) -> None:
    bench.board.fifo += SMALL
    assert len(await bench.driver.receive()) == 1
    with pytest.raises(ChipError, match="not one good packet"):
        await wrong_crcs(bench, seconds=60)


async def wrong_crcs(bench: Bench, seconds: int) -> None:
    for _ in range(seconds):
        bench.board.fifo += WRONG_CRC * 2
        await bench.driver.receive()
        bench.pass_time(1)
