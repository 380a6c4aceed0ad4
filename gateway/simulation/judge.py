"""What must hold whatever happens; everything else is a violation, told with its time.

Rules, from what the devices know and what was on the air, never from what the gateway says of
itself:

- A reading is what its device measured, under the id of D2, and comes once. After a kill one that
  was not yet on disk may come again, under the same id.
- What reaches the gateway unaltered from a device with a session is taken: no kill costs a session.
- What was altered, or is played back, is never taken.
- A DevNonce or RJcount is accepted once; no JoinNonce, and no downlink counter of a session, is
  used twice.
- A frame that acknowledges leaves only when what it acknowledges is on disk.
- The device hears its answer in its window, and finds nothing wrong with it (`Device.violations`).
- Airtime stays below its limit in every hour (`duty_cycle_audit`); one transmission at a time.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import InitVar, dataclass, field

from drivers.concentrator import TxPacket
from gateway.demo.end_device.activation import ACK, open_join_accept
from gateway.demo.frames import MType
from gateway.lorawan.outcome import Drop, DropReason, Joined, Outcome, Uplink
from gateway.simulation.agenda import HOUR, SECOND, Agenda
from gateway.simulation.duty_cycle_audit import Band, DutyCycleAudit
from gateway.simulation.said import Key, Nonce, Said

MOST_TOLD = 1000
MIC = 4


def reading_id(key: Key) -> str:
    dev_eui, session, f_cnt = key
    whole = dev_eui.to_bytes(8, "big") + session + f_cnt.to_bytes(4, "big")
    return hashlib.sha256(whole).hexdigest()[:32]


@dataclass(slots=True)
class Judge:
    """Counts, and remembers what was said, heard and sent."""

    agenda: Agenda
    bands: InitVar[Iterable[Band]]
    violations: list[str] = field(default_factory=list)
    count: int = 0
    readings: dict[str, Key] = field(default_factory=dict)
    joins: int = 0
    downlinks: int = 0
    adr_changes: int = 0
    _last: dict[tuple[int, bytes], int] = field(default_factory=dict)
    """The last FCnt taken in each session; what a kill took back is not counted."""
    _nonces: set[Nonce] = field(default_factory=set)
    _join_nonces: set[tuple[int, int]] = field(default_factory=set)
    _f_cnt_downs: dict[tuple[int, bytes, bool], int] = field(default_factory=dict)
    """The last on the air of each session, and kind in 1.1."""
    _durable: set[str] = field(default_factory=set)
    _on_disk: dict[tuple[int, bytes], int] = field(default_factory=dict)
    _audit: DutyCycleAudit = field(init=False)
    _silent_from: int = 0

    def __post_init__(self, bands: Iterable[Band]) -> None:
        self._audit = DutyCycleAudit(bands)

    def violated(self, text: str) -> None:
        self.count += 1
        if len(self.violations) < MOST_TOLD:
            now = self.agenda.now
            hours, seconds = divmod(now, HOUR)
            self.violations.append(f"{hours} h {seconds / SECOND:.6f} s: {text}")

    def fresh(self, said: Said, outcome: Outcome) -> None:
        """A frame that its device has just sent has reached the gateway, perhaps as a copy."""
        match outcome:
            case Uplink():
                self._accepted(said, outcome)
            case Joined():
                self._joined(said)
            case Drop() if said.key is None:
                if said.spends not in self._nonces:
                    self.violated(f"{said.one.name} may not join: {outcome.reason}")
            case Drop() if not self._is_known(said.key, outcome.reason):
                self.violated(f"{said.one.name} is not heard any more: {outcome.reason}")

    def _is_known(self, key: Key, reason: DropReason) -> bool:
        """Whether that frame, or a later one, was taken before."""
        last = self._last.get(key[:2], -1)
        allowed = DropReason.DUPLICATE if key[2] == last else DropReason.REPLAY
        return key[2] <= last and reason in (allowed, DropReason.DUPLICATE)

    def _accepted(self, said: Said, uplink: Uplink) -> None:
        if said.key is None:
            self.violated("a request to join became a reading")
            return
        if uplink.retransmission:
            if self._last.get(said.key[:2]) != said.key[2]:
                self.violated(f"{_told(said.key)} is no retransmission")
            return
        if uplink.reading_id != reading_id(said.key):
            self.violated(f"{_told(said.key)} has the id {uplink.reading_id}")
        if (uplink.f_port, uplink.frm_payload) != (said.f_port or None, said.payload):
            self.violated(f"{_told(said.key)} reads {uplink.f_port} {uplink.frm_payload.hex()}")
        if said.key[2] <= self._last.get(said.key[:2], -1):
            self.violated(f"{_told(said.key)} came twice")
            return
        self._last[said.key[:2]] = said.key[2]
        self.readings[uplink.reading_id] = said.key

    def _joined(self, said: Said) -> None:
        self.joins += 1
        if said.key is not None:
            self.violated("a data frame became a join")
        elif said.spends in self._nonces:
            self.violated(f"{said.one.name}: {said.spends[0]} {said.nonce} was accepted twice")
        self._nonces.add(said.spends)

    def replayed(self, said: Said, outcome: Outcome) -> None:
        """The same frame once more, from someone else, some time later."""
        match outcome:
            case Joined():
                self._joined(said)
            case Uplink():
                self._accepted(said, outcome)

    def altered(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Drop):
            self.violated(f"an altered frame was taken as {type(outcome).__name__}")

    def saved(self, readings: Collection[str]) -> None:
        """These are on disk now."""
        self._durable.update(readings)
        for one in readings:
            dev_eui, session, f_cnt = self.readings[one]
            last = self._on_disk.get((dev_eui, session), -1)
            self._on_disk[dev_eui, session] = max(f_cnt, last)

    def killed(self) -> None:
        """What was not on disk may come again."""
        self._last = dict(self._on_disk)

    def on_air(self, packet: TxPacket, start: int, end: int, said: Said) -> None:
        """The gateway sends, in answer to what was said."""
        self.downlinks += 1
        if start < self._silent_from:
            self.violated("two transmissions at once")
        self._silent_from = end
        if not packet.inverted or packet.crc:
            self.violated("a downlink with the polarity or CRC of an uplink")
        if wrong := self._audit.add(packet.frequency, packet.power, start, end):
            self.violated(wrong)
        if packet.payload[0] >> 5 == MType.JOIN_ACCEPT:
            self._join_accepted(packet.payload, said)
        elif said.key is not None:
            self._data_sent(packet.payload, said, said.key)

    def _join_accepted(self, phy_payload: bytes, said: Said) -> None:
        one = said.one
        body = open_join_accept(one.mac.keys, phy_payload, said.join_type, said.nonce)
        if body is None:
            self.violated(f"{one.name} cannot read its Join-Accept")
            return
        nonce = one.dev_eui, int.from_bytes(body[:3], "little")
        if nonce in self._join_nonces:
            self.violated(f"{one.name}: JoinNonce {nonce[1]} was used twice")
        self._join_nonces.add(nonce)

    def _data_sent(self, phy_payload: bytes, said: Said, key: Key) -> None:
        """1.1 counts an application's frames apart."""
        is_app = said.one.mac.keys.lorawan == "1.1" and is_application(phy_payload)
        whose, f_cnt = (*key[:2], is_app), int.from_bytes(phy_payload[6:8], "little")
        last = self._f_cnt_downs.get(whose, -1)
        if f_cnt <= last:
            how = "was used twice" if f_cnt == last else f"is sent after {last}"
            self.violated(f"FCntDown {f_cnt} {how} in {_told(key)}")
        self._f_cnt_downs[whose] = f_cnt
        if phy_payload[5] & ACK and reading_id(key) not in self._durable:
            self.violated(f"{_told(key)} is acknowledged and not on disk")


def is_application(phy_payload: bytes) -> bool:
    """Whether a data frame carries an application's payload."""
    f_port_at = 8 + (phy_payload[5] & 15)
    return len(phy_payload) > f_port_at + MIC and phy_payload[f_port_at] > 0


def _told(key: Key) -> str:
    dev_eui, session, f_cnt = key
    return f"{dev_eui:016x} {session.hex()} FCnt {f_cnt}"
