"""Which refused joins the city is told of: enough to help, too few for a flood to fill the disk.

- Each DevEUI once a minute, 32 of them; all are counted. Anybody can send Join-Requests with any
  DevEUI, and with one of ours: that its MIC is wrong is the only thing that tells.
"""

SECONDS = 60.0
AT_MOST = 32


class JoinRefusals:
    """Remembers whom it told of in the last minute; times are monotonic seconds."""

    def __init__(self) -> None:
        self._told: dict[int, float] = {}

    def is_news(self, dev_eui: int, at: float) -> bool:
        """Whether to tell of this one now."""
        while self._told and at - next(iter(self._told.values())) >= SECONDS:
            del self._told[next(iter(self._told))]
        if dev_eui in self._told or len(self._told) >= AT_MOST:
            return False
        self._told[dev_eui] = at
        return True
