"""The virtual air: packets of devices on their way to the board.

- Whether a chain hears a packet is decided when the packet begins.
- Two packets that overlap on one channel and spreading factor destroy each other, unless one is
  at least 6 dB stronger: that one survives (capture).
- The board is half-duplex: what overlaps one of its own transmissions is not received.
- A packet that is heard holds its demodulators until it is decoded, also where it is then lost.
- A packet stands in the receive buffer at its end plus the time that demodulating takes; then its
  sender learns what became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.emulator.agenda import Agenda
from drivers.emulator.receiver import Chain
from drivers.emulator.uplink import Uplink

CAPTURE_DB = 6.0


@dataclass(slots=True)
class Flight:
    """One packet on the air: `chain` once a chain hears it, `reason` once it is lost."""

    uplink: Uplink
    start_ns: int
    end_ns: int
    on_done: Callable[["Flight"], None]
    chain: Chain | None = None
    reason: str | None = None

    @property
    def received(self) -> bool:
        """Whether it reached the receive buffer; true only once it is done."""
        return self.chain is not None and self.reason is None

    def lose(self, reason: str) -> None:
        """The first reason stands."""
        self.reason = self.reason or reason

    def overlaps(self, from_ns: int, to_ns: int) -> bool:
        """Whether it is on the air in that span."""
        return self.start_ns < to_ns and from_ns < self.end_ns


class Air:
    """All packets on the air.

    `hear` names the chain, `deliver` returns why it could not, `release` frees the chain's modems.
    """

    def __init__(
        self,
        agenda: Agenda,
        hear: Callable[[Uplink], Chain | str],
        deliver: Callable[[Flight], str | None],
        release: Callable[[Chain], None],
    ) -> None:
        self._agenda = agenda
        self._hear = hear
        self._deliver = deliver
        self._release = release
        self._active: list[Flight] = []
        self._deaf = (0, 0)

    def send(self, uplink: Uplink, start_ns: int, on_done: Callable[[Flight], None]) -> None:
        """Put a packet on the air; `on_done` is called when its fate is known."""
        end_ns = start_ns + uplink.time_on_air_us * 1000
        flight = Flight(uplink, start_ns, end_ns, on_done)
        self._agenda.at(start_ns, lambda _: self._begin(flight))

    def deafen(self, from_ns: int, to_ns: int) -> None:
        """The board transmits."""
        self._deaf = (from_ns, max(to_ns, self._deaf[1]))
        for flight in self._active:
            if flight.overlaps(from_ns, to_ns):
                flight.lose("the board was transmitting")

    def listen(self) -> None:
        """No transmission makes the board deaf any more."""
        self._deaf = (0, 0)

    def lose_all(self, reason: str) -> None:
        """Whatever is being received is lost, and no transmission makes the board deaf."""
        self.listen()
        for flight in self._active:
            flight.chain = None
            flight.lose(reason)

    def loudest(self, frequency: float, bandwidth: int) -> float | None:
        """The RSSI of the strongest packet on a channel just now; None while it is quiet."""
        on_channel = [
            flight.uplink.rssi
            for flight in self._active
            if abs(flight.uplink.frequency - frequency) < (bandwidth + flight.uplink.bandwidth) / 2
        ]
        return max(on_channel, default=None)

    def _begin(self, flight: Flight) -> None:
        heard = self._hear(flight.uplink)
        if isinstance(heard, str):
            flight.lose(heard)
        else:
            flight.chain = heard
        if flight.overlaps(*self._deaf):
            flight.lose("the board was transmitting")
        for other in self._active:
            self._collide(flight, other)
        self._active.append(flight)
        processing_us = max(-flight.uplink.correction_us(), 0)
        self._agenda.at(flight.end_ns + processing_us * 1000, lambda _: self._finish(flight))

    def _collide(self, one: Flight, other: Flight) -> None:
        if not one.uplink.disturbs(other.uplink) or not one.overlaps(other.start_ns, other.end_ns):
            return
        ahead = one.uplink.rssi - other.uplink.rssi
        if ahead < CAPTURE_DB:
            one.lose("collision")
        if -ahead < CAPTURE_DB:
            other.lose("collision")

    def _finish(self, flight: Flight) -> None:
        self._active.remove(flight)
        if flight.received:
            flight.reason = self._deliver(flight)
        if flight.chain is not None:
            self._release(flight.chain)
        flight.on_done(flight)
