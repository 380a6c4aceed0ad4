"""The channel's RSSI as a register shows it: noise, or what is on the channel just now.

5811[2:0] selects the chain, 5818 shows its level in the raw scale of a packet's RSSI. Both are
inferred from the registers' names, no recording exercises them (?).
"""

import random
from collections.abc import Callable

from drivers.emulator.fifo import lora_rssi_raw
from drivers.emulator.propagation import noise_dbm

BANDWIDTH = 125_000
SPREAD_DB = 2.0
SELECTED, LEVEL = 0x5811, 0x5818


class Noise:
    """`loudest(frequency, bandwidth)` is the RSSI in dBm of what is on the air there, if any is."""

    def __init__(self, seed: int, loudest: Callable[[float, int], float | None]) -> None:
        self._random = random.Random(f"noise of {seed}")
        self._loudest = loudest

    def raw(self, frequency: float) -> int:
        """A reading of the channel around a frequency in Hz."""
        level = noise_dbm(BANDWIDTH) + self._random.uniform(-SPREAD_DB, SPREAD_DB)
        on_air = self._loudest(frequency, BANDWIDTH)
        return lora_rssi_raw(level if on_air is None else max(level, on_air))
