"""A reader of SenML by RFC 8428 alone: it knows nothing of what Kogge writes.

`resolved` is §4.6: base fields applied, relative times made absolute. A record that breaks a rule
of the RFC is an AssertionError.
"""

import base64
import json
import math
import re
import zlib
from typing import Any

import cbor2

# §6, Table 4
_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_KNOWN = set(_LABELS.values())
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9:./_]*")  # §4.5.1
_VERSION = 10


def read(message: bytes, content_type: str, content_encoding: str = "") -> list[dict[str, Any]]:
    """The pack of a message, with labels as in JSON and data values as bytes."""
    if content_encoding:
        assert content_encoding == "deflate"
        message = zlib.decompress(message)
    if content_type == "application/senml+cbor":
        return [_from_cbor(record) for record in cbor2.loads(message)]
    assert content_type == "application/senml+json"
    return [_from_json(record) for record in json.loads(message, parse_constant=_no_constant)]


def resolved(pack: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """Records with `n`, one value, `t` in Unix seconds (§4.5.3), and labels nobody knows."""
    base: dict[str, Any] = {}
    records = []
    for record in pack:
        assert record.get("bver", _VERSION) == _VERSION
        strange = set(record) - _KNOWN
        assert not [label for label in strange if label.endswith("_")], "§4.4: must be understood"
        base |= {label: record[label] for label in ("bn", "bt", "bu") if label in record}
        assert not {"bv", "bs", "s", "ut"} & set(record), "not in use here"
        name = base.get("bn", "") + record.get("n", "")
        assert _NAME.fullmatch(name), name
        assert len({"v", "vs", "vb", "vd"} & set(record)) == 1, "§4.2: exactly one value"
        time = base.get("bt", 0) + record.get("t", 0)
        whole = {"n": name, "t": time if time >= 2**28 else now + time}
        unit = record.get("u", base.get("bu"))
        records.append(
            whole
            | ({} if unit is None else {"u": unit})
            | {key: record[key] for key in record if key in strange or key.startswith("v")}
        )
    return records


def _from_cbor(record: dict[Any, Any]) -> dict[str, Any]:
    assert not {label for label in record if isinstance(label, str)} & _KNOWN, "§6: integers"
    named = {_LABELS[k] if isinstance(k, int) else k: v for k, v in record.items()}
    numbers = [value for value in named.values() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers))
    assert isinstance(named.get("vd", b""), bytes)
    return named


def _from_json(record: dict[str, Any]) -> dict[str, Any]:
    if "vd" in record:
        text = record["vd"]
        assert re.fullmatch(r"[-A-Za-z0-9_]*", text), "§5: base64url without padding"
        record["vd"] = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return record


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")
