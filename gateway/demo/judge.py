"""What was sent, what arrived, what is missing: counted by ids, and without mercy.

- A frame that the air did not deliver to the antenna (a collision) is no loss of the gateway's:
  it is counted apart, as `collided`.
- `lost`: an id that was safe, or that a heard frame must have by D2, and that no PUBACKed PUBLISH
  carried or that never reached the subscriber. The ids are computed here from what was sent.
- `duplicates`: a second id for one (DevEUI, session, FCnt), and each reading of a frame that
  nobody sent (such as one frame under two sessions).
- `redelivered`: an id received again; QoS 1 allows it.
- `late`: a reading that arrived more than `LATE_S` after its frame left the antenna.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

LATE_S = 1.0
"""With the line up a reading is there within some hundredths of a second."""


class FrameKey(NamedTuple):
    """One frame of one session: DevEUI and session in hex, FCnt of 32 bits."""

    device: str
    session: str
    f_cnt: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A data frame that a device sent, at `at` (monotonic seconds); `heard` by the antenna."""

    key: FrameKey
    at: float
    heard: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A reading at the subscriber, at `at` (monotonic seconds)."""

    id: str
    key: FrameKey
    at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last word; docs/interfaces.md's object is `json()`."""

    sent: int
    received: int
    lost: int
    duplicates: int
    redelivered: int
    late: int
    collided: int

    def json(self, joined: int, seconds: float) -> dict[str, Any]:
        counts = asdict(self)
        del counts["collided"]
        return {**counts, "joined": joined, "seconds": round(seconds, 1)}


def judge(
    frames: Collection[Frame],
    arrivals: Iterable[Arrival],
    delivered: Collection[str],
    safe: Collection[str] = (),
) -> Verdict:
    """Count. `delivered`: the ids in PUBACKed PUBLISHes; `safe`: the ids reported safe."""
    arrivals = list(arrivals)
    sent_at = {frame.key: frame.at for frame in frames}
    heard = {frame.key for frame in frames if frame.heard}
    arrived = {arrival.id for arrival in arrivals}
    owed = {identity(key) for key in heard} | set(safe)
    named = {(arrival.key, arrival.id) for arrival in arrivals}
    genuine = {key for key, _ in named if key in sent_at}
    late = {a.id for a in arrivals if a.at - sent_at.get(a.key, a.at) > LATE_S}
    return Verdict(
        sent=len(heard),
        received=len(arrived),
        lost=len(owed - (arrived & set(delivered))),
        duplicates=len(named) - len(genuine),
        redelivered=len(arrivals) - len(arrived),
        late=len(late),
        collided=len(sent_at) - len(heard),
    )


def identity(key: FrameKey) -> str:
    """D2: the first 16 bytes of SHA-256(DevEUI ‖ session ‖ FCnt32), in hex."""
    parts = bytes.fromhex(key.device) + bytes.fromhex(key.session) + key.f_cnt.to_bytes(4, "big")
    return sha256(parts).hexdigest()[:32]


def readings(payload: bytes) -> list[dict[str, Any]]:
    """The readings of one message on …/readings (format "json")."""
    batch = msgspec.json.decode(payload)
    return list(batch["readings"])


def frame_key(reading: dict[str, Any]) -> FrameKey:
    return FrameKey(reading["device"], reading["session"], reading["f_cnt"])
