"""The demo's lines: never wider than a terminal, plain where they must be, columns in order."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo import display
from gateway.demo.display import WIDTH, Style
from gateway.demo.judge import Verdict

STYLES = [Style(colours, utf8) for colours in (False, True) for utf8 in (False, True)]
VERDICT = Verdict(sent=52, received=52, lost=0, duplicates=0, redelivered=1, late=9, collided=2)


def reading(**changes: Any) -> dict[str, Any]:
    return {
        "received_at": "2026-05-04T11:19:07.123Z",
        "name": "gauge-03",
        "measurements": {"water_temperature": 8.38, "battery_voltage": 3.1, "water_level": 1.6646},
        "units": {"water_temperature": "Cel", "battery_voltage": "V", "water_level": "m"},
        "radio": {"rssi": -107.2, "snr": -11.5, "sf": 7, "bw": 125000, "frequency": 868100000},
        **changes,
    }


def bare(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def everything(style: Style) -> list[str]:
    wide = reading(
        name="n" * 40,
        measurements={"temperature": -1e9, "user_tag": "x" * 90},
        units={"temperature": "Cel"},
    )
    return [
        *display.header(style, 5, 3, outage=True),
        *display.header(style, 5, 3, outage=False),
        display.reading_line(style, reading(), "Warnow", late=False),
        display.reading_line(style, wide, "Kröpeliner Tor und weiter", late=True),
        display.joined_line(style, "parking-07", "Neuer Markt", 3, 5),
        display.cut_line(style),
        display.kept_line(style, "bin-04", "Kröpeliner Tor", 123),
        display.back_line(style),
        display.caught_up_line(style, 123),
        display.status_line(style, 599.9, 1234, 1234, 123, cut=True),
        *display.verdict_lines(style, VERDICT, 5, (11, 11, 0), good=True),
        *display.verdict_lines(style, replace(VERDICT, lost=3), 5, (100, 111, 11), good=False),
    ]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_no_line_is_wider_than_the_terminal(style: Style) -> None:
    for line in everything(style):
        assert len(bare(line)) <= WIDTH, line


def test_without_colours_there_is_no_escape() -> None:
    for line in everything(Style(colours=False, utf8=True)):
        assert "\x1b" not in line


def test_without_utf8_all_is_ascii_and_readable() -> None:
    lines = everything(Style(colours=False, utf8=False))
    assert all(line.isascii() and "?" not in line for line in lines)
    assert any("Kroepeliner" in line for line in lines)


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_readings_columns_stand_under_their_names(style: Style) -> None:
    header = [bare(line) for line in display.header(style, 5, 3, outage=True)]
    names = next(line for line in header if line.startswith("time"))
    line = bare(display.reading_line(style, reading(), "Warnow", late=False))
    for name, begins in [("time", "11:19:07"), ("device", "gauge-03"), ("place", "Warnow")]:
        assert line.index(begins) == names.index(name)
    assert line.index("level 1.66 m") == names.index("measured")
    assert line.endswith("-107 -11.5 live")
    assert line.index("-107") + 4 == names.index("dBm") + 3


def test_the_most_telling_measurement_comes_first_and_the_rest_as_it_fits() -> None:
    assert display.measured(reading()) == "level 1.66 m, 8.4 °C"
    parked = reading(measurements={"temperature": 11.0, "occupied": False}, units={})
    assert display.measured(parked) == "free, 11.0"
    full = reading(measurements={"full": True, "fill_level": 91.4}, units={"fill_level": "/100"})
    assert display.measured(full) == "FULL, filled 91 %"


def test_undecoded_reading_shows_its_payload() -> None:
    assert display.measured(reading(error="no codec", payload="0bad")) == "undecoded: 0bad"


def test_reading_without_a_time_shows_none() -> None:
    assert display.clock_time(None) == "--:--:--"


def test_a_fault_is_said_and_red() -> None:
    lines = display.verdict_lines(Style(True, True), replace(VERDICT, lost=3), 5, (0, 0, 0), False)
    assert any("lost" in line and "\x1b[31m" in line for line in lines)
    assert "✗" in lines[-1]


names = st.text(max_size=30)
values = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | st.text()


@given(names, st.dictionaries(names, values, max_size=6), st.floats(-200, 50), st.booleans())
def test_any_reading_fits(name: str, measurements: dict[str, Any], rssi: float, late: bool) -> None:
    odd = reading(name=name, measurements=measurements, units={})
    odd["radio"] = {**odd["radio"], "rssi": rssi, "snr": None}
    line = display.reading_line(Style(colours=False, utf8=False), odd, name, late)
    assert len(line) <= WIDTH
    assert line.isprintable()
