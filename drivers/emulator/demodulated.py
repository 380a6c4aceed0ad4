"""From a packet that was heard to its entries in the receive buffer.

Source: docs/sx1302.md §3.5, §3.13, §4.2, §4.8. With fine timestamps the first demodulator notes
its timing and metrics; a second one, where the arbiter demodulates twice, brings the same packet
without them. How many metrics a packet brings and how they scatter is inferred (?).
"""

import random

from drivers.emulator.air import Flight
from drivers.emulator.clock import Counter
from drivers.emulator.fifo import Metadata, fsk_rssi_raw, lora_rssi_raw, snr_raw
from drivers.emulator.register_file import RegisterFile
from drivers.emulator.uplink import CRC_BAD

METRIC_SPREAD = 4  # ticks of 32 MHz
MOST_METRICS = 255


class Demodulated:
    """What the modems of one chip note about a packet; `seed` scatters the metrics."""

    def __init__(self, registers: RegisterFile, counter: Counter, seed: int) -> None:
        self._registers = registers
        self._counter = counter
        self._random = random.Random(f"metrics of {seed}")

    def entries(self, flight: Flight) -> list[Metadata]:
        """One for each demodulator that took the packet."""
        assert flight.chain is not None
        first, *others = flight.chain.modems
        fsk = flight.uplink.modulation == "FSK"
        fine = not self._registers.field("RX_TOP_RX_BUFFER_LEGACY_TIMESTAMP") and not fsk
        timed = self._entry(flight, first, early=fine, timing=fine)
        return [timed, *(self._entry(flight, modem, early=fine, timing=False) for modem in others)]

    def _entry(self, flight: Flight, modem: int, *, early: bool, timing: bool) -> Metadata:
        uplink, chain = flight.uplink, flight.chain
        assert chain is not None
        fsk = uplink.modulation == "FSK"
        ticks = self._counter.ticks(flight.end_ns) - 32 * uplink.correction_us(fine=early)
        return Metadata(
            chain=chain.number,
            modem=modem,
            sf=0 if fsk else uplink.sf,
            coding_rate=0 if fsk else uplink.coding_rate,
            crc_present=uplink.has_crc,
            crc_wrong=uplink.crc == CRC_BAD,
            snr_raw=0 if fsk else snr_raw(uplink.snr),
            rssi_raw=fsk_rssi_raw(uplink.rssi) if fsk else lora_rssi_raw(uplink.rssi),
            ticks=ticks % 2**32,
            fine=timing,
            metrics=self._metrics(len(uplink.payload)) if timing else (),
        )

    def _metrics(self, size: int) -> tuple[int, ...]:
        """Pairs of signed timing errors, more of them for a longer packet."""
        if not self._registers.field("RX_TOP_TIMESTAMP_ENABLE"):
            return ()
        limit = self._registers.field("RX_TOP_RX_BUFFER_TIMESTAMP_CFG_MAX_TS_METRICS")
        pairs = min(8 + size, limit, MOST_METRICS)
        return tuple(self._random.randint(-METRIC_SPREAD, METRIC_SPREAD) for _ in range(2 * pairs))
