"""What each device did since the start: when and how it was heard, and what it was refused.

In memory alone, so a start forgets it; what outlives one stands in the session. The rules:

- A device of devices.toml has its last `UPLINKS` uplinks, 17 bytes each: 0.7 kB a device in all.
- A refusal is kept by who was refused, DevEUI or else DevAddr, and why; with how often, and since
  when. What could be ours and what is a stranger's have room of their own (`OURS`, `STRANGERS`): a
  neighbour's street pushes nothing of ours out. The one that was refused last stays longest.
- What nobody's address is known of (noise, other protocols) is counted elsewhere, and not kept.

Pure: seconds of a monotonic clock come in as arguments.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from struct import Struct
from typing import Final, NamedTuple

from drivers.concentrator import RxPacket
from gateway.lorawan.outcome import Drop, DropReason

UPLINKS: Final = 24
OURS, STRANGERS = 512, 256
LONGEST_ERROR: Final = 160  # characters of a codec's words

_uplink = Struct(">IIhhBI")
_NO_SNR: Final = -(1 << 15)


class Heard(NamedTuple):
    """One uplink: monotonic s, the 32-bit counter, dBm, dB (None: FSK), Hz."""

    at: float
    f_cnt: int
    rssi: float
    snr: float | None
    sf: int
    frequency: int


@dataclass(slots=True)
class Facts:
    """Of one device. `joins` were accepted; `codec_errors` since the start, the last in words."""

    uplinks: bytes = b""
    joins: int = 0
    joined_at: float | None = None
    codec_errors: int = 0
    codec_error: str = ""
    codec_error_at: float | None = None

    @property
    def heard_at(self) -> float | None:
        """When its last uplink came."""
        last = self.uplinks[-_uplink.size :]
        return _uplink.unpack(last)[0] / 10 if last else None

    def heard(self) -> list[Heard]:
        """The last uplinks, oldest first."""
        return [
            Heard(at / 10, f_cnt, rssi / 10, None if snr == _NO_SNR else snr / 10, sf, frequency)
            for at, f_cnt, rssi, snr, sf, frequency in _uplink.iter_unpack(self.uplinks)
        ]


@dataclass(slots=True)
class Refusal:
    """`whose` is a DevEUI, or with `by_address` a DevAddr; `says` is for people."""

    whose: int
    by_address: bool
    reason: DropReason
    says: str
    first_at: float
    last_at: float
    count: int
    rssi: float


NOTHING: Final = Facts()


class DeviceFacts:
    """Of all devices."""

    def __init__(self) -> None:
        self._facts: dict[int, Facts] = {}
        self._ours: dict[tuple[bool, int, DropReason], Refusal] = {}
        self._strangers: dict[tuple[bool, int, DropReason], Refusal] = {}

    def of(self, dev_eui: int) -> Facts:
        return self._facts.get(dev_eui, NOTHING)

    def uplink(self, dev_eui: int, f_cnt: int, packet: RxPacket, at: float) -> None:
        """A new uplink, not a repetition."""
        snr = _NO_SNR if packet.snr is None else _tenths(packet.snr)
        packed = _uplink.pack(
            max(round(at * 10), 0), f_cnt, _tenths(packet.rssi), snr, packet.sf, packet.frequency
        )
        facts = self._known(dev_eui)
        facts.uplinks = (facts.uplinks + packed)[-UPLINKS * _uplink.size :]

    def joined(self, dev_eui: int, at: float) -> None:
        facts = self._known(dev_eui)
        facts.joins += 1
        facts.joined_at = at

    def not_decoded(self, dev_eui: int, error: str, at: float) -> None:
        facts = self._known(dev_eui)
        facts.codec_errors += 1
        facts.codec_error, facts.codec_error_at = error[:LONGEST_ERROR], at

    def refused(self, drop: Drop, packet: RxPacket, at: float) -> None:
        by_address = drop.dev_eui is None
        whose = drop.dev_addr if by_address else drop.dev_eui
        if whose is None or drop.reason is DropReason.DUPLICATE:
            return
        is_strangers = drop.reason is DropReason.UNKNOWN_DEVICE
        kept, most = (self._strangers, STRANGERS) if is_strangers else (self._ours, OURS)
        key = (by_address, whose, drop.reason)
        one = kept.pop(key, None)
        if one is None:
            one = Refusal(whose, by_address, drop.reason, drop.says, at, at, 0, packet.rssi)
        one.says, one.last_at, one.rssi = drop.says, at, packet.rssi
        one.count += 1
        kept[key] = one
        if len(kept) > most:
            del kept[next(iter(kept))]

    def refusals(self, dev_eui: int, addresses: Container[int]) -> list[Refusal]:
        """Of a device that may speak under these DevAddrs; the newest first."""
        found = [
            one
            for one in self._all()
            if (one.whose in addresses if one.by_address else one.whose == dev_eui)
        ]
        return sorted(found, key=lambda one: one.last_at, reverse=True)

    def keep_only(self, devices: Iterable[int]) -> None:
        """What is known of others goes."""
        self._facts = {eui: self._facts[eui] for eui in devices if eui in self._facts}

    def _all(self) -> Iterator[Refusal]:
        yield from self._ours.values()
        yield from self._strangers.values()

    def _known(self, dev_eui: int) -> Facts:
        return self._facts.setdefault(dev_eui, Facts())


def _tenths(value: float) -> int:
    """In the room that there is: a board may say what no radio can measure."""
    return round(min(max(value * 10, _NO_SNR + 1), -_NO_SNR - 1)) if isfinite(value) else 0
