"""Codec vectors: those shipped in tests/vectors, and further ones that may lie beside a checkout.

The further ones are looked for in the directory that KOGGE_VECTORS names, else in ../shared/vectors
beside the checkout; tests that want them skip when there are none.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "tests" / "vectors"


def shipped(name: str) -> list[dict[str, Any]]:
    """The records of tests/vectors/`name`."""
    return _records(SHIPPED / name)


def optional(name: str) -> list[dict[str, Any]]:
    """The records of the further file `name`; skips the test where it is absent."""
    directory = Path(os.environ.get("KOGGE_VECTORS", ROOT.parent / "shared" / "vectors"))
    if not (directory / name).exists():
        pytest.skip(f"no {name}: set KOGGE_VECTORS to a directory of codec vectors to run this")
    return _records(directory / name)


def codec_name(record: Mapping[str, Any]) -> str:
    """The catalogue's name of a record's codec."""
    vendor = record.get("vendor")
    return f"{vendor}/{record['codec']}" if vendor else str(record["codec"])


def differs(record: Mapping[str, Any], output: Mapping[str, Any]) -> str | None:
    """What is wrong with a codec's output for this record, None if nothing is.

    Data are compared as values, numbers to 1e-9; errors and warnings by being there or not.
    """
    expected = record["expected"]
    if isinstance(expected, list):
        expected = {"data": expected}
    for key in ("errors", "warnings"):
        if bool(expected.get(key)) != bool(output.get(key)):
            return f"{record['id']}: {key} {output.get(key)} instead of {expected.get(key)}"
    if "data" in expected and not same(expected["data"], output.get("data")):
        return f"{record['id']}: {output.get('data')} instead of {expected['data']}"
    return None


def same(expected: Any, got: Any) -> bool:
    """Equal as JSON, numbers to 1e-9."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(expected[k], got[k]) for k in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return math.isclose(expected, got, rel_tol=1e-9, abs_tol=1e-12)
    return bool(expected == got)


def finite(value: Any) -> bool:
    """Whether JSON can say it: no NaN and no infinity anywhere within."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
