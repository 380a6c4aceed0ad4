"""Bad lines and bad brokers: each is named, counted, and asked again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from broker import Wire, fake_broker, free_port
from forwarder_bench import CONNACK, MemoryBuffer, running
from patience import HUNG

from gateway.northbound import client

pytestmark = pytest.mark.usefixtures("short_goodbyes")


async def closes_at_once(wire: Wire) -> None:
    pass


async def answers_garbage(wire: Wire) -> None:
    await wire.connect()
    wire.send("90 00")
    await wire.reader.read()


async def sends_garbage_later(wire: Wire) -> None:
    await wire.connect()
    wire.send(CONNACK + "40 03 00 01 fe")
    await wire.reader.read()


async def is_silent(wire: Wire) -> None:
    await wire.reader.read()


async def never_acknowledges(wire: Wire) -> None:
    await wire.connect()
    wire.send(CONNACK)
    await wire.reader.read()


async def bans(wire: Wire) -> None:
    await wire.connect()
    wire.send("20 03 00 8a 00")
    await wire.reader.read()


async def moves(wire: Wire) -> None:
    await wire.connect()
    wire.send("20 08 00 9d 05 1c 00 02 62 3a")  # CONNACK: Server moved, Server Reference "b:"
    await wire.reader.read()


async def is_administered(wire: Wire) -> None:
    await wire.connect()
    wire.send(CONNACK)
    wire.puback(await wire.published())
    wire.send("e0 02 98 00")
    await wire.reader.read()


@pytest.mark.parametrize(
    ("serve", "kind", "words"),
    [
        (closes_at_once, "closed", "closed the connection without an answer: is it an MQTT port"),
        (answers_garbage, "garbage", "answered what is not MQTT"),
        (sends_garbage_later, "garbage", "the broker sent what is not MQTT"),
        (is_silent, "silent", "gave no answer"),
        (never_acknowledges, "unacknowledged", "takes connections and does not work"),
        (bans, "refused", "Banned (0x8a); the broker has banned this gateway: lift the ban"),
        (moves, "refused", "Server moved (0x9d); the server has moved: put the new address into"),
        (is_administered, "disconnected", "Administrative action (0x98); somebody ended it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_bad_broker_is_named_and_counted(
    serve: Callable[[Wire], Awaitable[None]],
    kind: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # short for who is silent alone: another one's answer may take its time
    connack, puback = (
        0.1 if serve is is_silent else HUNG,
        0.1 if serve is never_acknowledges else HUNG,
    )
    monkeypatch.setattr(client, "CONNACK_SECONDS", connack)
    usual = client.Client.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(
        client.Client.__init__, "__kwdefaults__", usual | {"puback_silence": puback}
    )
    buffer = MemoryBuffer(1)
    async with fake_broker(serve) as port, running(port, buffer) as gateway:
        text = await gateway.words.wait("disconnected")
        assert words in text
        assert gateway.forwarder.state.ends[kind] >= 1
        assert gateway.forwarder.state.reason == text
    assert buffer.backlog == 1


async def test_server_that_refuses_tls_is_named() -> None:
    async def serve(wire: Wire) -> None:
        await wire.reader.read(1)
        wire.send("15 03 01 00 02 02 28")  # a TLS alert: handshake failure

    async with fake_broker(serve) as port:
        url = f"mqtts://127.0.0.1:{port}"
        async with running(port, MemoryBuffer(), url=url) as gateway:
            assert "cannot be reached" in await gateway.words.wait("disconnected")
            assert gateway.forwarder.state.ends == {"tls": 1}


async def test_absent_broker_is_counted() -> None:
    async with running(free_port(), MemoryBuffer()) as gateway:
        assert "refused" in await gateway.words.wait("disconnected")
        assert gateway.forwarder.state.ends == {"unreachable": 1}


@asynccontextmanager
async def swallowing(port: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A proxy that forwards until the event is set; then it swallows, and closes nothing."""
    gone, pumps = asyncio.Event(), set[asyncio.Task[None]]()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(4096):
                if not gone.is_set():
                    sink.write(data)
        finally:
            sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        for source, sink in ((reader, back), (there, writer)):
            pumps.add(asyncio.create_task(pump(source, sink)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], gone
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def test_half_open_line_is_found_while_nothing_is_to_be_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "KEEP_ALIVE", 1)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        while True:
            kind, _ = await wire.packet()
            if kind == 12:
                wire.send("d0 00")

    async with (
        fake_broker(serve) as port,
        swallowing(port) as (through, gone),
        running(through, MemoryBuffer()) as gateway,
    ):
        await gateway.subscribed()
        gone.set()
        async with asyncio.timeout(HUNG):
            assert "nothing comes back" in await gateway.words.wait("disconnected")
        assert gateway.forwarder.state.ends == {"half_open": 1}
