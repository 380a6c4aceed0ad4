"""How loud each channel is: the chip's RSSI meter of one channel after the other.

RX_TOP has one meter for the channels' RSSI and a selector of the channel it shows. That is inferred
from the names of these registers (RSSI_CONTROL 0x5811, RSSI_VALUE 0x5818) and not confirmed on
hardware (?), as is that the value has the scale of a packet's channel RSSI. Reception goes on.
"""

from dataclasses import dataclass

from drivers.sx1302.chip import Chip
from drivers.sx1302.receive import temperature_compensation
from drivers.sx1302.settings import Settings

SELECT, VALUE = "RX_TOP_RSSI_CONTROL_SELECT_RSSI", "RX_TOP_RSSI_VALUE_CHAN_RSSI"
SETTLE = 0.02  # s that the meter's filter gets after another channel was selected
READINGS, PAUSE = 25, 0.002  # s between two of them


@dataclass(frozen=True, slots=True)
class ChannelNoise:
    """A channel's level in dBm over a short while; `frequency` in Hz."""

    chain: int
    frequency: int
    median: float
    low: float
    high: float


async def measure(chip: Chip, settings: Settings, temperature: float) -> list[ChannelNoise]:
    """Each multi-SF channel that is on, by chain; `temperature` in °C compensates the RSSI."""
    measured = []
    for chain, channel in enumerate(settings.channels):
        if channel is None:
            continue
        radio = settings.radios[channel.radio]
        assert radio is not None
        shift = radio.rssi_offset + temperature_compensation(radio, temperature)
        levels = sorted(raw + shift for raw in await _readings(chip, chain))
        frequency = settings.centre(channel)
        median = levels[READINGS // 2]
        measured.append(ChannelNoise(chain, frequency, median, levels[0], levels[-1]))
    await chip.set(SELECT, 0)
    return measured


async def _readings(chip: Chip, chain: int) -> list[int]:
    await chip.set(SELECT, chain)
    await chip.sleep(SETTLE)
    raw = []
    for _ in range(READINGS):
        raw.append(await chip.get(VALUE))
        await chip.sleep(PAUSE)
    return raw
