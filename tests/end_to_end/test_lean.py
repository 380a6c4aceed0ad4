"""What a daemon at work has not imported: memory that was won, kept by name."""

import asyncio
from pathlib import Path

import pytest
from broker import mosquitto, subscriber
from lamp_post import EUI, GAUGE, TEMPERATURE, board, daemon, write_files

pytestmark = pytest.mark.realtime

NOT_NEEDED = {
    "bz2", "cbor2", "csv", "email", "http", "http.client", "importlib.metadata", "lzma",
    "quickjs", "shutil", "sqlite_utils", "systemd", "tempfile", "textual", "unittest",
    "urllib.request", "yaml",
    "gateway.backup", "gateway.demo", "gateway.doctor", "gateway.metrics.endpoint",
    "gateway.metrics.http", "gateway.metrics.table", "gateway.store.flat",
    "gateway.store.inspection", "drivers.semtech_udp.udp",
}  # fmt: skip


async def test_daemon_that_delivers_has_not_imported_what_it_does_not_need(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with (
            board(tmp_path / "tty") as (_, sky),
            subscriber(broker.port, f"kogge/{EUI}/readings") as messages,
            daemon(config, {"PYTHONPROFILEIMPORTTIME": "1"}) as one,
        ):
            await one.receiving()
            await sky.send(GAUGE.uplink(1, TEMPERATURE))
            await anext(aiter(messages))
        lines = one.log().splitlines()
    found = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert {"gateway.daemon", "paho.mqtt.client", "sqlite3"} <= found
    assert found & NOT_NEEDED == set()
