"""Readings as SenML: exact bytes, the schema, and a reader that knows the RFC alone."""

import math
import zlib
from base64 import urlsafe_b64encode
from hashlib import sha256
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import EUI, MOMENT, READING, replaced, validator
from senml_reader import read, resolved

from gateway import files
from gateway.codecs import vocabulary
from gateway.config import Mqtt
from gateway.lorawan.session import Session
from gateway.lorawan.uplink import reading_id
from gateway.northbound.formats import Format
from gateway.records import Moment, Reading

NOW = Moment(1_777_636_900.0, "ntp", "6f1e", 112.5)
DEVICE = "urn:dev:mac:70b3d57ed0000001_"
FORMATS = list(product(("senml+json", "senml+cbor"), ("none", "deflate")))


def sent(
    *readings: Reading,
    name: str = "senml+json",
    compression: str = "none",
    historical: bool = False,
    now: Moment = NOW,
) -> tuple[Format, bytes]:
    made = Format(msgspec.convert({"format": name, "compression": compression}, Mqtt))
    return made, made.readings(EUI, 7, readings, historical, lambda moment: moment, now)


def packed(*readings: Reading, **how: Any) -> list[dict[str, Any]]:
    """The pack as a subscriber reads it, held against the schema."""
    made, message = sent(*readings, **how)
    pack = read(message, *made.content)
    faults = [f"{e.json_path}: {e.message}" for e in validator("senml").iter_errors(as_text(pack))]
    assert not faults, "\n".join(faults)
    return pack


