"""What became of one received packet: a counted drop, a reading's uplink, or a join."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer
from gateway.lorawan.mac_uplink import DevStatusAns
from gateway.lorawan.order import Result
from gateway.lorawan.session import Changes, Session


class DropReason(StrEnum):
    """Why a packet went no further (docs/architecture.md D4)."""

    BAD_CRC = "bad_crc"
    """The modem saw a wrong payload CRC."""
    NO_CRC = "no_crc"
    """Sent without payload CRC: LoRaWAN uplinks have one, downlinks of other gateways have none."""
    MALFORMED = "malformed"
    """Not a LoRaWAN frame: too short, or its lengths contradict each other."""
    NOT_AN_UPLINK = "not_an_uplink"
    """A downlink, or a proprietary frame."""
    UNSUPPORTED = "unsupported"
    """A Rejoin-Request for another network."""
    UNKNOWN_DEVICE = "unknown_device"
    """No session of ours has this DevAddr, or no device of ours this DevEUI."""
    BAD_MIC = "bad_mic"
    """Our DevAddr or DevEUI, but made with another key."""
    REPLAY = "replay"
    """Authentic, but its frame counter is older than the last accepted one."""
    RESETS_SPENT = "resets_spent"
    """An ABP device with reset_f_cnt counts from 0 for the 256th time: replayed, or reset."""
    DUPLICATE = "duplicate"
    """The frame that was accepted last, once more."""
    NOT_OTAA = "not_otaa"
    """A Join-Request of a device that devices.toml describes as ABP, or a rejoin of 1.0.x."""
    UNKNOWN_JOIN_EUI = "unknown_join_eui"
    """A Join-Request of our device with another JoinEUI than devices.toml gives."""
    DEV_NONCE_REUSED = "dev_nonce_reused"
    """A Join-Request with a spent DevNonce: replayed, or the device forgot its counter."""
    JOIN_CLOSED = "join_closed"
    """A good Join-Request while joining is closed (lorawan.join, kogge join)."""
    JOIN_NOT_ALLOWED = "join_not_allowed"
    """A good Join-Request of a DevEUI that lorawan.join_allow does not let in."""
    JOIN_RATE = "join_rate"
    """A good Join-Request above lorawan.joins_per_minute: the device tries again by itself."""
    DISK_FAILS = "disk_fails"
    """A good join or rejoin, or an ABP device that begins anew, while nothing can be kept."""
    RJ_COUNT_REUSED = "rj_count_reused"
    """A Rejoin-Request whose counter does not rise."""
    WINDOWS_IN_DOUBT = "windows_in_doubt"
    """A Rejoin-Request of a device that was just asked to move its windows, and has not said."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A packet that is counted and forgotten; whose it was, as far as that is known.

    `says` is more of the reason, for people to read; `is_join`: a device was not let in.
    """

    reason: DropReason
    dev_addr: int | None = None
    dev_eui: int | None = None
    says: str = field(default="", compare=False)
    is_join: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Uplink:
    """An authentic data uplink. `f_cnt` is the 32-bit counter; `f_port` 0 carries MAC commands.

    `reading_id` and `session_hex` are D2's, lower case hex. A `retransmission` is a confirmed
    uplink whose ACK the device did not hear: answered again, but no reading again.
    With `changes` not empty they are committed at once, together with the reading, before the
    answer leaves (D1a); else `session` alone has changed and may wait (D1b). `acknowledged` is the
    FCnt of our confirmed downlink that the device has heard, `status` what it says of its battery;
    `begun_anew`: an ABP device was reset, this is its first uplink since.
    `skipped_commands` are MAC commands that are unknown or answer nothing that was asked;
    `results` tell what became of the city's downlinks by this uplink.
    """

    device: Device
    session: Session
    f_cnt: int
    f_port: int | None
    confirmed: bool
    frm_payload: bytes
    f_opts: bytes
    reading_id: str
    session_hex: str
    retransmission: bool
    answer: Answer | None
    changes: Changes
    acknowledged: int | None = None
    status: DevStatusAns | None = None
    skipped_commands: int = 0
    results: tuple[Result, ...] = ()
    begun_anew: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """An accepted Join-Request; `changes` are committed before the answer leaves (D1a)."""

    device: Device
    session: Session
    answer: Answer
    changes: Changes


@dataclass(frozen=True, slots=True)
class Immediate:
    """A downlink without an uplink, if there is one; `changes` are committed before it leaves."""

    answer: Answer | None
    changes: Changes
    results: tuple[Result, ...]


Outcome: TypeAlias = Drop | Uplink | Joined
