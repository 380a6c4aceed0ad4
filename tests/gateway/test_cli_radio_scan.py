"""kogge radio scan: the levels that were measured, as figures, bars and a verdict."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bench_board import bench, board, driver
from concentrator_standin import FakeConcentrator

from drivers.concentrator import DriverError
from drivers.sx1302.noise import ChannelNoise
from gateway.cli import radio_scan


@dataclass
class Noisy(FakeConcentrator):
    """Tells what is set, and then nothing more."""

    rounds: list[list[ChannelNoise]] = field(default_factory=list)

    async def noise(self) -> list[ChannelNoise]:
        if not self.rounds:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return self.rounds.pop(0)


def noise(chain: int, median: float) -> ChannelNoise:
    return ChannelNoise(chain, 868_100_000 + chain * 200_000, median, median - 2, median + 5)


async def test_rounds_are_put_together_by_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = [[noise(0, level), noise(1, -95.0)] for level in (-118.0, -120.0, -112.0)]
    one = Noisy(rounds=rounds)
    on_bench = await asyncio.to_thread(bench, one, tmp_path)
    assert await radio_scan.scan(on_bench, 0.3, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "rounds": 3,
        "channels": [
            {"chain": 0, "frequency": 868_100_000, "median": -118.0, "low": -122.0,
             "high": -107.0, "verdict": "quiet"},
            {"chain": 1, "frequency": 868_300_000, "median": -95.0, "low": -97.0,
             "high": -90.0, "verdict": "disturbed"},
        ],
    }  # fmt: skip
    assert one.done[-1] == "stop"


async def test_every_channel_of_the_plan_is_measured_on_the_board(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with board() as (running, _):
        one = await asyncio.to_thread(driver, running, tmp_path)
        assert await radio_scan.scan(one, 0.01, as_json=True) == 0
    channels = json.loads(capsys.readouterr().out)["channels"]
    assert [each["chain"] for each in channels] == list(range(8))
    assert {each["frequency"] for each in channels} >= {868_100_000, 867_900_000}


async def test_concentrator_without_a_meter_says_so(tmp_path: Path) -> None:
    one = FakeConcentrator()
    on_bench = await asyncio.to_thread(bench, one, tmp_path, port="udp://127.0.0.1:1700")
    with pytest.raises(DriverError, match=r"udp://127\.0\.0\.1:1700 cannot measure noise"):
        await radio_scan.scan(on_bench, 1.0, as_json=False)
    assert one.done == []


@pytest.mark.parametrize(
    ("level", "word"),
    [(-131, "no reading"), (-118, "quiet"), (-110, "fair"), (-100, "fair"), (-99, "disturbed")],
)
def test_level_has_its_word(level: float, word: str) -> None:
    assert radio_scan.verdict(level) == word


def test_lines_show_bars_in_order_of_frequency_and_an_advice() -> None:
    report = radio_scan.scan_report([[noise(1, -95.0), noise(0, -118.0)]])
    first, second, _, advice = radio_scan.lines(report)
    assert first == ("  868.100 MHz |     -#--                     | -118.0 dBm  -120…-113  quiet")
    assert second.startswith("  868.300 MHz |                -#--")
    assert "1 of 2 channels are disturbed" in advice
    assert "Move the antenna" in advice
    assert max(map(len, (first, second))) <= 80


def test_level_beyond_the_bar_stays_on_it() -> None:
    assert radio_scan.bar({"low": -200.0, "median": -140.0, "high": -20.0}) == f"|#{'-' * 29}|"


def test_meter_that_shows_nothing_is_no_quiet_site() -> None:
    *_, advice = radio_scan.lines(radio_scan.scan_report([[noise(0, -214.4)]]))
    assert "says nothing about the site" in advice
