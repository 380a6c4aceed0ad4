"""The names in a PHYPayload's head (TS001-1.0.4 §4.2, §4.3.1); its bytes are `native.frames`'."""

from enum import IntEnum, IntFlag


class MType(IntEnum):
    """MHDR, bits 7…5: what a PHYPayload is."""

    JOIN_REQUEST = 0
    JOIN_ACCEPT = 1
    UNCONFIRMED_DATA_UP = 2
    UNCONFIRMED_DATA_DOWN = 3
    CONFIRMED_DATA_UP = 4
    CONFIRMED_DATA_DOWN = 5
    REJOIN_REQUEST = 6
    PROPRIETARY = 7


class FCtrl(IntFlag):
    """The frame control bits used here."""

    ADR = 0x80
    """Uplink: the network may decide data rate and power. Downlink: it does."""
    ADR_ACK_REQ = 0x40
    """Uplink: the device wants to hear any downlink."""
    ACK = 0x20
    """The confirmed frame heard last is acknowledged."""
    F_PENDING = 0x10
    """Downlink: more waits, an uplink soon would fetch it."""
