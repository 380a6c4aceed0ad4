"""What a real daemon tells Prometheus, node_exporter and the technician, while it works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import free_port, mosquitto
from kogge import kogge
from lamp_post import BIN_EUI, GAUGE, TEMPERATURE, Daemon, Sky, board, daemon, write_files
from metrics_reader import Read, read
from patience import HUNG

from gateway.metrics.table import TABLE

GAUGE_EUI = "70b3d57ed0000001"
NEVER_HERE = {
    "kogge_broker_certificate_until_seconds", "kogge_broker_disconnects_total",
    "kogge_clock_offset_seconds", "kogge_downlinks_total", "kogge_joins_refused_total",
    "kogge_machine_temperature_celsius", "kogge_machine_undervoltage", "kogge_radio_damaged_total",
}  # fmt: skip
"""What did not happen has no sample, nor has a certificate or sensor that is not here."""


@asynccontextmanager
async def gateway(tmp_path: Path, metrics: str) -> AsyncIterator[tuple[Path, Sky, Daemon]]:
    async with mosquitto(tmp_path) as broker, board(tmp_path / "tty") as (_, sky):
        config = write_files(tmp_path, broker.port)
        config.write_text(f"{config.read_text()}[metrics]\n{metrics}\n", encoding="utf-8")
        async with daemon(config) as one:
            await one.until(lambda status: status["health"] == "healthy")
            yield config, sky, one


async def get(where: tuple[str, int] | Path) -> str:
    """As Prometheus asks."""
    if isinstance(where, Path):
        reader, writer = await asyncio.open_unix_connection(where)
    else:
        reader, writer = await asyncio.open_connection(*where)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: kogge\r\nAccept: text/plain\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return body.decode()


@pytest.mark.realtime  # an answer goes in its window or not at all
async def test_what_the_gateway_does_is_counted(tmp_path: Path) -> None:
    port = free_port()
    listen = f'listen = "127.0.0.1:{port}"\ndevices = true\n'
    async with gateway(tmp_path, listen) as (config, sky, one):
        await sky.send(GAUGE.uplink(5, TEMPERATURE, confirmed=True))
        await sky.send(GAUGE.uplink(3, TEMPERATURE))
        await sky.send(b"\xe0 no LoRaWAN at all", rssi=-117, snr=-6.0)
        await one.until(lambda now: now["answers"] == {"OK": 1} and now["backlog"] == 0)
        found = read(await get(("127.0.0.1", port)))
        assert found.value("kogge_uplinks_total", result="readings") == 1
        assert found.value("kogge_drops_total", reason="replay") == 1
        assert found.value("kogge_transmissions_total", status="OK") == 1
        assert found.value("kogge_radio_packets_total") == 3
        assert -119 < found.value("kogge_radio_noise_dbm") < -117
        assert found.value("kogge_radio_state", state="receiving") == 1
        assert found.value("kogge_health", state="healthy") == 1
        assert found.value("kogge_broker_connected") == 1
        assert found.value("kogge_records_waiting") == 0
        assert found.value("kogge_waiting_oldest_seconds") == 0
        acknowledged = found.value("kogge_records_acknowledged_total")
        assert acknowledged == found.value("kogge_records_handed_out_total") >= 1
        assert found.value("kogge_broker_puback_seconds_count") >= 1
        assert 0 < found.value("kogge_airtime_used_seconds", sub_band="868-868.6") < 1
        assert found.value("kogge_device_last_seen_seconds", dev_eui=GAUGE_EUI) >= 0
        assert not found.has("kogge_device_last_seen_seconds", dev_eui=f"{BIN_EUI:016x}")
        assert found.value("kogge_process_resident_memory_bytes") > 10_000_000
        assert found.value("kogge_log_lines_total", level="info") > 0
        assert {one.name for one in TABLE} - found.sampled() <= NEVER_HERE
        shown = await asyncio.to_thread(kogge, "status", "--metrics", "--config", str(config))
        assert shown.returncode == 0
        assert read(shown.stdout).names() == found.names()


async def test_what_waits_while_the_broker_is_away_has_its_age(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker, board(tmp_path / "tty") as (_, sky):
        config = write_files(tmp_path, broker.port)
        async with daemon(config) as one:
            await one.until(lambda status: status["health"] == "healthy")
            await broker.stop()
            await one.until(lambda status: status["city"]["state"] == "disconnected")
            await sky.send(GAUGE.uplink(5, TEMPERATURE))
            await one.until(
                lambda now: now["counts"]["readings"] == 1 and now["store"]["memory_records"] == 0
            )
            found = await asked(one)
            assert found.value("kogge_records_waiting") >= 1
            assert found.value("kogge_waiting_oldest_seconds") > 0
            assert found.value("kogge_broker_connected") == 0
            assert found.has("kogge_broker_disconnects_total")


async def asked(one: Daemon) -> Read:
    return read((await one.asked("metrics"))["text"])


async def test_unix_socket_and_textfile_say_the_same(tmp_path: Path) -> None:
    place, file = tmp_path / "m.sock", tmp_path / "kogge.prom"
    both = f'listen = "unix:{place}"\ntextfile = "{file}"\n'
    async with gateway(tmp_path, both) as (_, _, one):
        async with asyncio.timeout(HUNG):
            while not await asyncio.to_thread(file.exists):
                await asyncio.sleep(0.02)
        written = read(await asyncio.to_thread(file.read_text, "utf-8"))
        assert place.stat().st_mode & 0o777 == 0o660
        assert file.stat().st_mode & 0o777 == 0o644
        assert written.value("kogge_devices") == 2
        assert read(await get(place)).value("kogge_devices") == 2
        assert not written.has("kogge_device_last_seen_seconds")
    assert not place.exists()
    assert one.process.returncode == 0