def as_text(pack: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def text(value: Any) -> Any:
        is_data = isinstance(value, bytes)
        return urlsafe_b64encode(value).decode().rstrip("=") if is_data else value

    return [{key: text(value) for key, value in record.items()} for record in pack]


def test_pack_is_exactly_as_agreed() -> None:
    _, message = sent(READING)
    assert message.decode() == (
        '[{"bn":"urn:dev:mac:0016c001ff10a235_","n":"batch","v":7},'
        '{"bn":"urn:dev:mac:70b3d57ed0000001_","bt":1777636800.124,'
        '"n":"uplink","vs":"0000010002/65537"},'
        '{"n":"name","vs":"parking-neuer-markt-07"},{"n":"occupied","vb":true},'
        '{"n":"temperature_3","u":"Cel","v":21.5},{"n":"state","vs":"ok"}]'
    )


def test_cbor_has_the_integers_of_the_rfc_for_labels() -> None:
    _, message = sent(
        replaced(measurements={"humidity": 55}, units={"humidity": "%RH"}), name="senml+cbor"
    )
    assert message.hex(" ").startswith("84 a3 21 78 1d 75 72 6e")  # 4 records; -2: 29 characters
    assert message.endswith(bytes.fromhex("a3 00 68") + b"humidity\x01\x63%RH\x02\x18\x37")


@pytest.mark.parametrize(("name", "compression"), FORMATS)
def test_reader_of_the_rfc_finds_every_measurement(name: str, compression: str) -> None:
    pack = packed(READING, name=name, compression=compression)
    _, uplink, introduced, *measured = resolved(pack, NOW.at or 0)
    assert uplink["n"] == DEVICE + "uplink"
    assert (introduced["n"], introduced["vs"]) == (DEVICE + "name", READING.name)
    assert all(abs(record["t"] - 1_777_636_800.1239) <= 0.001 for record in measured)
    assert [{key: record[key] for key in record if key != "t"} for record in measured] == [
        {"n": DEVICE + "occupied", "vb": True},
        {"n": DEVICE + "temperature_3", "u": "Cel", "v": 21.5},
        {"n": DEVICE + "state", "vs": "ok"},
    ]


@pytest.mark.parametrize("name", ["senml+json", "senml+cbor"])
def test_uplink_is_what_the_id_is_the_hash_of(name: str) -> None:
    (record,) = (r for r in resolved(packed(READING, name=name), 0) if "uplink" in r["n"])
    device = record["n"].removeprefix("urn:dev:mac:").removesuffix("_uplink")
    session, f_cnt = record["vs"].split("/")
    hashed = bytes.fromhex(device + session) + int(f_cnt).to_bytes(4, "big")
    theirs = SimpleNamespace(dev_eui=int(READING.device, 16), id=bytes.fromhex(READING.session))
    ours = reading_id(cast(Session, theirs), READING.f_cnt)
    assert sha256(hashed).hexdigest()[:32] == ours


def test_doubtful_measurement_is_flagged() -> None:
    pack = packed(replaced(flags={"temperature_3": "out_of_range"}))
    flags = {record.get("n"): record["flag"] for record in pack if "flag" in record}
    assert flags == {"temperature_3": "out_of_range"}


def test_base_fields_stand_where_they_change() -> None:
    later = msgspec.structs.replace(MOMENT, at=1_777_636_801.0)
    other = replaced(device="70b3d57ed0000002", name="bin-am-hafen-3", moment=later)
    pack = packed(READING, replaced(f_cnt=65_538), other, replaced(moment=later, f_cnt=65_539))
    bases = [(r["n"], "bn" in r, "bt" in r) for r in pack if {"bn", "bt"} & set(r)]
    assert bases == [
        ("batch", True, False),
        ("uplink", True, True),
        ("uplink", True, True),
        ("uplink", True, False),
    ]
    assert [r["vs"] for r in pack if r["n"] == "name"] == [READING.name, "bin-am-hafen-3"]


def test_backlog_is_marked_historical() -> None:
    first, second, *_ = packed(READING, historical=True)
    assert (first["n"], second) == ("batch", {"n": "historical", "vb": True})


@pytest.mark.parametrize("name", ["senml+json", "senml+cbor"])
def test_undecoded_reading_carries_payload_and_error(name: str) -> None:
    reading = replaced(measurements={}, units={}, payload="00ff", error="codec: too short")
    *_, error, payload = packed(reading, name=name)
    assert error == {"n": "error", "vs": "codec: too short"}
    assert payload == {"n": "payload", "vd": b"\x00\xff"}


@pytest.mark.parametrize("name", ["senml+json", "senml+cbor"])
def test_time_without_trust_is_relative_to_the_moment_of_sending(name: str) -> None:
    early = Moment(None, "unsynchronised", "6f1e", 12.5)
    now = Moment(None, "unsynchronised", "6f1e", 112.75)
    pack = packed(replaced(moment=early), name=name, now=now)
    assert {r["t"] for r in resolved(pack, 1_777_636_900.25)[1:]} == {1_777_636_800.0}
    assert "boot" not in str(pack)


def test_time_of_an_earlier_boot_is_none_and_not_now() -> None:
    lost = Moment(None, "unsynchronised", "0ld0", 3.25)
    pack = packed(READING, replaced(moment=lost), replaced(moment=lost, f_cnt=65_538))
    third = pack[-4:]
    assert {(r["boot"], r["monotonic"]) for r in third} == {("0ld0", 3.25)}
    assert [r for r in pack if r.get("bt") == 0] == [pack[6]]  # the time before does not hold on
    assert "t" not in pack[6]


def test_pack_without_any_time_has_no_base_time() -> None:
    lost = Moment(None, "unsynchronised", "0ld0", 3.25)
    assert not [record for record in packed(replaced(moment=lost)) if "bt" in record]


def test_time_that_would_be_read_as_relative_is_not_written() -> None:
    in_1970 = Moment(86_400.0, "rtc", "6f1e", 12.5)
    assert [r["bt"] for r in packed(replaced(moment=in_1970)) if "bt" in r] == [-100.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["senml+json", "senml+cbor"])
def test_no_number_that_is_none_is_written(value: float, name: str) -> None:
    pack = packed(replaced(measurements={"ph": value, "voltage": 3.6}, units={}), name=name)
    assert [record["n"] for record in pack] == ["batch", "uplink", "name", "voltage"]


def test_deflate_is_the_one_of_http() -> None:
    _, plain = sent(READING)
    _, small = sent(READING, compression="deflate")
    assert zlib.decompress(small, wbits=15) == plain  # 15: in zlib's frame, not raw


def test_vocabulary_keeps_clear_of_the_names_of_our_own_records() -> None:
    ours = {"batch", "historical", "uplink", "name", "error", "payload"}
    assert not ours & set(vocabulary.load(files.shipped() / "vocabulary.toml"))


MOMENTS = st.builds(
    Moment,
    st.none() | st.floats(0, 4e9),
    st.just("ntp"),
    st.sampled_from(["6f1e", "0ld0"]),
    st.floats(0, 1e8),
)
VALUES = (
    st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
READINGS = st.builds(
    replaced,
    device=st.sampled_from(["70b3d57ed0000001", "70b3d57ed0000002"]),
    name=st.text(),
    moment=MOMENTS,
    f_cnt=st.integers(0, 2**32 - 1),
    measurements=st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True), VALUES),
    error=st.none() | st.text(),
    payload=st.none() | st.binary().map(bytes.hex),
)


