"""Which refused joins the city is told of: enough to help, too few for a flood to fill the disk.

- Each device with each reason once a minute, and `AT_MOST` of them in a share; all are counted.
- Anybody can send Join-Requests: with made-up DevEUIs, and with ours, which are sent in the clear.
  What such a flood can be refused for has shares of its own, so that it hides no device that has
  proved to be ours (its MIC fits).
- That a MIC is wrong may be a device of ours or somebody else, nobody can tell. So half of a share
  is for those that were not told of in the last hour: who goes on and on hides nobody for long.
"""

from itertools import takewhile
from typing import Final

from gateway.lorawan.outcome import DropReason

SECONDS: Final = 60.0
HOUR: Final = 3600.0
AT_MOST: Final = 32
"""Of a share in a minute."""
STRANGERS: Final = frozenset({DropReason.UNKNOWN_DEVICE})
UNPROVED: Final = frozenset({DropReason.BAD_MIC, DropReason.UNKNOWN_JOIN_EUI, DropReason.NOT_OTAA})


class _Share:
    """When each was last told of, in that order."""

    def __init__(self) -> None:
        self._told: dict[tuple[int, DropReason], float] = {}

    def is_news(self, refusal: tuple[int, DropReason], at: float) -> bool:
        told = self._told
        while told and at - next(iter(told.values())) >= HOUR:
            del told[next(iter(told))]
        minute = sum(1 for _ in takewhile(lambda one: at - one < SECONDS, reversed(told.values())))
        last = told.get(refusal)
        if minute >= (AT_MOST if last is None else AT_MOST // 2):
            return False
        if last is not None and at - last < SECONDS:
            return False
        told.pop(refusal, None)
        told[refusal] = at
        return True


class JoinRefusals:
    """Remembers whom it told of in the last hour; times are monotonic seconds."""

    def __init__(self) -> None:
        self._strangers, self._unproved, self._ours = _Share(), _Share(), _Share()

    def is_news(self, dev_eui: int, reason: DropReason, at: float) -> bool:
        """Whether to tell of this one now."""
        share = self._ours
        if reason in STRANGERS:
            share = self._strangers
        elif reason in UNPROVED:
            share = self._unproved
        return share.is_news((dev_eui, reason), at)
