"""A pause holds readings back and nothing else; a connection that is left comes back at once."""

import asyncio
from pathlib import Path

import pytest
from broker import free_port, mosquitto, subscriber
from certificates import Authority
from forwarder_bench import MemoryBuffer, reading, running
from messages import EUI

from gateway.northbound import brokers, forwarder, presence

pytestmark = pytest.mark.usefixtures("short_goodbyes")


async def test_paused_forwarder_sends_nothing_stays_connected_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    buffer = MemoryBuffer()
    async with mosquitto(tmp_path) as broker, running(broker.port, buffer) as gateway:
        await gateway.subscribed()
        gateway.forwarder.pause(3600)
        await asyncio.sleep(0)  # the sender is cancelled
        buffer.add(reading(1))
        beats = gateway.beats
        async with asyncio.timeout(5):
            while gateway.beats < beats + 5:
                await asyncio.sleep(0.01)
        state = gateway.forwarder.state
        assert state.paused == pytest.approx(3600, abs=5)
        assert (state.connected, buffer.done) == (True, [])
        gateway.forwarder.resume()
        await buffer.until(lambda: len(buffer.done) == 1)
        assert gateway.forwarder.state.paused is None
        assert gateway.words.of("paused") == [
            "forwarding is paused for 60 min", "forwarding goes on",
        ]  # fmt: skip


async def test_forgotten_pause_heals(tmp_path: Path) -> None:
    buffer = MemoryBuffer(1)
    async with mosquitto(tmp_path) as broker, running(broker.port, buffer) as gateway:
        gateway.forwarder.pause(0.2)
        async with asyncio.timeout(5):
            await buffer.until(lambda: len(buffer.done) == 1)


async def test_new_certificate_of_ours_renews_the_connection_without_a_last_will(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "CERTIFICATES_SECONDS", 0.02)
    authority = await asyncio.to_thread(Authority, tmp_path)
    cert, key = await asyncio.to_thread(authority.issue, "server")
    ours = await asyncio.to_thread(authority.issue, "client")
    port = free_port()
    settings = [
        f"cafile {authority.file}", f"certfile {cert}", f"keyfile {key}",
        "require_certificate true", f"listener {port} 127.0.0.1",
    ]  # fmt: skip
    async with (
        mosquitto(tmp_path, settings=settings) as broker,
        subscriber(port, f"kogge/{EUI}/status") as statuses,
        running(
            broker.port, MemoryBuffer(), url=f"mqtts://127.0.0.1:{broker.port}",
            ca_file=authority.file, cert_file=ours[0], key_file=ours[1],
        ) as gateway,
    ):  # fmt: skip
        await gateway.words.wait("connected")
        await anext(aiter(statuses))
        await asyncio.to_thread(authority.issue, "client")
        await gateway.words.wait("connected", 2)
        status = await anext(aiter(statuses))
        assert b'"online"' in bytes(status.payload)
        assert gateway.forwarder.state.ends == {}
        assert "certificate has changed" in gateway.words.of("disconnected")[0]


async def test_fallback_takes_over_and_the_first_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "RETURN_SECONDS", 0.1)
    monkeypatch.setattr("gateway.northbound.backoff.FIRST_SECONDS", 0.01)
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.01)
    buffer, port = MemoryBuffer(1), free_port()
    (tmp_path / "second").mkdir()
    async with mosquitto(tmp_path / "second") as second:
        urls = [f"mqtt://127.0.0.1:{second.port}"]
        async with running(port, buffer, fallback_urls=urls) as gateway:
            await buffer.until(lambda: len(buffer.done) == 1)
            state = gateway.forwarder.state
            assert (state.url, state.is_fallback) == (second.url, True)
            assert state.ends == {"unreachable": brokers.FAILURES}
            assert f"mqtt://127.0.0.1:{port} does not answer" in state.warnings[0]
            async with mosquitto(tmp_path, port=port):
                await gateway.words.wait("connected", 3)  # and the warning is one of them
                buffer.add(reading(2))
                await buffer.until(lambda: len(buffer.done) == 2)
                state = gateway.forwarder.state
                assert (state.url, state.is_fallback) == (f"mqtt://127.0.0.1:{port}", False)
                assert state.warnings == []