@pytest.mark.parametrize(("name", "compression"), FORMATS)
@settings(max_examples=30)
@given(readings=st.lists(READINGS, min_size=1, max_size=5))
def test_whatever_is_read_is_what_was_written(
    name: str, compression: str, readings: list[Reading]
) -> None:
    records = resolved(packed(*readings, name=name, compression=compression), 1e9)
    found = [list(group) for group in split(records[1:])]
    assert [expected(reading) for reading in readings] == [
        [(r["n"], *(r[key] for key in ("v", "vs", "vb", "vd") if key in r)) for r in group
         if not r["n"].endswith("_name")]
        for group in found
    ]  # fmt: skip
    for reading, group in zip(readings, found, strict=True):
        for record in group:
            check_time(reading.moment, record)


def split(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: list[list[dict[str, Any]]] = []
    for record in records:
        if record["n"].endswith("_uplink"):
            groups.append([])
        groups[-1].append(record)
    return groups


def expected(reading: Reading) -> list[tuple[Any, ...]]:
    base = f"urn:dev:mac:{reading.device}_"
    own: dict[str, Any] = {"uplink": f"{reading.session}/{reading.f_cnt}", **reading.measurements}
    records = [(base + name, value) for name, value in own.items()]
    if reading.error is not None:
        records.append((base + "error", reading.error))
    if reading.payload is not None:
        records.append((base + "payload", bytes.fromhex(reading.payload)))
    return records


def check_time(moment: Moment, record: dict[str, Any]) -> None:
    if moment.at is not None and moment.at >= 2**28:
        assert abs(record["t"] - moment.at) <= 0.0011
    elif moment.boot_id == NOW.boot_id:
        assert abs(record["t"] - 1e9 - min(0, moment.monotonic_s - NOW.monotonic_s)) <= 0.0011
    else:
        assert (record["boot"], record["monotonic"]) == (moment.boot_id, moment.monotonic_s)


@pytest.mark.parametrize("format_name", ["senml+json", "senml+cbor"])
def test_measurement_is_never_taken_for_a_record_of_the_pack(format_name: str) -> None:
    named = {"error": 5, "payload": "text", "name": True, "uplink": 1, "batch": 2, "_inside": 3}
    reading = msgspec.structs.replace(READING, measurements=named, units={}, flags=None)
    found = {record["n"]: record for record in packed(reading, name=format_name)}
    assert {"error_", "payload_", "name_", "uplink_", "batch_", "_inside"} <= found.keys()
    assert found["name"]["vs"] == READING.name
    assert "error" not in found
