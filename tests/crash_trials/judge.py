"""What was promised in a trial, what became of it, and what is wrong (docs/interfaces.md).

- `owed`: ids that were told safe, or whose frame was answered over the air (D1a). Each has to be in
  a PUBLISH whose PUBACK was passed back, and, unless the broker was killed, at the subscriber.
- Where the buffer is bounded a gap event stands for as many records as it says, no matter which.
- A frame's counter downwards and a JoinNonce are on the air once; batch numbers only rise.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from crash_trials.line import Line

from gateway.demo import frames
from gateway.demo.device import Keys
from gateway.demo.frames import MType
from gateway.demo.judge import Arrival, Frame, frame_key, judge, readings


@dataclass
class Evidence:
    """`given_up` is what the daemon's runs have counted as lost; `bounded`: it may be."""

    owed: set[str] = field(default_factory=set)
    frames: list[Frame] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    arrivals: list[Arrival] = field(default_factory=list)
    heard_by_city: set[str] | None = None
    gaps: int = 0
    given_up: int = 0
    bounded: bool = False

    @property
    def missing(self) -> set[str]:
        there = self.delivered
        return self.owed - (there if self.heard_by_city is None else there & self.heard_by_city)

    @property
    def lost(self) -> int:
        return max(0, len(self.missing) - (self.gaps if self.bounded else 0))

    @property
    def duplicates(self) -> int:
        return judge(self.frames, self.arrivals, self.delivered).duplicates

    @property
    def gaps_unreported(self) -> int:
        return max(0, self.given_up - self.gaps)


def delivered(line: Line) -> set[str]:
    taken = line.acknowledged("/readings")
    return {reading["id"] for publish in taken for reading in readings(publish.payload)}


def told(line: Line) -> list[Arrival]:
    """Every reading that the broker has been sent."""
    return [
        Arrival(reading["id"], frame_key(reading), 0.0)
        for publish in line.published("/readings")
        for reading in readings(publish.payload)
    ]


def gaps(line: Line) -> int:
    """Records for which gap events stand that the broker has acknowledged; each event once."""
    found = {
        msgspec.json.encode(event): event["count"]
        for publish in line.acknowledged("/events")
        for event in _events(publish.payload)
        if event["type"] == "gap"
    }
    return sum(found.values())


def _events(payload: bytes) -> list[dict[str, Any]]:
    return list(msgspec.json.decode(payload)["events"])


def batches(line: Line) -> Iterator[str]:
    last = 0
    for publish in line.published("/readings"):
        number = msgspec.json.decode(publish.payload)["batch"]
        if number <= last:
            yield f"batch {number} came after {last}"
        last = max(last, number)


def reused(emissions: Sequence[bytes], devices: Collection[Keys]) -> Iterator[str]:
    """A new session begins its counter anew, even under an address that was used before."""
    counters, nonces = set[tuple[bytes, bytes]](), set[tuple[int, bytes]]()
    for one in emissions:
        if one[0] >> 5 != MType.JOIN_ACCEPT:
            counter = one[1:5], one[6:8]
            if counter in counters:
                yield f"FCntDown {int.from_bytes(counter[1], 'little')} is on the air again"
            counters.add(counter)
            continue
        for keys in devices:
            body = frames.join_accept(keys.app_key, one) if keys.otaa else None
            if body is None:
                continue
            nonce = keys.dev_eui, body[:3]
            if nonce in nonces:
                yield f"JoinNonce {int.from_bytes(body[:3], 'little')} is on the air again"
            nonces.add(nonce)
            counters = {each for each in counters if each[0] != body[6:10]}
