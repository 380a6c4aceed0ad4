"""What was measured, in the words of who reads it."""

from typing import Any

import pytest

from gateway.cli import language
from gateway.cli.quantities import measured, megahertz, shown


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"),
        (False, "no"),
        (21.5, "21.5"),
        (0.1 + 0.2, "0.3"),
        (-0.25, "-0.25"),
        (1e300, "1e+300"),
        (float("nan"), "nan"),
        ("open\x1b[2J", "open"),
    ],
)
def test_value_is_shown_with_the_digits_that_tell_something(value: Any, said: str) -> None:
    assert shown(value).startswith(said)
    assert "\x1b" not in shown(value)


def test_measurement_has_its_unit_and_why_it_is_not_believed() -> None:
    reading = {
        "measurements": {"distance": 0.12345, "full": False, "count": 7, "level": float("inf")},
        "units": {"distance": "m"},
        "flags": {"distance": "blind_zone", "count": "out_of_range", "level": "of_tomorrow"},
    }
    assert list(measured(reading)) == [
        "distance 0.12345 m (in the blind zone)",
        "full no",
        "count 7 (out of range)",
        "level inf (of_tomorrow)",
    ]
    assert next(measured(reading, 3)) == "distance 0.123 m (in the blind zone)"
    assert list(measured({"measurements": {"n": 1}, "units": {}, "flags": None})) == ["n 1"]


@pytest.mark.parametrize(
    ("frequency", "said"),
    [(868_100_000, "868.1"), (867_125_000, "867.125"), (865_062_500, "865.0625")],
)
def test_frequency_has_the_digits_that_it_has(frequency: int, said: str) -> None:
    assert megahertz(frequency) == said
    language.speak("de")
    try:
        assert megahertz(frequency) == said.replace(".", ",")
    finally:
        language.speak("en")
