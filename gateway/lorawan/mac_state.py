"""What a device is set to, as far as it has confirmed it, and what it has not answered yet.

Rules:

- None and () mean: as LoRaWAN and the region have it for a device that was told nothing. So all
  devices without anything special share one `Mac`, and an empty one is what the store keeps of it.
- A `Mac` cannot change: a device's next one takes its place. Equal ones from the store are one.
- Requests are kept as they were sent (CID and payload): an answer is matched by its CID.
"""

import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any

from gateway.lorawan.adr import Link


@dataclass(frozen=True, slots=True)
class RxParams:
    """The receive windows: RX1DROffset, RX2's frequency in Hz and data rate, RX1's delay in s."""

    rx1_dr_offset: int
    rx2_frequency: int
    rx2_data_rate: int
    rx1_delay: int


@dataclass(frozen=True, slots=True)
class Mac:
    """The MAC state of one session.

    `channels` are (number, frequency in Hz) beside the region's own; `mask` has a bit for each
    channel that is on. `requested` went with the answer to uplink `asked_at`, `tries` times
    without an answer. `refused` requests are not made again; `max_dr` and `max_tx_power` are what
    refused LinkADRReq have left, `keeps_channels`: it has refused to have them switched.
    `battery` and `margin` are the last DevStatusAns', asked for with the answer to uplink
    `status_asked`; `confirmed` is the FCnt of the last confirmed downlink, which signs its ACK in
    1.1, however often that comes; `confirmed_before` is the one before it; `awaits_ack` is the last
    one while its ACK is awaited; `class_c`: a 1.1 device has said that it always listens.
    """

    link: Link | None = None
    rx: RxParams | None = None
    channels: tuple[tuple[int, int], ...] = ()
    mask: int | None = None
    requested: tuple[bytes, ...] = ()
    asked_at: int = 0
    tries: int = 0
    refused: tuple[bytes, ...] = ()
    max_dr: int | None = None
    max_tx_power: int | None = None
    keeps_channels: bool = False
    battery: int | None = None
    margin: int | None = None
    status_asked: int | None = None
    confirmed: int | None = None
    confirmed_before: int | None = None
    awaits_ack: int | None = None
    class_c: bool = False

    def to_json(self) -> str:
        """What differs from a device that was told nothing; "{}" when nothing does."""
        said = {
            name: _said(value)
            for name, default in _DEFAULTS.items()
            if (value := getattr(self, name)) != default
        }
        return json.dumps(said, separators=(",", ":"))

    @staticmethod
    @lru_cache(maxsize=256)
    def from_json(text: str) -> "Mac":
        """The other way round; ValueError, KeyError, TypeError for what `to_json` has not made."""
        return Mac(**{name: _read(name, value) for name, value in json.loads(text).items()})


_OF_BYTES = ("requested", "refused")
_DEFAULTS = {one.name: one.default for one in fields(Mac)}

FACTORY = Mac()
"""A device that was told nothing."""


def _said(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return [one.hex() if isinstance(one, bytes) else one for one in value]
    return value


def _read(name: str, value: Any) -> Any:
    if name in _OF_BYTES:
        return tuple(bytes.fromhex(one) for one in value)
    match name:
        case "channels":
            return tuple((number, frequency) for number, frequency in value)
        case "link":
            return Link(**value)
        case "rx":
            return RxParams(**value)
    return value
