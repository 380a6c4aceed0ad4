"""What msgspec finds wrong with a value, in words of ours, and its own in brackets. Pure."""

import re
from collections.abc import Callable
from typing import Final

_KINDS: Final = {
    "float": "a number", "int": "a whole number", "bool": "true or false", "str": "text",
    "array": "a list", "object": "a table", "null": "nothing", "datetime": "a time",
}  # fmt: skip
_BOUNDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_SAID: Final[tuple[tuple[str, Callable[[re.Match[str]], str]], ...]] = (
    (
        r"Expected `([^`]+)`, got `([^`]+)`",
        lambda said: f"give {_kind(said[1])}: this is {_kind(said[2])}",
    ),
    (
        r"Expected `([^`]+)` ([<>]=?) (\S+)",
        lambda said: f"give {_kind(said[1])}, {_BOUNDS[said[2]]} {said[3]}",
    ),
    (
        r"Expected `(?:str|array|bytes)` of length ([<>]=?) (\d+)",
        lambda said: f"its length is to be {_BOUNDS[said[1]]} {said[2]}",
    ),
    (r"Object missing required field `([^`]+)`", lambda said: f"it lacks {said[1]}"),
    (r"Object contains unknown field `([^`]+)`", lambda said: f"not known here: {said[1]}"),
    (
        r"Expected `str` matching regex",
        lambda _said: "it does not have the form that is needed",
    ),
    (
        r"Invalid enum value (.+?)(?: - at .*)?$",
        lambda said: f"none of the possible words: {said[1]}",
    ),
)


def plainly(error: object) -> str:
    """Of a ValidationError, or its text; what is not known here is as msgspec says it."""
    text = str(error)
    for pattern, ours in _SAID:
        if found := re.match(pattern, text):
            return f"{ours(found)} ({text})"
    return text


def _kind(name: str) -> str:
    """`float | null` too: whoever may leave it out need not be told."""
    return _KINDS.get(name.partition(" | ")[0], name)
