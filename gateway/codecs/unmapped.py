"""What a JavaScript codec says, where no device file says what its fields mean.

- Objects and lists within objects become names: {"a": {"b": 1, "c": [2]}} is a_b and a_c_0. What is
  in a name beside letters, digits and "_" becomes "_".
- A name of the vocabulary whose value is of its kind and plausible has the vocabulary's unit; other
  names have none, for nobody has said what the codec means: a `distance` of 1250 is no metres.
- The first MOST values count, texts up to LONGEST characters; null is nothing.
"""

import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from gateway.codecs.vocabulary import Measurement, Vocabulary, look_up
from gateway.records import Value

MOST: Final = 64
LONGEST: Final = 200
DEEPEST: Final = 8
LARGEST: Final = 2.0**63  # an integer beyond is a number
MOST_OF_A_NUMBER: Final = int(sys.float_info.max)


def measure(
    data: dict[str, Any], words: Vocabulary, measurements: dict[str, Value], units: dict[str, str]
) -> None:
    """Add the values in `data` to `measurements`, and what units are known to `units`."""
    for name, value in islice(_values("", data, 0), MOST):
        measurements[name] = value
        entry = look_up(words, name)
        if entry is not None and entry.unit and _is_meant(entry, value):
            units[name] = entry.unit


def _values(name: str, value: Any, depth: int) -> Iterator[tuple[str, Value]]:
    match value:
        case dict() | list() if depth < DEEPEST:
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in entries:
                clean = re.sub(r"\W", "_", str(key), flags=re.ASCII)[:LONGEST]
                yield from _values(f"{name}_{clean}" if name else clean, inner, depth + 1)
        case str() if name:
            yield name, value[:LONGEST]
        case bool() | float() if name:
            yield name, value
        case int() if name:
            if abs(value) < LARGEST:
                yield name, value
            elif abs(value) <= MOST_OF_A_NUMBER:
                yield name, float(value)


def _is_meant(entry: Measurement, value: Value) -> bool:
    if entry.kind not in ("number", "integer") or isinstance(value, bool | str):
        return False
    low, high = entry.range or (-LARGEST, LARGEST)
    return low <= value <= high
