"""Which refused joins the city is told of: enough to help, too few for a flood to fill the disk.

- Each DevEUI once a minute, and `AT_MOST` of them; all are counted. Anybody can send Join-Requests
  with any DevEUI, and with one of ours: that its MIC is wrong is the only thing that tells.
- The devices of devices.toml have a share of their own: made-up DevEUIs cannot hide them.
"""

SECONDS = 60.0
AT_MOST = 32
"""Of our own devices in a minute, and as many of strangers."""


class JoinRefusals:
    """Remembers whom it told of in the last minute; times are monotonic seconds."""

    def __init__(self) -> None:
        self._ours: dict[int, float] = {}
        self._strangers: dict[int, float] = {}

    def is_news(self, dev_eui: int, at: float, *, ours: bool) -> bool:
        """Whether to tell of this one now; `ours`: it is in devices.toml."""
        told = self._ours if ours else self._strangers
        while told and at - next(iter(told.values())) >= SECONDS:
            del told[next(iter(told))]
        if dev_eui in told or len(told) >= AT_MOST:
            return False
        told[dev_eui] = at
        return True
