"""What several regions share: rows of data rates, and RX1 by RX1DROffset."""

from drivers.concentrator import Modulation
from gateway.lorawan.region import DataRate

FSK_50 = DataRate(0, 0, 250, modulation=Modulation.FSK, bit_rate=50_000)

LORA_125: tuple[DataRate, ...] = (
    DataRate(12, 125_000, 59),
    DataRate(11, 125_000, 59),
    DataRate(10, 125_000, 59),
    DataRate(9, 125_000, 123),
    DataRate(8, 125_000, 250),
    DataRate(7, 125_000, 250),
)
"""DR0…DR5 of most regions."""

LORA_AND_FSK = (*LORA_125, DataRate(7, 250_000, 250), FSK_50)
"""DR0…DR7: EU868 (RP002-1.0.4 §2.4), EU433 (§2.6), RU864 (§2.12)."""

RX1_DATA_RATES = (
    (0, 0, 0, 0, 0, 0),
    (1, 0, 0, 0, 0, 0),
    (2, 1, 0, 0, 0, 0),
    (3, 2, 1, 0, 0, 0),
    (4, 3, 2, 1, 0, 0),
    (5, 4, 3, 2, 1, 0),
    (6, 5, 4, 3, 2, 1),
    (7, 6, 5, 4, 3, 2),
)


def channels(first: int, step: int, count: int) -> tuple[int, ...]:
    """Frequencies in Hz of numbered channels."""
    return tuple(range(first, first + step * count, step))
