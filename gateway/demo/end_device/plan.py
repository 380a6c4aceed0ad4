"""What an end device knows of its region: RP002-1.0.4 §2.4 (EU868), §2.5 (US915), §2.8 (AU915),
§2.10 (AS923-1).

Rules:

- A dynamic plan (EU868) has default channels that nobody may alter and room for 16 in all; a fixed
  plan numbers 64 channels of 125 kHz and 8 of 500 kHz and answers on 8 downlink channels.
- A data rate that this device's modem lacks (FSK, LR-FHSS) is not in the table.
- `max_payload` is N without repeater: FRMPayload and FOpts together may be that long.
- UplinkDwellTime is on in AU915 and AS923 as long as nobody says otherwise: 400 ms for an uplink.
  DownlinkDwellTime is off (§2.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

DYNAMIC_CHANNELS = 16
NARROW_CHANNELS = 64
"""A fixed plan's channels of 125 kHz; those of 500 kHz follow them."""


class Rate(NamedTuple):
    """A LoRa data rate: spreading factor, bandwidth in Hz, bytes of payload at most."""

    sf: int
    bandwidth: int
    max_payload: int


class Channel(NamedTuple):
    """Hz up and down (RX1), and the data rates that may be used."""

    frequency: int
    rx1_frequency: int
    min_dr: int
    max_dr: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rx1[DR]` is RX1's data rate by RX1DROffset; `channels` those known without being told.

    `dwell` is N of uplinks by data rate where UplinkDwellTime makes it less, 0: none may be sent.
    """

    name: str
    rates: Mapping[int, Rate]
    channels: tuple[Channel, ...]
    rx1: Mapping[int, tuple[int, ...]]
    rx2_frequency: int
    rx2_dr: int
    max_tx_power: int
    low: int
    high: int
    dwell: Mapping[int, int] = field(default_factory=dict)
    fixed: bool = False
    knows_tx_param_setup: bool = False

    def dr(self, sf: int, bandwidth: int) -> int | None:
        """The uplink data rate of these figures."""
        for dr in self.rx1:
            rate = self.rates[dr]
            if (rate.sf, rate.bandwidth) == (sf, bandwidth):
                return dr
        return None

    def uplink_room(self, dr: int) -> int:
        """Bytes of payload at most of an uplink."""
        return self.dwell.get(dr, self.rates[dr].max_payload)

    def room(self, sf: int, bandwidth: int) -> int:
        """Bytes of payload at most of a downlink with these figures."""
        rates = self.rates.values()
        return max(rate.max_payload for rate in rates if rate[:2] == (sf, bandwidth))

    def may_carry(self, frequency: int) -> bool:
        return self.low <= frequency <= self.high


EU868 = Plan(
    name="EU868",
    rates={
        0: Rate(12, 125_000, 51),
        1: Rate(11, 125_000, 51),
        2: Rate(10, 125_000, 51),
        3: Rate(9, 125_000, 115),
        4: Rate(8, 125_000, 242),
        5: Rate(7, 125_000, 242),
        6: Rate(7, 250_000, 242),
    },
    channels=tuple(Channel(f, f, 0, 5) for f in (868_100_000, 868_300_000, 868_500_000)),
    rx1={dr: tuple(max(0, dr - offset) for offset in range(6)) for dr in range(7)},
    rx2_frequency=869_525_000,
    rx2_dr=0,
    max_tx_power=7,
    low=863_000_000,
    high=870_000_000,
)


def _fixed_channels(narrow: int, wide: int, narrow_drs: int, wide_dr: int) -> tuple[Channel, ...]:
    down = tuple(923_300_000 + 600_000 * n for n in range(8))
    low = (Channel(narrow + 200_000 * n, down[n % 8], 0, narrow_drs) for n in range(64))
    high = (Channel(wide + 1_600_000 * n, down[n], wide_dr, wide_dr) for n in range(8))
    return (*low, *high)


_WIDE = {
    8: Rate(12, 500_000, 53),
    9: Rate(11, 500_000, 129),
    10: Rate(10, 500_000, 242),
    11: Rate(9, 500_000, 242),
    12: Rate(8, 500_000, 242),
    13: Rate(7, 500_000, 242),
}
"""Downlink data rates of US915 and AU915."""

US915 = Plan(
    name="US915",
    rates={
        0: Rate(10, 125_000, 11),
        1: Rate(9, 125_000, 53),
        2: Rate(8, 125_000, 125),
        3: Rate(7, 125_000, 242),
        4: Rate(8, 500_000, 242),
        **_WIDE,
    },
    channels=_fixed_channels(902_300_000, 903_000_000, 3, 4),
    rx1={dr: tuple(max(8, min(13, dr + 10) - offset) for offset in range(4)) for dr in range(5)},
    rx2_frequency=923_300_000,
    rx2_dr=8,
    max_tx_power=14,
    low=902_000_000,
    high=928_000_000,
    fixed=True,
)
AU915 = Plan(
    name="AU915",
    rates={
        0: Rate(12, 125_000, 51),
        1: Rate(11, 125_000, 51),
        2: Rate(10, 125_000, 51),
        3: Rate(9, 125_000, 115),
        4: Rate(8, 125_000, 242),
        5: Rate(7, 125_000, 242),
        6: Rate(8, 500_000, 242),
        **_WIDE,
    },
    channels=_fixed_channels(915_200_000, 915_900_000, 5, 6),
    rx1={dr: tuple(max(8, min(13, dr + 8 - offset)) for offset in range(6)) for dr in range(6)}
    | {6: (13, 13, 12, 11, 10, 9)},
    rx2_frequency=923_300_000,
    rx2_dr=8,
    max_tx_power=14,
    low=915_000_000,
    high=928_000_000,
    dwell={0: 0, 1: 0, 2: 11, 3: 53, 4: 125},
    fixed=True,
    knows_tx_param_setup=True,
)

AS923_1 = Plan(
    name="AS923-1",
    rates={
        0: Rate(12, 125_000, 51),
        1: Rate(11, 125_000, 51),
        2: Rate(10, 125_000, 115),
        3: Rate(9, 125_000, 115),
        4: Rate(8, 125_000, 242),
        5: Rate(7, 125_000, 242),
        6: Rate(7, 250_000, 242),
    },
    channels=tuple(Channel(f, f, 0, 5) for f in (923_200_000, 923_400_000)),
    rx1={
        dr: (*(max(0, dr - slower) for slower in range(6)), min(7, dr + 1), min(7, dr + 2))
        for dr in range(7)
    },
    rx2_frequency=923_200_000,
    rx2_dr=2,
    max_tx_power=7,
    low=915_000_000,
    high=928_000_000,
    dwell={0: 0, 1: 0, 2: 11, 3: 53, 4: 125},
    knows_tx_param_setup=True,
)


def airtime_us(size: int, rate: Rate, *, crc: bool) -> int:
    """Time on air of `size` bytes, CR 4/5, preamble of 8, explicit header (AN1200.13 §4)."""
    symbol_us = (1 << rate.sf) * 1e6 / rate.bandwidth
    per_block = 4 * (rate.sf - 2 * (symbol_us >= 16_000))
    blocks = ceil((8 * size - 4 * rate.sf + 28 + 16 * crc) / per_block)
    return ceil((8 + 4.25 + 8 + max(0, blocks) * 5) * symbol_us)
