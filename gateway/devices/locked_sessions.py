"""Sessions that another key has sealed: they are kept, and their devices are not heard.

They are named once, at the start; afterwards it is only counted how many are left, since a device
that joins again has a session that our key opens.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from gateway.lorawan.device import Device
from gateway.records import Event, Moment, Value
from gateway.store import sealing

log = logging.getLogger(__name__)

SHOWN: Final = 20  # names in one message


class Store(Protocol):
    """What is asked of gateway.store.database."""

    async def locked(self) -> Collection[int]: ...


class LockedSessions:
    """`devices` are ours by DevEUI, as they are now; `add` takes the event for the city."""

    def __init__(
        self,
        store: Store,
        devices: Mapping[int, Device],
        now: Callable[[], Moment],
        add: Callable[[Event], None],
    ) -> None:
        self._store, self._devices, self._now, self._add = store, devices, now, add
        self._found: list[int] = []  # DevEUIs

    def __len__(self) -> int:
        return len(self._found)

    async def tell(self) -> None:
        """Look for them, and name them to the log and the city."""
        self._found = await self._find()
        if not self._found:
            return
        reason = self._reason()
        log.warning("%s", reason, extra={"reason": "locked_sessions"})
        count = len(self._found)
        detail: dict[str, Value | None] = {"state": "locked", "count": count, "reason": reason}
        self._add(Event("store", self._now(), detail))

    async def look_again(self) -> None:
        if self._found:
            self._found = await self._find()

    async def _find(self) -> list[int]:
        return [eui for eui in await self._store.locked() if eui in self._devices]

    def _reason(self) -> str:
        found = self._found
        shown = [f"{self._devices[eui].name} ({eui:016x})" for eui in found[:SHOWN]]
        more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        return (
            f"the sessions of {len(found)} devices are sealed under another key, so these devices"
            f" are not heard: {', '.join(shown)}{more}. Put that key back ({sealing.FILE} beside"
            f" the database, or the credential {sealing.CREDENTIAL}) and start again, or let the"
            " devices join again: switch them off and on"
        )
