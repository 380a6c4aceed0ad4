"""The whole board: microcontroller, chip, radios, and the air around its antenna.

Nothing here waits or reads a clock of its own: `now_ns` gives the time. Whoever runs the board
calls `advance` when `next_ns` has come, and is told by `on_sooner` that it now comes sooner;
`feed` and `send` advance the board by themselves.
"""

import random
import time
from collections.abc import Callable

from drivers.emulator.agenda import Agenda
from drivers.emulator.air import Air, Flight
from drivers.emulator.chip import Chip
from drivers.emulator.faults import POWER, Fault, Faults
from drivers.emulator.mcu import Mcu
from drivers.emulator.transmitter import Emission
from drivers.emulator.uplink import Uplink

DEFAULT_EUI = 0x0016C001F0000001
SECOND_NS = 1_000_000_000


def _ignore(_: object) -> None:
    pass


class Board:
    """`chip` is "sx1302" or "sx1303"; `seed` decides what is random.

    With `pps` there is a pulse at every whole second of the board's clock.
    """

    def __init__(
        self,
        eui: int = DEFAULT_EUI,
        chip: str = "sx1302",
        seed: int = 0,
        now_ns: Callable[[], int] = time.monotonic_ns,
        pps: bool = False,
    ) -> None:
        self.now_ns = now_ns
        self.seed = seed
        self.on_emission: Callable[[Emission], None] = _ignore
        self._agenda = Agenda()
        self.faults = Faults(seed)
        self.chip = Chip(eui, chip, seed, self._agenda, now_ns, self.faults)
        self._air = Air(self._agenda, self.chip.hear, self.chip.receive, self.chip.release)
        self.chip.loudest = self._air.loudest
        for transmitter in self.chip.transmitters:
            transmitter.on_fire = self._air.deafen
            transmitter.on_emission = lambda emission: self.on_emission(emission)
        unique_id = random.Random(seed).randbytes(12)
        self._mcu = Mcu(self.chip, unique_id, now_ns, self._chip_was_reset, self.faults)
        self.faults.on_begin["chip_reset"] = self._reset_chip
        self.faults.on_end["tx_stuck"] = self._unstick
        if pps:
            self._next_pulse(now_ns())

    def feed(self, data: bytes) -> bytes:
        """Bytes from the host; returns the answer bytes."""
        self.advance()
        return self._mcu.feed(data)

    def send(
        self,
        uplink: Uplink,
        start_ns: int | None = None,
        on_done: Callable[[Flight], None] = _ignore,
    ) -> None:
        """A device sends: now, or at a time of the board's clock."""
        self.advance()
        self._air.send(uplink, self.now_ns() if start_ns is None else start_ns, on_done)
        self.advance()

    def counter_us(self, at_ns: int | None = None) -> int:
        """The chip's µs counter, 32 bits, now or at a time of the board's clock."""
        return self.chip.counter.us(self.now_ns() if at_ns is None else at_ns)

    @property
    def next_ns(self) -> int | None:
        """When `advance` is next needed; None while nothing is on the air or planned."""
        return self._agenda.next_ns

    def on_sooner(self, tell: Callable[[], None]) -> None:
        """Who is told when `next_ns` has become sooner; one listener."""
        self._agenda.on_sooner = tell

    def advance(self) -> None:
        """Let happen what is due by now."""
        self._agenda.run(self.now_ns())

    def pulse(self) -> None:
        """A pulse per second at the PPS pin, now."""
        self.advance()
        self.chip.pulse(self.now_ns())
        self.advance()

    def _next_pulse(self, after_ns: int) -> None:
        self._agenda.at((after_ns // SECOND_NS + 1) * SECOND_NS, self._pulses)

    def _pulses(self, at_ns: int) -> None:
        self.chip.pulse(at_ns)
        self._next_pulse(at_ns)

    def power_cycle(self) -> None:
        """The board loses power and gets it again."""
        self.advance()
        self.faults.lift(POWER)
        self._mcu.power_on()
        self.chip.reset()
        self._chip_was_reset()

    def _reset_chip(self, _: Fault) -> None:
        self.advance()
        self.chip.reset()
        self._chip_was_reset()

    def _unstick(self) -> None:
        stuck = [transmitter.unstick() for transmitter in self.chip.transmitters]
        if any(stuck):
            self._air.listen()

    def _chip_was_reset(self) -> None:
        self._air.lose_all("the chip was reset")
