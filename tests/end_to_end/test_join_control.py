"""A closed gateway refuses a good Join-Request, says why, and takes the device once it is open."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from broker import mosquitto, subscriber
from lamp_post import APP_KEY, BIN_EUI, EUI, JOIN_EUI, board, daemon, write_files
from lorawan_device import join_request
from patience import HUNG

pytestmark = pytest.mark.realtime


async def events(messages: AsyncIterator[Any]) -> AsyncIterator[dict[str, Any]]:
    async for message in messages:
        for event in json.loads(message.payload)["events"]:
            yield event


async def test_closed_gateway_refuses_until_it_is_opened(tmp_path: Path) -> None:
    asked = join_request(APP_KEY, JOIN_EUI, BIN_EUI, 1)
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        with config.open("a", encoding="utf-8") as file:
            file.write('[lorawan]\njoin = "closed"\nnet_id = "000001"\n')
        async with (
            board(tmp_path / "tty") as (_, sky),
            subscriber(broker.port, f"kogge/{EUI}/events") as messages,
            daemon(config) as gateway,
        ):
            await gateway.receiving()
            await sky.send(asked)
            await gateway.until(lambda now: now["drops"] == {"join_closed": 1})
            async with asyncio.timeout(HUNG):
                refused = await anext(one async for one in events(messages) if "device" in one)
            assert refused["type"] == "join_refused"
            assert refused["device"] == f"{BIN_EUI:016x}"
            assert "kogge join open" in refused["reason"]
            reader, writer = await asyncio.open_unix_connection(tmp_path / "kogge.sock")
            writer.write(b'{"op":"join","minutes":15}\n')
            answer = json.loads(await reader.readline())
            assert (answer["join"], answer["seconds_left"]) == ("open", 900)
            writer.write(b'{"op":"watch"}\n')
            assert json.loads(await reader.readline()) == {"event": "watching"}
            await sky.send(asked)
            async with asyncio.timeout(HUNG):
                while (one := json.loads(await reader.readline()))["event"] != "join":
                    pass
            assert int(one["dev_addr"], 16) >> 25 == 1, "NetID 000001"
            writer.close()
