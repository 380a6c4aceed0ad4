"""The last seven days in samples: what `kogge report` draws.

- A sample every five minutes (`EVERY`), and one at each start of the daemon: 33 bytes each, 70 kB
  in all. What is counted is counted since the sample before.
- Samples stand together by the hour, in memory as on disk: at most `IN_HOUR` of one hour, the
  newest, and no hour older than `HOURS`. A daemon that starts again and again fills no card.
- The newest sample says what time it is: an hour after it came from a clock that was wrong.

Pure: times come in.
"""

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final, NamedTuple

EVERY: Final = 300.0  # seconds
HOUR: Final = 3600
HOURS: Final = 7 * 24
IN_HOUR: Final = 64

_SAMPLE: Final = Struct(">IIBIIIIhhHBB")
_NO_TEMPERATURE: Final = -(1 << 15)
_NO_SHARE: Final = (1 << 16) - 1
_MOST: Final = (1 << 32) - 1


class Sample(NamedTuple):
    """`at` is Unix seconds; `up` for how many seconds the machine is on; `began`: the daemon has
    just started. `readings` and `drops` came since the sample before; `waiting` readings are not
    yet acknowledged, the oldest for `oldest` seconds. Temperatures in °C, of the board and of the
    concentrator; `disk` is the share that is used; `connected` and `receiving` are the shares of
    the time in which the broker was there and the radio received.
    """

    at: int
    up: int
    began: bool
    readings: int
    drops: int
    waiting: int
    oldest: int
    board: float | None
    concentrator: float | None
    disk: float | None
    connected: float
    receiving: float

    @property
    def hour(self) -> int:
        return self.at // HOUR

    def to_bytes(self) -> bytes:
        return _SAMPLE.pack(
            *(min(max(n, 0), _MOST) for n in (self.at, self.up)),
            self.began,
            *(min(n, _MOST) for n in (self.readings, self.drops, self.waiting, self.oldest)),
            _tenths(self.board),
            _tenths(self.concentrator),
            _NO_SHARE if self.disk is None else round(min(max(self.disk, 0.0), 1.0) * 1000),
            round(self.connected * 100),
            round(self.receiving * 100),
        )


def from_bytes(blob: bytes) -> Iterator[Sample]:
    """What is torn at the end is left out."""
    whole = len(blob) - len(blob) % _SAMPLE.size
    for packed in _SAMPLE.iter_unpack(blob[:whole]):
        one = Sample(*packed)
        yield one._replace(
            began=bool(one.began),
            board=_degrees(packed[7]),
            concentrator=_degrees(packed[8]),
            disk=None if packed[9] == _NO_SHARE else packed[9] / 1000,
            connected=one.connected / 100,
            receiving=one.receiving / 100,
        )


class History:
    """Packed samples by the hour; `unsaved` are the hours that the disk has otherwise."""

    def __init__(self) -> None:
        self._hours: dict[int, bytes] = {}
        self._unsaved: set[int] = set()

    def load(self, rows: Mapping[int, bytes]) -> None:
        """What earlier runs have kept. A bit may have flipped: none stands in a wrong hour."""
        for hour, blob in rows.items():
            kept = [one.to_bytes() for one in from_bytes(blob) if one.hour == hour]
            self._hours[hour] = b"".join(kept) + self._hours.get(hour, b"")

    def add(self, sample: Sample) -> None:
        hour = sample.hour
        packed = self._hours.get(hour, b"") + sample.to_bytes()
        self._hours[hour] = packed[-IN_HOUR * _SAMPLE.size :]
        self._unsaved.add(hour)
        for other in [one for one in self._hours if not hour - HOURS < one <= hour]:
            del self._hours[other]
        self._unsaved &= self._hours.keys()

    def unsaved(self) -> dict[int, bytes]:
        """Whoever asks saves them."""
        taken = {hour: self._hours[hour] for hour in sorted(self._unsaved)}
        self._unsaved.clear()
        return taken

    def samples(self) -> Iterator[Sample]:
        """Oldest first."""
        for hour in sorted(self._hours):
            yield from from_bytes(self._hours.get(hour, b""))  # it may have gone meanwhile


def _tenths(degrees: float | None) -> int:
    return _NO_TEMPERATURE if degrees is None else round(min(max(degrees, -999.0), 999.0) * 10)


def _degrees(tenths: int) -> float | None:
    return None if tenths == _NO_TEMPERATURE else tenths / 10
