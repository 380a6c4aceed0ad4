"""How the line to the city is: for `kogge status`."""

from typing import Final

import msgspec
from msgspec import field

from gateway.metrics.histogram import Histogram
from gateway.records import Moment

PUBACK_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds


class State(msgspec.Struct):
    """`since` is the moment of the last change of `connected`; `commands`: they can reach us.

    `refusals` are counted by their names, `ends` (connections, and tries to have one) by their
    kinds; `paused` is seconds, None while it is not; `certificate_until` is when the one that we
    show ends, Unix seconds, None without one; `warnings` are sentences; `pubacks` how many
    seconds after its sending a batch was acknowledged.
    """

    since: Moment
    connected: bool = False
    commands: bool = False
    url: str = ""
    is_fallback: bool = False
    protocol: str = ""
    reason: str = "not yet connected"
    published: int = 0
    refused: int = 0
    connections: int = 0
    in_flight: int = 0
    parked: int = 0
    paused: float | None = None
    refusals: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    certificate_until: float | None = None
    warnings: list[str] = field(default_factory=list)
    pubacks: Histogram = field(default_factory=lambda: Histogram(PUBACK_BOUNDS))

    def refuse(self, name: str) -> None:
        self.refused += 1
        self.refusals[name] = self.refusals.get(name, 0) + 1

    def end(self, kind: str) -> None:
        self.ends[kind] = self.ends.get(kind, 0) + 1
