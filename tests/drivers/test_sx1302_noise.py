"""The noise of each channel, before a stand-in whose meter is at the selected one."""

from dataclasses import replace

from sx1302_bench import SETTINGS, running

ALPHA = 7 << 3  # the filter shares the selector's register


async def test_each_channel_is_measured_with_its_own_level() -> None:
    settings = replace(SETTINGS, channels=(None, *SETTINGS.channels[1:7], None))
    bench = await running(settings)
    memory = bench.board.memory
    memory[0x5811] = ALPHA
    read, calls = bench.board._read, iter(range(10**6))

    def meter(address: int, size: int) -> bytes:
        if address == 0x5818:
            return bytes((100 + 2 * (memory[0x5811] & 7) + next(calls) % 3,))
        return read(address, size)

    bench.board._read = meter  # type: ignore[method-assign]
    noise = await bench.driver.noise()
    assert [each.chain for each in noise] == [1, 2, 3, 4, 5, 6]
    for each in noise:
        channel, centre = settings.channels[each.chain], each.frequency
        assert channel is not None
        assert centre == settings.centre(channel)
        level = 100 + 2 * each.chain - 215.4 + 0.989  # at 24.37 °C
        found = [round(value - level, 2) for value in (each.low, each.median, each.high)]
        assert found == [0, 1, 2]
    assert memory[0x5811] == ALPHA
    assert sum(bench.pauses) < 2


async def test_meter_settles_before_it_is_read() -> None:
    bench = await running()
    await bench.driver.noise()
    spi = [payload for command, payload in bench.board.requests if command == 5]
    selects = [payload[5] for payload in spi if payload[1] == 2]
    assert selects == [*range(8), 0]
    assert len([pause for pause in bench.pauses if pause >= 0.01]) == 8


async def test_reception_goes_on_after_it() -> None:
    bench = await running()
    await bench.driver.noise()
    await bench.listen(10)
