"""The downlinks that the city has sent for devices, and what becomes of each.

Rules:

- A downlink goes waiting → handed over → (confirmed: awaits ack →) done. That it is handed over,
  and with which FCnt, is on disk before it is programmed.
- Of a device's waiting ones the highest priority goes first, then the oldest; none while another is
  handed over: what comes of that one may be that it goes again, and they must not change places.
- `at` is Unix time: before that moment it does not go, for a device that can be sent to at any
  time. An order whose moment has passed when it comes is REFUSED, and so is one while nobody knows
  the time.
- None is sent twice: a device may have acted on what it did not acknowledge. What a run that ended
  has handed over may have been on the air: it is not sent again. A confirmed one still gets its
  ACK, of any other nobody will know: NOT_ACKED. What a restored backup brings has no FCnt: another
  gateway may have sent it, and had its ACK; it is NOT_ACKED too.
- A refused transmission never left: the downlink waits again, for `ATTEMPTS` in all. Where nothing
  may be sent at all the first attempt is the last: TX_FREQ.
- Each gets exactly one final result, in the transaction that ends it. Results before that tell how
  it gets on.
- A confirmed one is ACKED by the ACK bit of the session's next uplink, else NOT_ACKED. An uplink
  that began before its transmission ended says nothing of it. While one awaits its ACK no other
  confirmed one is sent to that device: the ACK would be for either.
- `expires_at` is Unix time: an order that is stale when it comes is REFUSED, one that becomes stale
  EXPIRED. While nobody knows the time, what may have expired waits.
- A correlation is a command's identity: what comes again with one that is known is the same command
  (correlations.py).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from math import inf

from drivers.concentrator import TxStatus
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.order import (
    NOTHING,
    Order,
    Queued,
    Result,
    State,
    Step,
    Verdict,
    has_expired,
    is_time,
    stale,
)

PER_DEVICE = 16
ATTEMPTS = 3
RESTORED = (
    "it waited when the backup was made that this gateway was restored from: nobody knows whether"
    " the device got it since"
)


class DownlinkQueue:
    """All downlinks of this gateway's devices.

    `known` is what the store kept of them; `silence` says why nothing may be sent, if that is so.
    `correlations` knows all commands, also those that are none for a device.

    Memory runs ahead of the disk, as in `gateway.lorawan.network`.
    """

    def __init__(
        self,
        known: Iterable[Queued] = (),
        silence: str = "",
        correlations: Correlations | None = None,
    ) -> None:
        self._silence, self._correlations = silence, correlations or Correlations()
        self.disk_fails = False
        self._open: dict[int, dict[int, Queued]] = {}  # by DevEUI, by number
        self._last = 0
        for queued in sorted(known, key=lambda one: one.number):
            self._correlations.came(queued.order.correlation)
            self._keep(replace(queued, ends_at=-inf))

    def __len__(self) -> int:
        """How many are not done."""
        return sum(len(downlinks) for downlinks in self._open.values())

    def everything(self) -> tuple[Queued, ...]:
        """All that are not done."""
        return tuple(self._all())

    def recover(self, devices: Collection[int]) -> Step:
        """Once after a start: what can no longer be known, or no longer be sent, ends."""
        step = NOTHING
        for queued in self._all():
            if queued.order.dev_eui not in devices:
                step += self._forsake(queued)
            elif queued.state is State.HANDED_OVER and queued.f_cnt is None:
                step += self._end(queued, Verdict.NOT_ACKED, RESTORED)
            elif queued.state is State.HANDED_OVER:
                step += self._unknown(queued, "the gateway stopped while it was being sent")
        return step

    def knows(self, correlation: str) -> bool:
        return self._correlations.knows(correlation)

    def put(self, order: Order, now: float | None) -> Step:
        """Take an order in; one that is known already changes nothing."""
        if self.knows(order.correlation):
            return NOTHING
        self._correlations.came(order.correlation)
        queued = Queued(self._last + 1, order)
        waiting = self._open.get(order.dev_eui, {})
        if why := stale(order, now):
            return self._end(queued, Verdict.REFUSED, why)
        if len(waiting) >= PER_DEVICE:
            return self._end(
                queued, TxStatus.QUEUE_FULL, f"{PER_DEVICE} downlinks wait for this device"
            )
        return self._keep(queued)

    def withdraw(self, order: Order, reason: str) -> Step:
        """It could not be kept: it ends before anybody has seen it."""
        for queued in self._open.get(order.dev_eui, {}).values():
            if queued.order.correlation == order.correlation:
                return self._end(queued, Verdict.REFUSED, reason)
        return NOTHING

    def next_for(self, dev_eui: int, room: int, now: float | None) -> tuple[Queued | None, Step]:
        """The downlink to send now, if one may be; what has expired or does not fit ends.

        `room` is the largest payload in bytes at the data rate at which it would go.
        """
        step = NOTHING
        for queued in self._sendable(dev_eui, now):
            size = len(queued.order.payload)
            if has_expired(queued.order, now):
                step += self._expired(queued)
            elif self._silence:
                step += self._end(queued, TxStatus.TX_FREQ, self._silence)
            elif size > room:
                reason = f"{size} bytes, and {room} fit at the device's data rate"
                step += self._end(queued, Verdict.REFUSED, reason)
            else:
                return queued, step
        return None, step

    def has_more(self, dev_eui: int, now: float | None, beside: Queued | None) -> bool:
        """FPending: whether another waits."""
        return any(
            one != beside and not has_expired(one.order, now)
            for one in self._open.get(dev_eui, {}).values()
            if one.state is State.WAITING and is_time(one.order, now)
        )

    def waiting(self) -> list[int]:
        """The DevEUIs that something waits for."""
        return list({one.order.dev_eui: None for one in self._all() if one.state is State.WAITING})

    def handed_over(self, number: int) -> Queued | None:
        """That one, as long as nobody has told what became of its transmission."""
        found = (one for one in self._all() if one.number == number)
        return next((one for one in found if one.state is State.HANDED_OVER), None)

    def hand_over(self, queued: Queued, session: bytes, f_cnt: int) -> Step:
        """It is about to be sent, in that session with that counter: commit, then send."""
        sent = replace(queued, session=session, f_cnt=f_cnt, ends_at=inf)
        return self._keep(replace(sent, state=State.HANDED_OVER))

    def sent(self, number: int, status: TxStatus | None, ends_at: float = -inf) -> Step:
        """What became of its transmission, and when it ends (s); None: nobody knows."""
        queued = self.handed_over(number)
        if queued is None:
            return NOTHING  # its session ended meanwhile, and its result with it
        queued = replace(queued, ends_at=ends_at)
        if status is None:
            return self._unknown(queued, "the radio failed while it was being sent")
        if status is not TxStatus.OK:
            return self._refused(queued, status)
        if queued.order.confirmed:
            step = self._keep(replace(queued, state=State.AWAITS_ACK))
            return step + Step(results=(_told(queued, status, None, final=False),))
        return self._end(queued, status, None)

    def ends_at(self, dev_eui: int) -> float:
        """When (s) the transmission of the confirmed one ends that is under way; -inf: of none."""
        mine = self._open.get(dev_eui, {}).values()
        under_way = (one for one in mine if one.order.confirmed and one.state is not State.WAITING)
        return max((one.ends_at for one in under_way), default=-inf)

    def heard(self, dev_eui: int, session: bytes, acknowledged: int | None) -> Step:
        """A new uplink of the device; `acknowledged` is the FCnt that its ACK bit means."""
        step = NOTHING
        for queued in list(self._open.get(dev_eui, {}).values()):
            if queued.state is State.AWAITS_ACK:
                step += self._judged(queued, session, acknowledged)
        return step

    def expire(self, now: float | None) -> Step:
        """End what has expired."""
        step = NOTHING
        for queued in self._all():
            if queued.state is State.WAITING and has_expired(queued.order, now):
                step += self._expired(queued)
        return step

    def _all(self) -> list[Queued]:
        return [one for downlinks in self._open.values() for one in downlinks.values()]

    def _sendable(self, dev_eui: int, now: float | None) -> Iterator[Queued]:
        """In the order in which they go; none while that could not be kept (D1c)."""
        if self.disk_fails:
            return
        known = list(self._open.get(dev_eui, {}).values())
        if any(one.state is State.HANDED_OVER for one in known):
            return
        busy = any(one.order.confirmed for one in known if one.state is not State.WAITING)
        for queued in sorted(known, key=lambda one: (-one.order.priority, one.number)):
            order = queued.order
            free = not (busy and order.confirmed) and is_time(order, now)
            if queued.state is State.WAITING and free:
                yield queued

    def _judged(self, queued: Queued, session: bytes, acknowledged: int | None) -> Step:
        if (queued.session, queued.f_cnt) == (session, acknowledged):
            return self._end(queued, Verdict.ACKED, None)
        missing = "the device has not acknowledged it with its next uplink"
        if queued.session != session:
            missing = "the device has joined anew without acknowledging it"
        return self._end(queued, Verdict.NOT_ACKED, missing)

    def _refused(self, queued: Queued, status: TxStatus) -> Step:
        attempts = queued.attempts + 1
        if attempts >= ATTEMPTS:
            reason = f"it could not be sent in {ATTEMPTS} attempts"
            return self._end(replace(queued, attempts=attempts), status, reason)
        again = replace(queued, state=State.WAITING, attempts=attempts, session=b"", f_cnt=None)
        reason = f"it was not sent, and is tried again: attempt {attempts} of {ATTEMPTS}"
        return self._keep(again) + Step(results=(_told(queued, status, reason, final=False),))

    def _unknown(self, queued: Queued, why: str) -> Step:
        if queued.order.confirmed:
            return self._keep(replace(queued, state=State.AWAITS_ACK))
        reason = f"{why}: nobody knows whether the device got it"
        return self._end(queued, Verdict.NOT_ACKED, reason)

    def _expired(self, queued: Queued) -> Step:
        return self._end(queued, Verdict.EXPIRED, "no uplink came in time to answer with it")

    def _forsake(self, queued: Queued) -> Step:
        verdict = Verdict.REFUSED if queued.state is State.WAITING else Verdict.NOT_ACKED
        return self._end(queued, verdict, "the device is no longer in devices.toml")

    def _end(self, queued: Queued, status: TxStatus | Verdict, reason: str | None) -> Step:
        return self._keep(replace(queued, state=State.DONE)) + Step(
            results=(_told(queued, status, reason, final=True),)
        )

    def _keep(self, queued: Queued) -> Step:
        order = queued.order
        self._last = max(self._last, queued.number)
        mine = self._open.setdefault(order.dev_eui, {})
        if queued.state is not State.DONE:
            mine[queued.number] = queued
            return Step((queued,))
        mine.pop(queued.number, None)
        if not mine:
            del self._open[order.dev_eui]
        self._correlations.done(order.correlation)
        return Step((queued,))


def _told(queued: Queued, status: TxStatus | Verdict, reason: str | None, *, final: bool) -> Result:
    return Result(queued.order, status, queued.f_cnt, reason, final)
