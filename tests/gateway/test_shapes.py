"""What does not fit is said in words of ours first, in msgspec's in brackets."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from gateway.shapes import plainly


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    a: Annotated[float, Meta(ge=0.1)] = 1.0
    b: Literal["x", "y"] = "x"
    c: Annotated[list[int], Meta(max_length=2)] = []
    d: Annotated[float, Meta(gt=0, le=5)] | None = None
    e: bool = False
    f: Annotated[str, Meta(pattern="^a")] = "a"
    g: datetime | None = None


class Needed(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": "x"}, "give a number: this is text (Expected `float`, got `str` - at `$.a`)"),
        ({"a": 0}, "give a number, at least 0.1 (Expected"),
        ({"b": "z"}, "none of the possible words: 'z' (Invalid enum value 'z' - at `$.b`)"),
        ({"c": [1, 2, 3]}, "its length is to be at most 2 (Expected"),
        ({"c": {}}, "give a list: this is a table (Expected"),
        ({"d": "x"}, "give a number: this is text (Expected `float | null`, got"),
        ({"d": 0}, "give a number, more than 0.0 (Expected"),
        ({"e": 1}, "give true or false: this is a whole number (Expected"),
        ({"f": "b"}, "it does not have the form that is needed (Expected"),
        ({"g": "b"}, "Invalid RFC3339 encoded datetime - at `$.g`"),
        ({"h": 1}, "not known here: h (Object contains unknown field `h`)"),
    ],
)
def test_what_does_not_fit_is_said_plainly(value: Any, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(value, Shape)
    assert plainly(raised.value).startswith(said)


def test_what_is_missing_is_said_plainly() -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert({}, Needed)
    assert plainly(raised.value).startswith("it lacks name (Object missing required field `name`)")
