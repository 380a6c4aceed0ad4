"""The datagrams between a packet forwarder and its server (GWMP, PROTOCOL of sx1302_hal 2.1.0).

Version (1 byte), token (2), kind (1); then the gateway's EUI (8) in what a forwarder sends, its
acknowledgements of nothing apart; then JSON in PUSH_DATA, PULL_RESP and TX_ACK. Version 2 is the
contract; version 1 is alike, knows no TX_ACK, and is answered as version 1, because a forwarder
ignores what is not of its own version.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

VERSIONS = (1, 2)
_HEAD = struct.Struct(">BHB")
_EUI_SIZE = 8


class Kind(IntEnum):
    PUSH_DATA = 0
    PUSH_ACK = 1
    PULL_DATA = 2
    PULL_RESP = 3
    PULL_ACK = 4
    TX_ACK = 5


WITH_EUI = frozenset({Kind.PUSH_DATA, Kind.PULL_DATA, Kind.TX_ACK})
WITH_BODY = frozenset({Kind.PUSH_DATA, Kind.PULL_RESP, Kind.TX_ACK})


class Drop(StrEnum):
    """Why a datagram, or one packet of it, was not used."""

    SHORT = "short_datagram"
    VERSION = "unknown_version"
    KIND = "unknown_kind"
    STRANGER = "other_gateway"
    REPEATED = "repeated_datagram"
    OVERRUN = "overrun"
    BAD_JSON = "bad_json"
    BAD_RXPK = "bad_rxpk"
    BAD_TMST = "bad_tmst"
    BAD_FREQUENCY = "bad_freq"
    BAD_DATA_RATE = "bad_datr"
    BAD_CODING_RATE = "bad_codr"
    BAD_SIGNAL = "bad_rssi"
    BAD_STAT = "bad_stat"
    BAD_DATA = "bad_data"
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 — no secret: the number of a datagram
    UNANSWERED = "unanswered"
    SEND_FAILED = "send_failed"
    NO_PULL_DATA = "no_pull_data"
    POWER_LOWERED = "tx_power_lowered"
    REFUSED = "refused_otherwise"


@dataclass(frozen=True, slots=True)
class Frame:
    """One datagram. `eui` and `body` are those of kinds that have them."""

    kind: Kind
    version: int
    token: int
    eui: int = 0
    body: bytes = b""

    @classmethod
    def from_bytes(cls, datagram: bytes) -> "Frame | Drop":
        """Read one datagram, or say why it is none."""
        if len(datagram) < _HEAD.size:
            return Drop.SHORT
        version, token, number = _HEAD.unpack_from(datagram)
        if version not in VERSIONS:
            return Drop.VERSION
        if number not in set(Kind):
            return Drop.KIND
        kind, rest = Kind(number), datagram[_HEAD.size :]
        eui = b""
        if kind in WITH_EUI:
            eui, rest = rest[:_EUI_SIZE], rest[_EUI_SIZE:]
            if len(eui) < _EUI_SIZE:
                return Drop.SHORT
        return cls(kind, version, token, int.from_bytes(eui), rest if kind in WITH_BODY else b"")

    def to_bytes(self) -> bytes:
        head = _HEAD.pack(self.version, self.token, self.kind)
        eui = self.eui.to_bytes(_EUI_SIZE) if self.kind in WITH_EUI else b""
        return head + eui + self.body
