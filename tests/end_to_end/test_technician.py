"""kogge status and kogge doctor beside a real daemon, a real mosquitto and the emulated board."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import Mosquitto, mosquitto
from kogge import kogge
from lamp_post import Daemon, board, daemon, write_files

GOOD = ("codecs", "service", "port", "port_permission", "board", "chip", "radio_temperature",
        "clock", "dns", "disk_health", "database")  # fmt: skip
MAY_BE_UNKNOWN = ("disk_health",)  # who may not read the kernel's words


@asynccontextmanager
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[Path, Mosquitto, Daemon]]:
    async with mosquitto(tmp_path) as broker, board(tmp_path / "tty"):
        config = write_files(tmp_path, broker.port)
        async with daemon(config) as one:
            await one.until(
                lambda status: status["health"] == "healthy" and status["city"]["published"] > 0
            )
            yield config, broker, one


async def shown(config: Path, *words: str) -> tuple[int, str]:
    done = await asyncio.to_thread(kogge, *words, "--config", str(config))
    return done.returncode, done.stdout.replace("\u00a0", " ")


async def levels(config: Path) -> dict[str, str]:
    _, said = await shown(config, "doctor", "--json")
    return {one["check"]: one["level"] for one in json.loads(said)["findings"]}


async def test_healthy_gateway_is_told_to_be_so_in_both_languages(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (config, _, _):
        code, english = await shown(config, "status")
        assert code == 0
        assert "All is well: broker connected; nothing waits; radio receiving; disk" in english
        _, german = await shown(config, "status", "--lang", "de")
        assert "Alles in Ordnung: Broker verbunden; nichts wartet; Funk empfängt" in german
        found = await levels(config)
        assert {found[name] for name in ("tcp", "login", "publish")} == {"ok"}
        for name in GOOD:
            assert found[name] == "ok" or (name in MAY_BE_UNKNOWN and found[name] == "unknown")


async def test_broker_that_is_down_is_found_and_named(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (config, broker, one):
        await broker.stop()
        await one.until(lambda status: status["city"]["state"] == "disconnected")
        code, said = await shown(config, "status")
        assert code == 1
        assert "Look here: broker unreachable for " in said
        found = await levels(config)
        assert (found["board"], found["tcp"], found["login"]) == ("ok", "bad", "unknown")
        code, german = await shown(config, "doctor", "--lang", "de")
        assert code == 2
        assert "Leitung (TCP): FEHLER: 127.0.0.1" in german


@pytest.mark.realtime  # within 20 s
async def test_without_the_daemon_board_broker_and_database_are_asked_themselves(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path) as (config, _, one):
        one.process.terminate()
        await one.process.wait()
        code, said = await shown(config, "status")
        assert code == 69
        assert "The daemon does not run" in said
        assert "Buffer: ok: 0 not yet acknowledged" in said
        begun = time.monotonic()
        found = await levels(config)
        assert time.monotonic() - begun < 20
        assert found["service"] == "bad"
        asked = ("board", "chip", "login", "publish", "database")
        assert {found[name] for name in asked} == {"ok"}
