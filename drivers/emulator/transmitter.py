"""One transmit chain: set-up registers and a trigger become an emission.

Source: docs/sx1302.md §5, §9. The trigger fires at its 32 MHz tick; the first symbol leaves
TX_START_DELAY later (LoRa; FSK: at once). A trigger that has passed waits until the 32-bit count
comes round.
Writing the trigger bits to 0 cancels what is scheduled; what is on the air goes on to its end.
The registers are read when the trigger fires, so that a scheduled packet may be overwritten.
A stuck transmission (a fault) that never starts is taken back like a scheduled one; one that never
ends holds the chain, and the board deaf, until the chip is reset.
A transmission triggered by PPS fires at the next pulse; where none comes it stays scheduled.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.emulator import airtime
from drivers.emulator.agenda import Agenda, Entry
from drivers.emulator.clock import Counter
from drivers.emulator.faults import Faults
from drivers.emulator.power import channel_hz, power_dbm
from drivers.emulator.register_file import RegisterFile

IMMEDIATE, DELAYED, PPS = 0x01, 0x02, 0x04
FREE, SCHEDULED, STARTING, EMITTING = 0x80, 0x91, 0x30, 0x60
BASES = (0x5200, 0x5400)
PAYLOAD_OFFSET = 0x100
SOURCE_LORA, SOURCE_FSK = 1, 2

FOREVER_NS = 1 << 63


@dataclass(frozen=True, slots=True)
class Emission:
    """One transmission of the board; times in ns of the board's clock, frequency in Hz.

    LoRa: `sf`, `bandwidth` (Hz), `coding_rate` 1…4, `inverted` polarity. FSK: `bit_rate`.
    """

    chain: int
    begin_ns: int
    end_ns: int
    payload: bytes
    frequency: int
    power_dbm: int
    modulation: str = "LORA"
    sf: int = 0
    bandwidth: int = 0
    coding_rate: int = 0
    inverted: bool = False
    crc: bool = False
    preamble: int = 0
    sync_peaks: tuple[int, int] = (0, 0)
    bit_rate: int = 0


class Transmitter:
    """Chain A (0) or B (1). `on_fire(from_ns, to_ns)`: deaf; `on_emission`: the first symbol."""

    def __init__(
        self,
        chain: int,
        registers: RegisterFile,
        agenda: Agenda,
        counter: Counter,
        faults: Faults,
    ) -> None:
        self._chain = chain
        self._base = BASES[chain]
        self._registers = registers
        self._agenda = agenda
        self._counter = counter
        self._faults = faults
        self.unseen = False  # armed, and its status not read since
        self.on_fire: Callable[[int, int], None] = lambda from_ns, to_ns: None
        self.on_emission: Callable[[Emission], None] = lambda emission: None
        self._scheduled = self._waits_for_pulse = False
        self._stuck: int | None = None  # the status in which it stays
        self._fire: Entry | None = None
        self._emission: Emission | None = None
        self._announcement: Entry | None = None

    def reset(self) -> None:
        """Nothing is scheduled and nothing is on the air."""
        self._cancel()
        self._agenda.cancel(self._announcement)
        self._emission = None
        self._stuck = None

    def status(self, now_ns: int) -> int:
        """TX_FSM_STATUS."""
        if self._stuck is not None:
            return self._stuck
        if self._emission is not None and now_ns < self._emission.end_ns:
            return EMITTING if now_ns >= self._emission.begin_ns else STARTING
        return SCHEDULED if self._scheduled else FREE

    def trigger(self, before: int, after: int, now_ns: int) -> None:
        """The trigger register was written; a bit acts when it rises."""
        if self.status(now_ns) in (STARTING, EMITTING):
            return
        rising = after & ~before
        if not after & (IMMEDIATE | DELAYED | PPS):
            self._cancel()
        elif rising & IMMEDIATE:
            self._schedule(now_ns)
        elif rising & DELAYED:
            self._schedule(self._counter.next_ns(self._wide(1, 2, 3, 4), now_ns))
        elif rising & PPS:
            self._cancel()
            self._scheduled = self.unseen = self._waits_for_pulse = True

    def pulse(self, at_ns: int) -> None:
        """A pulse per second: what waits for it fires."""
        if self._waits_for_pulse:
            self._waits_for_pulse = False
            self._fires(at_ns)

    def _schedule(self, fire_ns: int) -> None:
        self._cancel()
        self._scheduled = self.unseen = True
        self._fire = self._agenda.at(fire_ns, self._fires)

    def _cancel(self) -> None:
        self._agenda.cancel(self._fire)
        self._scheduled = self._waits_for_pulse = False
        self._stuck = None

    def unstick(self) -> bool:
        """End a stuck transmission; whether there was one."""
        was = self._stuck is not None
        if was:
            self._cancel()
        return was

    def _sticks(self, fire_ns: int) -> bool:
        """Whether a fault keeps it from ever starting, or from ever ending."""
        fault = self._faults.strike("tx_stuck")
        if fault is not None and fault["emitting"]:
            self._stuck = EMITTING
            self.on_fire(fire_ns, FOREVER_NS)
        elif fault is not None or self._faults.get("counter_stopped"):
            self._stuck = SCHEDULED
        return self._stuck is not None

    def _fires(self, fire_ns: int) -> None:
        self._scheduled = False
        if self._faults and self._sticks(fire_ns):
            return
        emission = self._emission = self._from_registers(fire_ns)
        if emission is not None:
            self.on_fire(fire_ns, emission.end_ns)
            self._announcement = self._agenda.at(
                emission.begin_ns, lambda _: self.on_emission(emission)
            )

    def _from_registers(self, fire_ns: int) -> Emission | None:
        """None for what no receiver could make sense of: a carrier, values that do not exist."""
        source = self._field("TX_RFFE_IF_CTRL_TX_IF_SRC")
        if source == SOURCE_LORA:
            return self._lora(fire_ns)
        return self._fsk(fire_ns) if source == SOURCE_FSK else None

    def _lora(self, fire_ns: int) -> Emission | None:
        sf = self._field("TXRX_CFG0_0_MODEM_SF")
        bandwidth = airtime.BANDWIDTH_CODES.get(self._field("TXRX_CFG0_0_MODEM_BW"), 0)
        coding_rate = self._field("TXRX_CFG0_1_CODING_RATE")
        if not (5 <= sf <= 12 and bandwidth and 1 <= coding_rate <= 4):
            return None
        payload = self._buffer(0, self._field("TXRX_CFG0_3_PAYLOAD_LENGTH"))
        crc = bool(self._field("TXRX_CFG0_2_CRC_EN"))
        preamble = self._wide(0x67, 0x66)
        lasts_us = airtime.lora_us(
            len(payload),
            sf,
            bandwidth,
            coding_rate,
            crc,
            preamble=preamble,
            header=not self._field("TXRX_CFG0_2_IMPLICIT_HEADER"),
            low=min(self._field("TXRX_CFG0_1_PPM_OFFSET"), 1),
        )
        begin_ns = self._counter.after_ns(fire_ns, self._wide(5, 6))
        return Emission(
            chain=self._chain,
            begin_ns=begin_ns,
            end_ns=begin_ns + lasts_us * 1000,
            payload=payload,
            frequency=self._frequency(),
            power_dbm=power_dbm(self._wide(0x0D), self._frequency()),
            sf=sf,
            bandwidth=bandwidth,
            coding_rate=coding_rate,
            inverted=bool(self._field("TX_CFG0_0_CHIRP_INVERT")),
            crc=crc,
            preamble=preamble,
            sync_peaks=(
                self._field("FRAME_SYNCH_0_PEAK1_POS"),
                self._field("FRAME_SYNCH_1_PEAK2_POS"),
            ),
        )

    def _fsk(self, fire_ns: int) -> Emission | None:
        period = self._wide(0x44, 0x45)
        if not period:
            return None
        bit_rate = 32_000_000 // period
        payload = self._buffer(1, min(self._buffer(0, 1)[0], 255))
        crc = bool(self._field("FSK_CFG_0_CRC_EN"))
        lasts_us = airtime.fsk_us(
            len(payload),
            bit_rate,
            preamble=self._wide(0x42, 0x43),
            sync=self._field("FSK_MOD_FSK_REF_PATTERN_SIZE") + 1,
            crc=crc,
        )
        return Emission(
            chain=self._chain,
            begin_ns=fire_ns,
            end_ns=fire_ns + lasts_us * 1000,
            payload=payload,
            frequency=self._frequency(),
            power_dbm=power_dbm(self._wide(0x0D), self._frequency()),
            modulation="FSK",
            crc=crc,
            bit_rate=bit_rate,
        )

    def _field(self, name: str) -> int:
        return self._registers.field(f"TX_TOP_{'AB'[self._chain]}_{name}")

    def _frequency(self) -> int:
        return channel_hz(self._wide(0x25, 0x26, 0x27))

    def _wide(self, *offsets: int) -> int:
        return self._registers.wide(*(self._base + offset for offset in offsets))

    def _buffer(self, offset: int, size: int) -> bytes:
        return self._registers.read(self._base + PAYLOAD_OFFSET + offset, size)
