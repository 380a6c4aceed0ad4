"""What the radio has heard in the last minutes, and how loud the air is by it. Pure: seconds come
in as arguments.

The noise is estimated, from packets alone: the RSSI of one is that of signal and noise together,
its SNR says how much of that is noise. Strong packets say nothing (demodulators stop counting at
some 12 dB), so only weak ones count, whoever sent them. A disturbance that lets no packet through
is not seen this way.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from drivers.concentrator import RxPacket

MINUTES: Final = 5
NOISE_SECONDS: Final = 3600.0
NOISE_PACKETS: Final = 50  # the last
WEAK: Final = 5.0  # dB of SNR
BANDWIDTH: Final = 125_000  # Hz


class Heard:
    """A count for each of the last minutes; seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque(maxlen=MINUTES + 1)  # [minute, packets]
        self._noise: deque[tuple[float, float]] = deque(maxlen=NOISE_PACKETS)  # (at, dBm)
        self._last: float | None = None
        self.total = 0

    def note(self, packets: Sequence[RxPacket], now: float) -> None:
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += len(packets)
        self.total += len(packets)
        self._last = now
        self._noise += ((now, level) for each in packets if (level := noise(each)) is not None)

    def told(self, now: float) -> dict[str, Any]:
        """For `kogge status`: `packets` in the last `minutes`, the one that runs included; `noise`
        in dBm in 125 kHz, of `noise_packets` of the last hour, None where none says anything.
        """
        oldest = int(now // 60) - MINUTES
        levels = [level for at, level in self._noise if now - at <= NOISE_SECONDS]
        return {
            "minutes": MINUTES,
            "packets": sum(count for minute, count in self._minutes if minute > oldest),
            "seconds": None if self._last is None else round(now - self._last, 1),
            "noise": round(sorted(levels)[len(levels) // 2], 1) if levels else None,
            "noise_packets": len(levels),
        }


def noise(packet: RxPacket) -> float | None:
    """dBm in 125 kHz; None: it was too strong to tell, or is no LoRa."""
    if packet.snr is None or packet.snr > WEAK:
        return None
    share = 10 * math.log10(1 + 10 ** (packet.snr / 10))
    return packet.rssi - share - 10 * math.log10(packet.bandwidth / BANDWIDTH)
