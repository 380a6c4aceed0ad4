"""A reading to send, and the judge of messages: the JSON Schemas of config/schema."""

import json
from typing import Any

import msgspec
from jsonschema import Draft202012Validator

from gateway import files
from gateway.records import Moment, Radio, Reading

EUI = "0016c001ff10a235"
MOMENT = Moment(1_777_636_800.1239, "ntp", "6f1e", 12.5)
READING = Reading(
    id="000102030405060708090a0b0c0d0e0f",
    device="70b3d57ed0000001",
    session="0000010002",
    name="parking-neuer-markt-07",
    moment=MOMENT,
    f_port=1,
    f_cnt=65_537,
    confirmed=True,
    measurements={"occupied": True, "temperature_3": 21.5, "state": "ok"},
    units={"temperature_3": "Cel"},
    radio=Radio(-97.5, 8.25, 7, 125_000, 868_100_000),
)


def replaced(**fields: Any) -> Reading:
    """READING with other `fields`."""
    return msgspec.structs.replace(READING, **fields)


def validator(kind: str) -> Draft202012Validator:
    """The judge of config/schema/KIND.json."""
    schema = json.loads((files.shipped() / "schema" / f"{kind}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


_VALIDATORS = {kind: validator(kind) for kind in ("readings", "events", "status")}


def check(kind: str, message: bytes | str) -> dict[str, Any]:
    """The message, parsed; an AssertionError says what in it the schema of `kind` refuses."""
    parsed: dict[str, Any] = json.loads(message)
    faults = [
        f"{error.json_path}: {error.message}" for error in _VALIDATORS[kind].iter_errors(parsed)
    ]
    assert not faults, "\n".join(faults)
    return parsed
