"""A running gateway takes over what it can of kogge.toml, and says what wants a restart."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from broker import mosquitto
from kogge import HOUSE
from lamp_post import APP_KEY, BIN_EUI, JOIN_EUI, board, daemon, write_files
from lorawan_device import join_request

pytestmark = pytest.mark.realtime


async def configure(action: str, config: Path, *words: str) -> tuple[int, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "config", action, *words),
        *("--config", str(config), "--json"), stdout=asyncio.subprocess.PIPE, cwd=HOUSE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out)


async def test_joining_is_closed_and_opened_by_kogge_toml_while_it_runs(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            code, told = await configure(
                "set", config, "lorawan.join=closed", "mqtt.backlog_messages_per_s=50",
                "mqtt.batch_readings=7", "lorawan.rx1_delay=2",
            )  # fmt: skip
            assert (code, told["reason"], told["restart"]) == (0, "", ["lorawan.rx1_delay"])
            assert len(told["taken"]) == 3
            await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 1))
            await gateway.until(lambda now: now["drops"] == {"join_closed": 1})
            code, told = await configure("diff", config)
            assert code == 1
            assert [one["key"] for one in told["daemon"]["differs"]] == ["lorawan.rx1_delay"]
            await configure("set", config, "lorawan.join=open", "lorawan.joins_per_minute=6")
            await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 2))
            status = await gateway.until(lambda now: now["answers"].get("OK", 0) == 1)
            assert status["join"]["joins_per_minute"] == 6
        async with daemon(config) as gateway:
            await gateway.until(bool)
            assert (await configure("diff", config))[1]["daemon"]["differs"] == []
