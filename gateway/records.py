"""What the gateway has to tell the city: readings and events, as they are kept and sent.

Times are Unix seconds (UTC); `received_at` is None while the clock could not be trusted.
The wire's JSON is made from these in `gateway.northbound.formats`.
"""

import hashlib
from typing import Any, TypeAlias

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode

Value: TypeAlias = float | int | bool | str


class Moment(msgspec.Struct, frozen=True, gc=False):
    """When something happened, as well as this box could know it (docs/architecture.md §5)."""

    at: float | None
    time_quality: str
    boot_id: str
    monotonic_s: float


class Radio(msgspec.Struct, frozen=True, gc=False):
    """How a packet came in: dBm, dB, spreading factor, Hz, Hz."""

    rssi: float
    snr: float | None
    sf: int
    bw: int
    frequency: int


class Reading(
    msgspec.Struct, frozen=True, tag_field="kind", tag="reading", omit_defaults=True, gc=False
):
    """One uplink, decoded. `id` is D2's identity; hex is lower case, most significant byte first.

    `units` are SenML units by measurement name; `payload` (hex) is kept when there is an `error`,
    and while it is `undecoded`: until its codec has answered, on its way out at the latest (D1d).
    `flags` by measurement name: "out_of_range", "blind_zone" (docs/codecs.md); None without any.
    """

    id: str
    device: str
    session: str
    name: str
    moment: Moment
    f_port: int | None
    f_cnt: int
    confirmed: bool
    measurements: dict[str, Value]
    units: dict[str, str]
    radio: Radio
    payload: str | None = None
    error: str | None = None
    undecoded: bool = False
    flags: dict[str, str] | None = None


class Event(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="event", gc=False
):
    """Something that the city should know beside readings: a join, a gap, a downlink's result.

    `tables` are told beside `detail`, where an answer has more than one level.
    """

    type: str
    moment: Moment
    detail: dict[str, Value | None]
    tables: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """32 hex digits: what it says, and when on which boot's monotonic time. So it is the same
        however often the event comes, and whether or not it could be dated.
        """
        moment = self.moment
        said = [self.type, moment.boot_id, moment.monotonic_s, self.detail, self.tables]
        return hashlib.sha256(_encode(said)).digest()[:16].hex()


Record: TypeAlias = Reading | Event
