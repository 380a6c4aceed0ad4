"""The retained status: online, the radio, the backlog, offline, and the last will."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from broker import mosquitto, subscriber
from forwarder_bench import MemoryBuffer, reading, running
from messages import EUI, check

from gateway.northbound import presence
from gateway.northbound.formats.json import RadioState

pytestmark = pytest.mark.usefixtures("short_goodbyes")


async def test_status_is_retained_online_and_offline_at_a_stop(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        async with running(broker.port, MemoryBuffer()) as gateway:
            await gateway.words.wait("connected")
            online = await status_of(broker.port, "online")
        offline = await status_of(broker.port, "offline")
    assert online["radio"] == {
        "state": "receiving", "reason": "", "restarts": 0, "last_reason": "",
    }  # fmt: skip
    assert online["since"] == offline["since"] == "2026-05-01T12:00:00.123Z"


async def test_last_will_speaks_when_the_gateway_dies(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        dying = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DYING, str(broker.port), EUI
        )
        await status_of(broker.port, "online")
        dying.kill()
        await dying.wait()
        will = await status_of(broker.port, "offline")
    assert will["since"] is None


_DYING = """
import asyncio, sys
from gateway.config import Mqtt
from gateway.northbound.client import Client
from gateway.northbound.connection import Lost
from gateway.northbound.formats.json import RadioState
from gateway.northbound.forwarder import Forwarder
from gateway.records import Moment

class Empty:
    backlog = parked = rests = 0
    async def next_batch(self, limit, linger, **more):
        await asyncio.Event().wait()

moment = Moment(0.0, "ntp", "b", 0.0)
asyncio.run(Forwarder(
    Mqtt(url="mqtt://127.0.0.1:" + sys.argv[1]), sys.argv[2], Empty(), Empty(),
    dated=lambda m: m, now=lambda: moment, radio=lambda: RadioState("on", ""), random=lambda: 0.5,
    told=lambda kind, text: None,
).run(lambda: None))
"""


async def status_of(port: int, state: str) -> dict[str, Any]:
    """Wait until the (retained) status is `state`."""
    async with subscriber(port, f"kogge/{EUI}/status") as messages:
        async for message in messages:
            status = check("status", str(message.payload, "utf-8"))
            if status["state"] == state:
                return status
    raise AssertionError("the subscription ended")


async def test_status_follows_the_radio_at_once_and_the_backlog_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(presence, "BACKLOG_SECONDS", 0.2)
    buffer = MemoryBuffer()
    async with (
        mosquitto(tmp_path, acl=f"topic read #\ntopic write kogge/{EUI}/status\n") as broker,
        subscriber(broker.port, f"kogge/{EUI}/status") as messages,
        running(broker.port, buffer) as gateway,
    ):
        statuses = aiter(messages)
        assert json.loads(bytes((await anext(statuses)).payload))["radio"]["state"] == "receiving"
        gateway.radio = RadioState("lost", "the port is gone", 2, "the port is gone")
        radio = json.loads(bytes((await anext(statuses)).payload))["radio"]
        assert (radio["state"], radio["reason"]) == ("lost", "the port is gone")
        assert (radio["restarts"], radio["last_reason"]) == (2, "the port is gone")
        buffer.add(reading(1))  # the ACL keeps it from being delivered
        assert json.loads(bytes((await anext(statuses)).payload))["backlog"] == 1
