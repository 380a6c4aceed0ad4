"""What a daemon at work has not imported: memory that was won, kept by name."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from broker import mosquitto, subscriber
from lamp_post import EUI, GAUGE, TEMPERATURE, board, daemon, write_files

pytestmark = pytest.mark.realtime

NOT_NEEDED = {
    "bz2", "calendar", "cbor2", "csv", "email", "http", "http.client", "importlib.metadata", "lzma",
    "quickjs", "shutil", "sqlite_utils", "statistics", "systemd", "tempfile", "textual", "unittest",
    "urllib.error", "yaml",
    "gateway.backup", "gateway.demo", "gateway.doctor", "gateway.metrics.endpoint",
    "gateway.metrics.http", "gateway.metrics.table", "gateway.store.flat",
    "gateway.store.inspection", "gateway.store.salvage", "drivers.semtech_udp.udp", "native.layout",
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


def said(code: str) -> str:
    """By a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_what_paho_does_without_is_there_for_who_asks_for_it() -> None:
    assert said("""
import sys
import gateway.northbound, paho.mqtt.client
paho_has = paho.mqtt.client.urllib.__dict__["request"]
print("http" in sys.modules)
import urllib.request
from urllib.request import Request, getproxies, proxy_bypass
print(urllib.request is paho_has, Request("http://kogge.example").host, getproxies.__module__)
print(urllib.request.Request is Request, any("northbound" in str(one) for one in sys.meta_path))
""").splitlines() == ["False", "True kogge.example urllib.request", "True False"]


def test_module_that_was_there_stays_as_it_is() -> None:
    assert said("""
import urllib.request, sys
was = sys.modules["urllib.request"], list(sys.meta_path)
import gateway.northbound, paho.mqtt.client
print(was == (sys.modules["urllib.request"], sys.meta_path), "http" in sys.modules)
""").split() == ["True", "True"]


def test_module_that_one_import_goes_without_is_there_afterwards() -> None:
    assert said("""
import sys
from gateway import memory
with memory.without("this"):
    try:
        import this
    except ImportError:
        print("without")
print("this" in sys.modules)
import colorsys
with memory.without("colorsys"):
    pass
import colorsys as again
print(again is colorsys)
""").split() == ["without", "False", "True"]


def test_daemon_goes_without_typing_extensions() -> None:
    code = """
import sys
from gateway.cli import main
print(main(["run", "--config", "/nowhere/kogge.toml"]))
print("msgspec" in sys.modules, "typing_extensions" in sys.modules)
"""
    assert said(code).split() == ["78", "True", "False"]
