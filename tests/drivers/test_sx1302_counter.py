"""The chip's count as the driver reads it: torn, wrapped, standing still, begun anew."""

import asyncio

import pytest
from sx1302_bench import SECOND, Bench, running

from drivers.concentrator import ChipError


@pytest.fixture
async def bench() -> Bench:
    return await running()


async def test_torn_reading_is_read_a_third_time(bench: Bench) -> None:
    whole = bench.board.ticks.to_bytes(4, "big")
    bench.board.torn[0x6101] = [bytes(4) + bytes((whole[0] ^ 1, *whole[1:])), bytes(4) + whole]
    assert (await bench.driver.counter()).us == bench.us
    assert len(bench.board.requests) == 3


async def test_reading_torn_in_a_low_byte_is_no_wrap(bench: Bench) -> None:
    before = (await bench.driver.counter()).us
    bench.board.torn[0x6101] = [bytes(4) + (bench.board.ticks - 2**16).to_bytes(4, "big")]
    assert (await bench.driver.counter()).us == before
    bench.pass_time(0.1)
    assert (await bench.driver.counter()).us == before + 100_000


async def test_count_is_followed_through_its_wraps(bench: Bench) -> None:
    for _ in range(50):
        bench.pass_time(100)
        assert (await bench.driver.counter()).us == bench.us % 2**32
    assert bench.us > 2**32


@pytest.mark.parametrize("seconds", [0.3, 3.0, 100.0])
@pytest.mark.parametrize(
    ("rate", "says"),
    [
        (0.0, "stands still: the chip has lost its clock"),
        (0.1, "does not keep pace"),
        (5.0, r"does not keep pace|jumped back|began anew"),
    ],
)
async def test_wrong_clock_is_a_fault(bench: Bench, seconds: float, rate: float, says: str) -> None:
    bench.rate = SECOND * rate
    bench.pass_time(seconds)
    with pytest.raises(ChipError, match=says):
        await bench.driver.counter()


@pytest.mark.parametrize("every", [0.01, 0.1, 1.0])
async def test_clock_that_stops_is_found_however_often_it_is_read(
    bench: Bench, every: float
) -> None:
    with pytest.raises(ChipError, match="stands still"):
        await stopped(bench, every)


async def stopped(bench: Bench, every: float) -> None:
    bench.rate = 0
    for _ in range(round(1 / every)):
        bench.pass_time(every)
        await bench.driver.counter()


async def test_clock_a_little_off_is_healthy(bench: Bench) -> None:
    bench.rate = SECOND * 1.0005
    for _ in range(100):
        bench.pass_time(3)
        await bench.driver.counter()


@pytest.mark.parametrize(
    ("ticks", "says"),
    [(SECOND // 10, "began anew"), (SECOND * 40, "jumped back"), (SECOND * 70, "keep pace")],
)
async def test_jump_is_a_fault(bench: Bench, ticks: int, says: str) -> None:
    bench.pass_time(50)
    await bench.driver.counter()
    bench.pass_time(0.1)
    bench.board.ticks = ticks
    with pytest.raises(ChipError, match=says):
        await bench.driver.counter()


@pytest.mark.parametrize("seconds", [121, 134.3, 1000])
async def test_program_that_was_stopped_for_long_does_not_trust_the_count(
    bench: Bench, seconds: float
) -> None:
    bench.pass_time(seconds)
    with pytest.raises(ChipError, match=f"was stopped for {round(seconds)} s; .* no longer be tru"):
        await bench.driver.counter()
    with pytest.raises(ChipError, match="was stopped"):
        await bench.driver.receive()


async def test_program_that_was_stopped_shortly_goes_on(bench: Bench) -> None:
    bench.pass_time(110)
    assert (await bench.driver.counter()).us == bench.us


async def test_slow_answer_is_no_fault(bench: Bench) -> None:
    link = bench.links[-1]
    request = link.request

    async def slow(command: int, payload: bytes) -> bytes:
        bench.pass_time(0.4)
        answer = await request(command, payload)
        bench.pass_time(0.4)
        return answer

    link.request = slow  # type: ignore[method-assign]
    for _ in range(10):
        await bench.driver.counter()


async def test_board_that_shows_no_count_is_left_alone() -> None:
    bench = Bench()
    bench.rate = bench.board.ticks = 0
    await bench.driver.start()
    await bench.listen(20)


async def test_readings_take_turns(bench: Bench) -> None:
    counts = await asyncio.gather(*(bench.driver.counter() for _ in range(5)))
    assert {count.us for count in counts} == {bench.us}


async def test_pulses_count_only_when_one_has_come(bench: Bench) -> None:
    await bench.listen(30)
    assert bench.driver.status().pulses == 0
    for _ in range(5):
        bench.board.pps_ticks = bench.board.ticks
        bench.pass_time(1)
        await bench.driver.counter()
        await bench.driver.counter()
    assert bench.driver.status().pulses == 5
