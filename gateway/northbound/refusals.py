"""What becomes of a batch that the broker does not take, and of those after it.

The rules of this file (reasons.py says which code is which):

- What is no fault of the message holds the sending back for a while, ever longer.
- What is refused for its content or its size, or cannot be written in the format, goes out again in
  halves, until one record is left. That one is parked: it holds nobody up, stays on disk, and the
  city is told. Where hundreds are parked it is not the records: then the sending is held back.
- What the city wanted once more is not parked: it is passed over, the replay's answer counts it,
  and it stays archived.
- A refusal without a reason is the record's fault once the same one has been refused `TIMES` times
  while others passed.
- A server may end the connection for a message (DISCONNECT 0x95, 0x99). Then one at a time is sent,
  in ever smaller batches, until the one is found or all that were on their way have passed.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.northbound.backoff import Backoff
from gateway.northbound.client import Refused
from gateway.northbound.needs import Buffer
from gateway.northbound.reasons import CONTENT, DISCONNECT, PUBACK, TOO_LARGE, UNSAID, named
from gateway.northbound.state import State
from gateway.records import Event, Moment, Reading, Record, Value
from gateway.store.buffer import Batch

MOST_PARKED: Final = 500
TIMES: Final = 3


@dataclass(slots=True)
class _Suspect:
    """The first record of a batch that was refused without a reason."""

    record: Record
    published: int  # how many batches had been acknowledged when it was refused first
    times: int = 0


class Refusals:
    """`largest` is the most records that a batch may have; `told` hears sentences for people."""

    def __init__(
        self,
        largest: int,
        buffer: Buffer,
        state: State,
        *,
        now: Callable[[], Moment],
        random: Callable[[], float],
        told: Callable[[str, str], None],
    ) -> None:
        self._usual = self.most = largest
        self._buffer, self._state, self._now, self._told = buffer, state, now, told
        self._retry = Backoff(random)
        self._suspect: _Suspect | None = None
        self._is_sure = False  # that it is the suspect's batch, and not all of them
        self._unsearched = 0  # records that may be the one for which a connection was ended
        self.hold_until = 0.0  # on the loop's clock

    @property
    def searching(self) -> bool:
        return self._unsearched > 0

    def allow(self, largest: int) -> None:
        """So many records in a batch from now on."""
        self._usual = largest
        self.connected()

    def connected(self) -> None:
        """Batches may be as large as ever, but while one is sought."""
        if not self.searching:
            self.most = self._usual

    def passed(self, batch: Batch) -> None:
        """It was acknowledged."""
        self._retry.reset()
        if self.searching:
            self._unsearched = max(0, self._unsearched - len(batch.records))
            if not self.searching:  # it was nobody's fault but the size's
                self._usual = self.most

    def refused(self, batch: Batch, topic: str, refusal: Refused) -> None:
        """The broker has answered with a failure."""
        self._state.refuse(refusal.name)
        code = refusal.reason_code
        reason = named(refusal.name, code, PUBACK)
        if code in CONTENT or (code in UNSAID and self._is_to_blame(batch)):
            self.split(batch, topic, reason, too_large=code == TOO_LARGE)
        else:
            self._buffer.returned(batch)
            self._hold(topic, reason)

    def ended(self, code: int, batches: Sequence[Batch]) -> Batch | None:
        """The server has ended the connection; these were on their way. Returns what is parked."""
        if code not in CONTENT or not batches:
            return None
        largest = max(len(batch.records) for batch in batches)
        if self.searching and largest == 1:
            self._park(batches[0], named("the broker ended the connection", code, DISCONNECT))
            return batches[0]
        self.most = max(1, largest // 2)
        self._unsearched = sum(len(batch.records) for batch in batches)
        return None

    def split(self, batch: Batch, topic: str, reason: str, *, too_large: bool = False) -> None:
        """It is this batch's fault: out again in halves, or, if it is one record, parked."""
        if len(batch.records) > 1:
            self._buffer.returned(batch)
            self.most = min(self.most, len(batch.records) // 2)
        elif self._buffer.parked >= MOST_PARKED:
            self._buffer.returned(batch)
            self._hold(topic, f"{reason}. {MOST_PARKED} are parked, so it is not the records")
        else:
            self._park(batch, reason)
            self.most = self.most if too_large else self._usual

    def _is_to_blame(self, batch: Batch) -> bool:
        first = batch.records[0]
        if self._suspect is None or self._suspect.record != first:
            self._suspect = _Suspect(first, self._state.published)
        self._suspect.times += 1
        others_passed = self._state.published > self._suspect.published
        self._is_sure |= self._suspect.times >= TIMES and others_passed
        return self._is_sure

    def _park(self, batch: Batch, reason: str) -> None:
        self._buffer.park(batch)
        self._suspect, self._is_sure, self._unsearched = None, False, 0
        (record,) = batch.records
        what = record.id if isinstance(record, Reading) else f"an event ({record.type})"
        if batch.replayed:
            told = f"{what} of a replay is passed over, the others go on: {reason}"
            self._told("refused", f"{told}. It stays in the archive; the replay's answer counts it")
            return
        self._told(
            "parked",
            f"{what} is parked, the others go on: {reason}. It stays on disk, and is tried again "
            "at the next start, or with: kogge forward retry",
        )
        if isinstance(record, Reading):  # of an event no event: it might be refused like this one
            detail: dict[str, Value | None] = {
                "device": record.device, "id": record.id, "f_cnt": record.f_cnt, "reason": reason
            }  # fmt: skip
            self._buffer.add(Event("parked", self._now(), detail))

    def _hold(self, topic: str, reason: str) -> None:
        """Stop sending for a while; several refusals of one moment count once."""
        now = asyncio.get_running_loop().time()
        if now < self.hold_until:
            return
        wait = self._retry.next(quick=False)
        self.hold_until = now + wait
        self._told(
            "refused",
            f"the broker refused {topic}: {reason}. Nothing is lost, it is sent again in "
            f"{wait:.0f} s",
        )
