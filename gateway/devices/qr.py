"""The text of a device's QR code (LoRa Alliance TR005, "LoRaWAN Device Identification QR Codes").

    LW:D0:<JoinEUI>:<DevEUI>:<ProfileID>[:O<owner token>][:S<serial>][:P<maker's own>][:C<checksum>]

The ProfileID is the maker's vendor ID and its own number, 4 hex digits each. The checksum is a
CRC-16/MODBUS of all that stands before its colon. No key stands in it: whoever sees the label
could use it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.errors import GatewayError

LONGEST: Final = 1024  # characters; a QR code on a label has below 300
_SHAPE: Final = "LW:D0:JOINEUI:DEVEUI:PROFILEID, as the label's QR code reads (TR005)"
_EXTENSIONS: Final = {"O": "owner_token", "S": "serial", "P": "proprietary", "C": "checksum"}
_DRAFTS: Final = ("URN:DEV:LW:", "URN:LW:DP:")


class NotTr005(GatewayError):
    """The text is no such QR code, and why."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """Lower-case hex; what is not said is ""."""

    join_eui: str
    dev_eui: str
    vendor: str
    profile: str
    owner_token: str = ""
    serial: str = ""
    proprietary: str = ""


def parse(text: str) -> QrCode:
    """Raises NotTr005."""
    text = text.strip()
    _demand_shape(text)
    _, _, join_eui, dev_eui, profile_id, *more = text.split(":")
    for name, value, digits in (
        ("JoinEUI", join_eui, 16), ("DevEUI", dev_eui, 16), ("ProfileID", profile_id, 8),
    ):  # fmt: skip
        if not _is_hex(value, digits):
            raise NotTr005(f"{name} is {value[:40]!r}: {digits} hex digits stand in a QR code")
    said = _extensions(more)
    _check(text, said.pop("checksum", ""))
    profile = profile_id.lower()
    return QrCode(join_eui.lower(), dev_eui.lower(), profile[:4], profile[4:], **said)


def _demand_shape(text: str) -> None:
    if text.upper().startswith(_DRAFTS):
        raise NotTr005(
            "this is a QR code of a draft of TR005, which is no longer in use: take JoinEUI and"
            " DevEUI from it, and: kogge devices add"
        )
    parts = text.split(":")
    if len(text) > LONGEST or len(parts) < 5 or parts[0].upper() != "LW":
        raise NotTr005(f"{text[:60]!r} is no LoRaWAN QR code: give {_SHAPE}")
    if parts[1].upper() != "D0":
        raise NotTr005(f"schema {parts[1][:10]!r} is not known here: TR005 has D0; give {_SHAPE}")


def _extensions(parts: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name = _EXTENSIONS.get(part[:1].upper())
        if name is None:
            raise NotTr005(f"{part[:40]!r} begins with none of O, S, P and C: it is no part of it")
        if name in found:
            raise NotTr005(f"{part[:1].upper()} stands twice in it")
        found[name] = part[1:]
    return found


def _check(text: str, checksum: str) -> None:
    if not checksum:
        return
    body = text[: text.rindex(":")]
    if not text.upper().endswith(f":C{checksum.upper()}"):
        raise NotTr005("the checksum C is not its last part")
    if not _is_hex(checksum, 4) or int(checksum, 16) != crc16(body.encode()):
        raise NotTr005(
            f"its checksum {checksum[:10]!r} does not fit: a character was misread or left out;"
            " read the label again"
        )


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and set(text.lower()) <= set("0123456789abcdef")
