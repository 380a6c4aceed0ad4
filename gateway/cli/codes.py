"""The daemon's codes in words, in the language that is spoken. Pure.

A column has the words alone; where there is room the code stands behind them in brackets, for
whoever looks it up in the documents or in JSON. A code of a newer daemon is shown as it is.
"""

from collections.abc import Mapping
from typing import Final

from gateway.cli.heard import heard
from gateway.cli.language import _, mark

DROPS: Final = {
    "bad_crc": mark("damaged (CRC)"),
    "no_crc": mark("without a CRC"),
    "malformed": mark("no LoRaWAN frame"),
    "not_an_uplink": mark("not an uplink"),
    "unsupported": mark("rejoin elsewhere"),
    "unknown_device": mark("unknown device"),
    "bad_mic": mark("MIC wrong"),
    "replay": mark("counter went back"),
    "resets_spent": mark("too many resets"),
    "duplicate": mark("heard twice"),
    "not_otaa": mark("may not join: ABP"),
    "unknown_join_eui": mark("other JoinEUI"),
    "dev_nonce_reused": mark("DevNonce reused"),
    "join_closed": mark("joining closed"),
    "join_not_allowed": mark("DevEUI not let in"),
    "join_rate": mark("too many joins"),
    "disk_fails": mark("the disk fails"),
    "rj_count_reused": mark("RJcount reused"),
    "windows_in_doubt": mark("windows in doubt"),
}
"""As short as a column is wide; what it means and what to do: gateway/cli/refusals.py."""

CRCS: Final = {"ok": mark("CRC ok"), "bad": mark("CRC BAD"), "none": mark("no CRC")}

SENT: Final = {
    "OK": mark("sent"),
    "TOO_LATE": mark("too late"),
    "TOO_EARLY": mark("too early"),
    "COLLISION_PACKET": mark("another goes out then"),
    "TX_FREQ": mark("not on this frequency"),
    "TX_POWER": mark("not with this power"),
    "QUEUE_FULL": mark("too many wait"),
    "DUTY_CYCLE_OVERFLOW": mark("airtime used up"),
    "ACKED": mark("acknowledged"),
    "NOT_ACKED": mark("not acknowledged"),
    "EXPIRED": mark("expired"),
    "REFUSED": mark("refused"),
}
"""What became of a downlink; the codes are ChirpStack's, and four more (docs/mqtt.md)."""

FATES: Final = {**DROPS, **SENT, "accepted": mark("accepted"), "join": mark("let in")}

STATES: Final = {
    "receiving": mark("receiving"), "starting": mark("starting"),
    "fault": mark("does not receive"),
    "connected": mark("connected"), "disconnected": mark("not connected"),
    "refused": mark("REFUSED"), "parked": mark("PARKED"), "paused": mark("paused"),
    "failing": mark("FAILING"), "back": mark("works again"), "damaged": mark("DAMAGED"),
}  # fmt: skip

EVENTS: Final = {
    "join": mark("join"), "join_refused": mark("join refused"), "downlink": mark("downlink"),
    "command": mark("command"), "parked": mark("parked"), "battery": mark("battery"),
    "radio": mark("radio"), "store": mark("disk"), "gap": mark("gap"),
}  # fmt: skip
"""What the city is told of beside readings (docs/mqtt.md)."""

FLAGS: Final = {"out_of_range": mark("out of range"), "blind_zone": mark("in the blind zone")}
"""Why a measurement is not to be believed (docs/codecs.md)."""

FAULTS: Final = {
    "link": mark("line to the board"),
    "mcu": mark("the board's controller"),
    "chip": mark("the chip"),
    "stuck": mark("the board hung"),
    "silence": mark("heard nothing"),
    "driver": mark("others"),
}
"""What ailed the radio (gateway/air/radio.py)."""

DAMAGED: Final = {
    "short_fetch": mark("cut short"),
    "garbage": mark("unreadable"),
    "truncated": mark("cut off"),
    "bad_checksum": mark("wrong checksum"),
    "impossible": mark("impossible values"),
    "bad_crc16": mark("another CRC than the chip's"),
}
"""What the driver threw away of what the chip gave (drivers/sx1302/receive.py)."""


def word(code: str, words: Mapping[str, str]) -> str:
    return _(words[code]) if code in words else code


def worded(code: str, words: Mapping[str, str]) -> str:
    """MIC wrong (bad_mic)."""
    said = word(code, words)
    return said if said == code else f"{said} ({code})"


def drop(code: str) -> str:
    return word(code, DROPS)


def firmware(text: str) -> str:
    """What the driver says of its firmware: versions, and whether it is the known one."""
    return ", ".join(heard(part) for part in text.split(", "))
