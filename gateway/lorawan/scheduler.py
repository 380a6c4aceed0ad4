"""The just-in-time scheduler: which downlink is programmed when, in the concentrator's own time.

Rules:

- Time is the chip's 32-bit µs counter. Differences are taken modulo 2^32: from now, 512 s ahead
  is the future that can be planned, the half circle behind it is the past.
- A downlink is placed when it is 42.5 ms … 512 s ahead: later it is TOO_LATE, earlier TOO_EARLY.
  The first window of an answer that is in time and free is taken; the refusal is the last one's.
- The chip holds one transmission. So two downlinks keep apart by the first one's time on air plus
  42.5 ms (programming ahead, start delay, margin); else the newcomer is a COLLISION_PACKET.
  That holds against what is queued and what was programmed until it is off the air.
- What need not wait for a window (class C) is placed at the first free moment from 300 ms ahead on:
  what is programmed before it, and its claim on the disk, must not make it late. At most 8 s ahead:
  by then the air belongs to others. It is withdrawn when its device was heard meanwhile.
- At most 32 wait: QUEUE_FULL.
- A packet is due `lead_us` ahead, as its concentrator likes it (40 ms for a chip that holds one
  packet, more where a queue lies before it), and may be programmed until 2.5 ms ahead. What missed
  that, or was refused by the chip, goes to its answer's next window; without one it is never sent:
  `due` sets it apart and `late` hands it out to be reported.
- A chip session that ends takes its packets with it: `clear` before anything is placed in the next.
  Receiving stops while the chip sends; nothing here can help that.

Figures: sx1302_hal 2.1.0, just-in-time queue (TX_START_DELAY, TX_MARGIN_DELAY, TX_JIT_DELAY).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from drivers.concentrator import COUNTER_MODULUS, TxPacket, TxStatus
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer, Window

TX_START_DELAY_US = 1_500
TX_MARGIN_US = 1_000
TX_JIT_US = 40_000
TOO_LATE_US = TX_START_DELAY_US + TX_MARGIN_US + TX_JIT_US
TOO_EARLY_US = 512_000_000
LAST_MOMENT_US = TX_START_DELAY_US + TX_MARGIN_US
QUEUE_SIZE = 32
NOW_US = 300_000
NOW_AT_MOST_US = 8_000_000


class Planned(NamedTuple):
    """A packet, and the answer that it is one window's of."""

    packet: TxPacket
    answer: Answer


@dataclass(frozen=True, slots=True)
class Placement:
    """The place of an answer: OK with its packet and window, or the reason of its refusal."""

    status: TxStatus
    packet: TxPacket | None = None
    window: Literal[1, 2] | None = None


@dataclass(frozen=True, slots=True)
class _Slot:
    """A packet's claim on the chip: from `start` for `airtime` µs; `later`: its other windows."""

    packet: TxPacket
    answer: Answer
    number: Literal[1, 2]
    start: int
    airtime: int
    later: tuple["_Slot", ...] = ()

    @property
    def planned(self) -> Planned:
        return Planned(self.packet, self.answer)

    def occupies(self, now_us: int, lead_us: int) -> bool:
        """Whether the chip, having been given the packet, is not through with it yet."""
        left = _turn(self.start + self.airtime - now_us)
        return 0 < left <= self.airtime + lead_us

    def meets(self, other: "_Slot") -> bool:
        """Whether the two cannot both be sent."""
        apart = _signed(other.start - self.start)
        first = self if apart >= 0 else other
        return abs(apart) <= first.airtime + TOO_LATE_US


