"""Sessions under another key: who is named, to whom, and when that ends."""

import pytest
from messages import MOMENT

from gateway.devices.locked_sessions import SHOWN, LockedSessions
from gateway.lorawan.device import Device
from gateway.records import Event


class Locked:
    """A store in which the sessions of these DevEUIs are locked."""

    def __init__(self, *devices: int) -> None:
        self.devices = devices
        self.asked = 0

    async def locked(self) -> tuple[int, ...]:
        self.asked += 1
        return self.devices


def sessions(store: Locked, events: list[Event]) -> LockedSessions:
    devices = {eui: Device(eui, f"device-{eui}") for eui in range(30)}
    return LockedSessions(store, devices, lambda: MOMENT, events.append)


async def test_devices_of_ours_are_named_to_the_log_and_the_city(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[Event] = []
    locked = sessions(Locked(7, 99), events)
    await locked.tell()
    assert len(locked) == 1
    (event,), (line,) = events, caplog.messages
    assert (event.type, event.moment) == ("store", MOMENT)
    assert event.detail == {"state": "locked", "count": 1, "reason": line}
    assert "device-7 (0000000000000007)." in line
    assert "device-99" not in line


async def test_very_many_are_counted_not_all_named() -> None:
    events: list[Event] = []
    await sessions(Locked(*range(SHOWN + 3)), events).tell()
    reason = str(events[0].detail["reason"])
    assert reason.count("device-") == SHOWN
    assert "and 3 more." in reason


async def test_nothing_locked_is_not_told_and_not_looked_for_again() -> None:
    events: list[Event] = []
    store = Locked()
    locked = sessions(store, events)
    await locked.tell()
    await locked.look_again()
    assert (len(locked), events, store.asked) == (0, [], 1)


async def test_device_that_joins_again_is_counted_no_more() -> None:
    events: list[Event] = []
    store = Locked(7, 8)
    locked = sessions(store, events)
    await locked.tell()
    store.devices = (8,)
    await locked.look_again()
    assert (len(locked), len(events)) == (1, 1)
