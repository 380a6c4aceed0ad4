"""Asking and saying on the control socket whether devices may join."""

from typing import Any

import pytest

from gateway.diagnostics.joining import answer
from gateway.lorawan.join_control import JoinControl


def asked(control: JoinControl, now: float = 0.0, **request: Any) -> tuple[str, float | None]:
    found = answer(control, {"op": "join", **request}, now)
    return found["join"], found["seconds_left"]


def test_each_way_to_say_it() -> None:
    control = JoinControl(is_open=False)
    assert asked(control) == ("closed", None)
    assert asked(control, minutes=15) == ("open", 900)
    assert asked(control, now=840) == ("open", 60)
    assert asked(control, now=900) == ("closed", None)
    assert asked(control, now=901, open=True, minutes=0.5) == ("open", 30)
    assert asked(control, now=902, open=False) == ("closed", None)
    assert asked(control, now=903, open=True) == ("open", None)
    assert asked(control, now=904, minutes=1) == ("open", None), "it was open without an end"


def test_answer_tells_allow_list_and_limit() -> None:
    found = answer(JoinControl(allow=["70b3d5"], joins_per_minute=7), {"op": "join"}, 0)
    assert (found["allow"], found["joins_per_minute"]) == (["70b3d5"], 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": -1},
        {"minutes": 1441},
        {"minutes": "15"},
        {"minutes": float("nan")},
        {"open": "yes"},
        {"open": False, "minutes": 5},
    ],
)
def test_wrong_request_is_answered_and_changes_nothing(wrong: dict[str, Any]) -> None:
    control = JoinControl(is_open=False)
    assert answer(control, {"op": "join", **wrong}, 0).keys() == {"error"}
    assert asked(control) == ("closed", None)