class Scheduler:
    """The downlinks that wait for their moment, and the one that the chip has."""

    def __init__(self, lead_us: int = TX_JIT_US) -> None:
        self._lead_us = lead_us
        self._waiting: list[_Slot] = []
        self._programmed: list[_Slot] = []
        self._late: list[Planned] = []

    def place(
        self, answer: Answer, end_of_uplink_us: int, chip_session: int, now_us: int
    ) -> Placement:
        """Queue the answer in its first window that is in time and free."""
        self._forget_sent(now_us)
        if len(self._waiting) >= QUEUE_SIZE:
            return Placement(TxStatus.QUEUE_FULL)
        slots = tuple(
            _slot(answer, window, end_of_uplink_us, chip_session) for window in answer.windows
        )
        return self._place(slots, now_us)

    def place_now(self, answer: Answer, chip_session: int, now_us: int) -> Placement:
        """Queue an answer whose device always listens, at the first moment that is free."""
        self._forget_sent(now_us)
        if len(self._waiting) >= QUEUE_SIZE:
            return Placement(TxStatus.QUEUE_FULL)
        window = answer.windows[0]
        taken = self._waiting + self._programmed
        free = (_signed(one.start + one.airtime - now_us) + TOO_LATE_US + 1 for one in taken)
        for ahead in sorted([NOW_US, *(at for at in free if NOW_US < at <= NOW_AT_MOST_US)]):
            slot = _slot(answer, window, now_us + ahead - window.delay_us, chip_session)
            if self._refusal(slot, now_us) is TxStatus.OK:
                return self._place((slot,), now_us)
        return Placement(TxStatus.COLLISION_PACKET)

    def _place(self, slots: tuple[_Slot, ...], now_us: int) -> Placement:
        status = TxStatus.TX_FREQ  # an answer without any window has no permitted frequency
        for count, slot in enumerate(slots, 1):
            status = self._refusal(slot, now_us)
            if status is TxStatus.OK:
                self._waiting.append(replace(slot, later=slots[count:]))
                return Placement(status, slot.packet, slot.number)
        return Placement(status)

    def due(self, now_us: int) -> list[Planned]:
        """The packets to be programmed now; they are the caller's from here on."""
        waiting, due, missed = self._waiting, [], []
        self._waiting = []
        for slot in waiting:
            ahead = _turn(slot.start - now_us)
            if ahead <= LAST_MOMENT_US or ahead > TOO_EARLY_US:
                missed.append(slot)
            elif ahead <= self._lead_us:
                due.append(slot)
            else:
                self._waiting.append(slot)
        self._programmed += due
        self._late += [slot.planned for slot in missed if not self._placed_later(slot, now_us)]
        return [slot.planned for slot in due]

    def refused(self, packet: TxPacket, now_us: int) -> bool:
        """The chip did not take what `due` gave out; whether it goes out in a later window."""
        slot = next((slot for slot in self._programmed if slot.packet is packet), None)
        if slot is None:  # its chip session has ended since
            return False
        self._programmed.remove(slot)
        return self._placed_later(slot, now_us)

    def _placed_later(self, slot: _Slot, now_us: int) -> bool:
        return self._place(slot.later, now_us).status is TxStatus.OK

    def withdraw(self, unwanted: Callable[[Answer], bool]) -> list[Planned]:
        """Take out what waits and is no longer to be sent."""
        out = [slot for slot in self._waiting if unwanted(slot.answer)]
        self._waiting = [slot for slot in self._waiting if slot not in out]
        return [slot.planned for slot in out]

    def late(self) -> list[Planned]:
        """The packets that `due` found too late since the last call; to be reported."""
        late, self._late = self._late, []
        return late

    def next_due_us(self) -> int | None:
        """The counter value at which the first packet becomes due; None with nothing waiting."""
        if not self._waiting:
            return None
        base = self._waiting[0].start
        first = min(self._waiting, key=lambda slot: _signed(slot.start - base))
        return _turn(first.start - self._lead_us)

    def clear(self) -> list[Planned]:
        """The chip session ended: none of these packets will be sent."""
        lost = [slot.planned for slot in self._waiting]
        self._waiting, self._programmed = [], []
        return lost

    def _refusal(self, slot: _Slot, now_us: int) -> TxStatus:
        ahead = _signed(slot.start - now_us)
        if ahead <= TOO_LATE_US:
            return TxStatus.TOO_LATE
        if ahead > TOO_EARLY_US:
            return TxStatus.TOO_EARLY
        if any(slot.meets(other) for other in self._waiting + self._programmed):
            return TxStatus.COLLISION_PACKET
        return TxStatus.OK

    def _forget_sent(self, now_us: int) -> None:
        self._programmed = [
            slot for slot in self._programmed if slot.occupies(now_us, self._lead_us)
        ]


def packet_of(
    answer: Answer, window: Window, counter_us: int | None, chip_session: int
) -> TxPacket:
    """What the concentrator gets for a window; at once where `counter_us` is None."""
    return TxPacket(
        payload=answer.phy_payload,
        counter_us=counter_us,
        chip_session=chip_session,
        frequency=window.frequency,
        sf=window.sf,
        bandwidth=window.bandwidth,
        power=window.power,
    )


def _slot(answer: Answer, window: Window, end_of_uplink_us: int, chip_session: int) -> _Slot:
    start = _turn(end_of_uplink_us + window.delay_us)
    packet = packet_of(answer, window, start, chip_session)
    airtime = airtime_us(
        len(packet.payload), packet.sf, packet.bandwidth, packet.coding_rate, packet.preamble
    )
    return _Slot(packet, answer, window.number, start, airtime)


def _turn(us: int) -> int:
    return us % COUNTER_MODULUS


def _signed(us: int) -> int:
    """The shorter way round the counter: negative for what lies in the half circle behind."""
    half = COUNTER_MODULUS // 2
    return (us + half) % COUNTER_MODULUS - half
