"""Silent reception, judged by the rhythm of known devices.

A radio that hears nothing may be deaf, or the street may be asleep: time alone cannot tell. Devices
that report at a steady interval can. The rules:

- The interval of a device is learnt from its own uplinks: the time between two of them by the
  difference of their frame counters, so that lost ones do no harm; the median of the last eight.
- Only *regular* devices are judged by: seven of the eight within a tenth of the median. A parking
  sensor that speaks when a car comes, and sleeps at night, is not one.
- A device that was overdue already when the radio last heard anybody is not counted either.
- The radio is called deaf when nothing intact was heard for `SILENCE` seconds, not even a
  stranger's packet, while uplinks of at least `DEVICES` regular devices were due, `DUE` in all. An
  uplink is due once it is a tenth of its interval late, and counted from the last heard one on.
- Judged deaf once, it is not judged again until something was heard: a dead city is no loop.

How often this is wrong: each of the twelve due uplinks was sent, and lost by chance. At a loss of
20 % per uplink that is 0.2^12, one in 240 millions of silences; a packet begins each silence, and a
gateway that has few enough of them for twelve to be due in `SILENCE` hears below two million a
month. That is one needless restart, of two seconds, in ten years; at 10 % loss never. Losses that
come together (a jammer, a lightning) last less than `SILENCE`, or are a fault worth one restart.
Three devices that are switched off in one moment, with no stranger on the air, cost one restart.

Pure: seconds of a monotonic clock come in as arguments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

INTERVALS: Final = 8  # that are remembered of a device
STEADY: Final = 7  # of these lie within SLACK of their median
SLACK: Final = 0.1  # of an interval
SKIPPED: Final = 16  # a counter that jumps further says nothing about the interval
LIVELY: Final = 3  # intervals after which a device counts as gone
SILENCE: Final = 20.0  # seconds
DEVICES: Final = 3
DUE: Final = 12
REMEMBERED: Final = 1000  # devices

_seconds = Struct(">f")


@dataclass(slots=True)
class _Device:
    f_cnt: int
    at: float
    packed: bytes = b""  # its last intervals, in a fifth of what a tuple takes
    interval: float | None = None  # from uplink to uplink; None while it is not regular

    def learn(self, interval: float) -> None:
        self.packed = (self.packed + _seconds.pack(interval))[-INTERVALS * _seconds.size :]
        intervals = self.intervals()
        middle = _middle(intervals)
        steady = sum(abs(each - middle) <= SLACK * middle for each in intervals)
        self.interval = middle if steady >= STEADY else None

    def intervals(self) -> list[float]:
        return [each for (each,) in _seconds.iter_unpack(self.packed)]


def _middle(intervals: list[float]) -> float:
    return sorted(intervals)[len(intervals) // 2]


class Rhythm:
    """What is regular on this street, and whether it is missed."""

    def __init__(self) -> None:
        self._devices: dict[int, _Device] = {}  # the one heard last is the last
        self._heard_at: float | None = None  # None: not to be judged
        self._silent_from = 0.0

    def uplink(self, dev_eui: int, f_cnt: int, at: float) -> None:
        """An uplink of a known device, each under its own frame counter."""
        device = self._devices.pop(dev_eui, None) or _Device(f_cnt, at)
        frames = f_cnt - device.f_cnt
        if 0 < frames <= SKIPPED:
            device.learn((at - device.at) / frames)
        device.f_cnt, device.at = f_cnt, at
        self._devices[dev_eui] = device
        if len(self._devices) > REMEMBERED:
            del self._devices[next(iter(self._devices))]

    def usual(self, dev_eui: int) -> tuple[float | None, bool]:
        """The interval of a device in seconds, as far as it is known, and whether it is regular."""
        device = self._devices.get(dev_eui)
        if device is None or not device.packed:
            return None, False
        return device.interval or _middle(device.intervals()), device.interval is not None

    def packet(self, at: float) -> None:
        """Anybody's packet came in intact."""
        self._heard_at = self._silent_from = at

    def listening(self, at: float) -> None:
        """The radio has just begun to listen: before that it could not hear."""
        self._silent_from = at

    def silence(self, now: float) -> str:
        """Why the radio must be deaf; empty while there is no reason to think so."""
        if self._heard_at is None or now - self._silent_from < SILENCE:
            return ""
        due = [count for count in self._due(self._heard_at, now) if count > 0]
        if len(due) < DEVICES or sum(due) < DUE:
            return ""
        self._heard_at = None
        return (
            f"silent reception: nothing was heard for {now - self._silent_from:.0f} s,"
            f" though {sum(due)} uplinks of {len(due)} regular devices were due"
        )

    def _due(self, heard_at: float, now: float) -> Iterator[int]:
        """For each lively device: how many uplinks were due in the silence, at the least."""
        for device in self._devices.values():
            interval = device.interval
            if interval and heard_at - device.at <= LIVELY * interval:
                by_now = (now - device.at) // (interval * (1 + SLACK))
                before = (self._silent_from - device.at) // (interval * (1 - SLACK))
                yield int(by_now - max(before, 0))
