"""A pause holds readings back and nothing else; a connection that is left comes back at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from broker import Wire, fake_broker, free_port, mosquitto, subscriber
from certificates import DAY, Authority, now
from forwarder_bench import CONNACK, MemoryBuffer, reading, running
from messages import EUI, MOMENT, check
from patience import HUNG, until

from gateway.northbound import brokers, certificate, forwarder, leaving, presence
from gateway.northbound.tls import Certificates


@pytest.fixture(autouse=True)
def goodbyes_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every server here answers the last status, on a busy machine late."""
    monkeypatch.setattr(presence, "GOODBYE_SECONDS", HUNG)


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
        await until(lambda: gateway.beats >= beats + 5)
        state = gateway.forwarder.state
        assert state.paused == pytest.approx(3600, abs=5)
        assert (state.connected, buffer.done) == (True, [])
        gateway.forwarder.resume()
        await buffer.until(lambda: len(buffer.done) == 1)
        assert gateway.forwarder.state.paused is None
        assert gateway.words.of("paused") == [
            "forwarding is paused for 60 min", "forwarding goes on",
        ]  # fmt: skip


async def test_retained_status_says_that_forwarding_is_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, f"kogge/{EUI}/status") as messages,
    ):
        async with running(broker.port, MemoryBuffer()) as gateway:
            statuses = aiter(messages)
            assert await said(statuses) == ("online", False)
            gateway.forwarder.pause(3600)
            assert await said(statuses) == ("online", True)
            gateway.forwarder.resume()
            assert await said(statuses) == ("online", False)
            gateway.forwarder.pause(3600)
            assert await said(statuses) == ("online", True)
        assert await said(statuses) == ("offline", False), "a stop ends it"


async def said(statuses: AsyncIterator[aiomqtt.Message]) -> tuple[str, bool]:
    """The next status: its state, and whether forwarding is paused."""
    status = await told(statuses)
    return status["state"], status["paused"]


async def test_forgotten_pause_heals(tmp_path: Path) -> None:
    buffer = MemoryBuffer(1)
    async with mosquitto(tmp_path) as broker, running(broker.port, buffer) as gateway:
        gateway.forwarder.pause(0.2)
        async with asyncio.timeout(HUNG):
            await buffer.until(lambda: len(buffer.done) == 1)


async def test_new_certificate_of_ours_renews_the_connection_and_its_last_day_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "CERTIFICATES_SECONDS", 0.02)
    authority = await asyncio.to_thread(Authority, tmp_path)
    cert, key = await asyncio.to_thread(authority.issue, "server")
    far, soon = now() + 60 * DAY, now() + 20 * DAY
    behind = now().timestamp() - (MOMENT.at or 0)  # the clock of the bench, which stands still
    monkeypatch.setattr(forwarder, "SOON_DAYS", behind / 86400 + certificate.SOON_DAYS)
    ours = await asyncio.to_thread(authority.issue, "client", until=far)
    port = free_port()
    settings = [
        f"cafile {authority.file}", f"certfile {cert}", f"keyfile {key}",
        "require_certificate true", f"listener {port} 127.0.0.1",
    ]  # fmt: skip
    async with (
        mosquitto(tmp_path, settings=settings) as broker,
        subscriber(port, f"kogge/{EUI}/status") as messages,
        running(
            broker.port, MemoryBuffer(), url=f"mqtts://127.0.0.1:{broker.port}",
            ca_file=authority.file, cert_file=ours[0], key_file=ours[1],
        ) as gateway,
    ):  # fmt: skip
        await gateway.words.wait("connected")
        statuses = aiter(messages)
        status = await told(statuses)
        assert status["certificate_until"] == f"{far:%Y-%m-%dT%H:%M:%S}.000Z"
        assert gateway.forwarder.state.warnings == []
        await asyncio.to_thread(authority.issue, "client", until=soon)
        await gateway.words.wait("connected", 2)
        assert (await told(statuses))["state"] == "offline"  # the next might not have come
        status = await told(statuses)
        assert status["state"] == "online"
        assert status["certificate_until"] == f"{soon:%Y-%m-%dT%H:%M:%S}.000Z"
        (warning,) = gateway.forwarder.state.warnings
        assert f"certificate is good until {soon:%Y-%m-%d}" in warning
        assert warning in gateway.words.of("connected")
        assert gateway.forwarder.state.ends == {}
        assert "certificate has changed" in gateway.words.of("disconnected")[0]


async def told(statuses: AsyncIterator[aiomqtt.Message]) -> dict[str, Any]:
    """The next status."""
    return check("status", str((await anext(statuses)).payload, "utf-8"))


async def test_withdrawn_ca_is_believed_no_longer_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "CERTIFICATES_SECONDS", 0.02)
    monkeypatch.setattr("gateway.northbound.backoff.FIRST_SECONDS", 0.01)
    (tmp_path / "other").mkdir()
    authority, other = [
        await asyncio.to_thread(Authority, where) for where in (tmp_path, tmp_path / "other")
    ]
    cert, key = await asyncio.to_thread(authority.issue, "server")
    settings = [f"certfile {cert}", f"keyfile {key}"]
    believed = tmp_path / "believed.pem"
    both = [await asyncio.to_thread(Path(one.file).read_bytes) for one in (authority, other)]
    await asyncio.to_thread(believed.write_bytes, b"".join(both))
    buffer = MemoryBuffer(1)
    async with (
        mosquitto(tmp_path, settings=settings, scheme="mqtts") as broker,
        running(broker.port, buffer, url=broker.url, ca_file=str(believed)) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 1)
        await asyncio.to_thread(believed.write_bytes, both[1])
        reason = await gateway.words.wait("disconnected", 2)
        assert "certificate verify failed" in reason
        buffer.add(reading(1))
        await asyncio.to_thread(believed.write_bytes, both[0])
        await buffer.until(lambda: len(buffer.done) == 2)
        assert set(gateway.forwarder.state.ends) == {"tls"}


async def test_what_is_in_flight_is_finished_before_a_connection_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaving, "CERTIFICATES_SECONDS", 0.02)
    outdated, leaves = "", asyncio.Event()
    usual = leaving.Occasions._finish

    async def finish(self: leaving.Occasions, sending: asyncio.Task[None]) -> None:
        leaves.set()
        await usual(self, sending)

    monkeypatch.setattr(Certificates, "outdated", lambda _: outdated)
    monkeypatch.setattr(leaving.Occasions, "_finish", finish)
    published: list[str] = []
    under_way, may_answer = asyncio.Event(), asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        while True:
            message = await wire.message()
            if message.topic.endswith("/readings"):
                published.extend(one["id"] for one in message.readings())
                under_way.set()
                await may_answer.wait()
            wire.puback(message.mid)

    buffer = MemoryBuffer(1)
    async with fake_broker(serve) as port, running(port, buffer) as gateway:
        await under_way.wait()
        outdated = "they have changed"
        await leaves.wait()
        for _ in range(100):  # if it did not wait it would be gone by now
            await asyncio.sleep(0)
        buffer.add(reading(1))
        assert gateway.words.of("disconnected") == []
        outdated = ""
        may_answer.set()
        await buffer.until(lambda: len(buffer.done) == 2)
        left = f"left mqtt://127.0.0.1:{port}: they have changed"
        assert gateway.words.of("disconnected") == [left]
        assert published == [f"{number:032x}" for number in (0, 1)]


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
