"""One frame of `kogge watch`, down to its fields and bytes. Pure.

Fields and their order are TS001-1.0.4's §4 and §6.2; on the air the least significant byte comes
first. What each means is what `kogge decode` says of it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from gateway.cli import codes, decode
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number
from gateway.cli.quantities import megahertz
from gateway.cli.refusals import REFUSALS
from gateway.cli.watch_model import Row, Told
from gateway.cli.watch_words import clock, rssi_bar, snr_bar, what, who
from gateway.lorawan.airtime import airtime_us
from gateway.one_line import one_line

MIC_SIZE: Final = 4
BYTES: Final = 16  # a line
SHORT: Final = 8  # bytes that leave room for a meaning on their line
LORA_SFS: Final = range(5, 13)

MICS: Final = {
    "accepted": mark("right"), "join": mark("right"), "bad_mic": mark("WRONG"),
    "replay": mark("right"), "duplicate": mark("right"),
}  # fmt: skip


class Field(NamedTuple):
    """Some bytes of a frame, from `at` on; `name` is a key of a report of `kogge decode`."""

    at: int
    label: str
    octets: bytes
    name: str = ""


def lines(row: Row) -> Iterator[str]:
    """What is known of a row, for a screen of at least 80 columns."""
    device = row.told.get("device") or ""
    whose = f"{who(row)}  {device}" if row.name else device or who(row)
    yield f"{clock(row.at)}  {whose}".rstrip()
    if row.kind == "drop":
        yield _("drop: {reason}", reason=codes.worded(row.told["fate"], codes.DROPS))
    else:
        yield what(row)
    yield from _meaning(row.told)
    yield from _told(row.told)
    yield from _reading(row)
    if row.told.get("payload"):
        yield ""
        yield from _table(row)


def _meaning(told: Told) -> Iterator[str]:
    """Why a frame was dropped, and what to do."""
    code = told.get("fate", "")
    means, todo = REFUSALS.get(code, ("", ""))
    if told.get("says"):
        yield heard(one_line(told["says"]))
    elif means:
        yield _(means)
    if means:
        yield "-> " + _(todo)


def _told(told: Told) -> Iterator[str]:
    """The radio's words."""
    if "frequency" not in told:
        return
    place = f"{megahertz(told['frequency'])} MHz  {_data_rate(told)}"
    if told.get("rssi") is not None:
        place += f"  {rssi_bar(told['rssi'])} {number(told['rssi'])} dBm"
    if told.get("snr") is not None:
        place += f"  SNR {snr_bar(told['snr'])} {number(told['snr'], 1)} dB"
    yield place
    said = [codes.word(told["crc"], codes.CRCS)] if told.get("crc") else []
    if told.get("payload") and told["sf"] in LORA_SFS:
        size, up = len(told["payload"]) // 2, told["direction"] == "up"
        seconds = airtime_us(size, told["sf"], told["bw"], crc=up) / 1e6
        said.append(_("{ms} ms on the air", ms=number(seconds * 1e3, 1)))
    if told.get("counter_us") is not None:
        said.append(_("counter {us} µs", us=number(told["counter_us"])))
    if said:
        yield "  ".join(said)


def _data_rate(told: Told) -> str:
    if not told["sf"]:
        return "FSK"
    return f"SF{told['sf']}" + (f" / {told['bw'] // 1000} kHz" if "bw" in told else "")


def _reading(row: Row) -> Iterator[str]:
    """Whether it is safe (docs/architecture.md D1)."""
    if row.told.get("id") or row.reading:
        reading_id = (row.reading or row.told)["id"]
        fate = _("safe: the city has it, or the disk") if row.safe else _("not yet said to be safe")
        yield _("reading {id}: {fate}", id=reading_id, fate=fate)
    yield from row.told.get("mac_commands", ())


def _table(row: Row) -> Iterator[str]:
    """Offset, field, bytes, meaning."""
    payload = bytes.fromhex(row.told["payload"])
    report = decode.without_keys(payload)
    yield f"{_('at'):>4} {_('field'):<11}{_('bytes'):<25}{_('meaning')}"
    for one in fields(payload):
        yield from _rows(one, _says(one, report, row.told))
    opened = bytes.fromhex(row.told.get("frm_payload") or "")
    if opened:
        yield _("FRMPayload, decrypted:")
        yield from _rows(Field(0, "", opened), "")


def _rows(one: Field, says: str) -> Iterator[str]:
    lead = f"{one.at:4} {one.label:<11}"
    if len(one.octets) <= SHORT:
        yield f"{lead}{one.octets.hex(' '):<25}{says}".rstrip()
        return
    for start in range(0, len(one.octets), BYTES):
        lead = lead if not start else f"{one.at + start:4} {'':<11}"
        yield lead + one.octets[start : start + BYTES].hex(" ")
    if says:
        yield " " * 16 + says


def _says(one: Field, report: dict[str, Any], told: Told) -> str:
    match one.name:
        case "m_type":
            return str(report["m_type"])
        case "mic":
            return _(MICS[told["fate"]]) if told.get("fate") in MICS else ""
        case "f_cnt" if told.get("f_cnt") is not None:
            return _("{f_cnt}, with its upper half", f_cnt=told["f_cnt"])
        case "frm_payload" if one.octets:
            return _("encrypted")
        case name if name in report:
            return decode.words(name, report)
    return codes.drop(told["fate"]) if "error" in report and one.at == 0 else ""


def fields(payload: bytes) -> list[Field]:
    """A PHYPayload in its parts; what is malformed is MHDR and the rest."""
    if not payload or "error" in decode.without_keys(payload):
        return _cut(payload, [("MHDR", 1, "m_type"), ("", len(payload), "")])
    m_type, body = payload[0] >> 5, len(payload) - 1 - MIC_SIZE
    if m_type == 0:
        inside = [("JoinEUI", 8, "join_eui"), ("DevEUI", 8, "dev_eui"),
                  ("DevNonce", 2, "dev_nonce")]  # fmt: skip
    elif 2 <= m_type <= 5:
        f_opts = payload[5] & 0x0F
        inside = [("DevAddr", 4, "dev_addr"), ("FCtrl", 1, "f_ctrl"), ("FCnt", 2, "f_cnt"),
                  ("FOpts", f_opts, "f_opts"), ("FPort", min(1, body - 7 - f_opts), "f_port"),
                  ("FRMPayload", max(0, body - 8 - f_opts), "frm_payload")]  # fmt: skip
    else:  # a Join-Accept is encrypted, its MIC too; the others are not ours to read
        return _cut(payload, [("MHDR", 1, "m_type"), ("", len(payload), "frm_payload")])
    return _cut(payload, [("MHDR", 1, "m_type"), *inside, ("MIC", MIC_SIZE, "mic")])


def _cut(payload: bytes, parts: list[tuple[str, int, str]]) -> list[Field]:
    found, at = [], 0
    for label, size, name in parts:
        octets = payload[at : at + size]
        if octets:
            found.append(Field(at, label, octets, name))
        at += len(octets)
    return found
