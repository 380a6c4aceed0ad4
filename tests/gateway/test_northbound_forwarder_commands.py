"""Commands on a real broker: none is lost while the line is cut, none acknowledged unkept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from broker import Wire, fake_broker, mosquitto, subscriber
from forwarder_bench import CONNACK, MemoryBuffer, reading, running
from messages import EUI, MOMENT, check
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from patience import HUNG

from gateway.demo import proxy
from gateway.northbound.client import Received
from gateway.northbound.replies import Reply
from gateway.records import Event

pytestmark = pytest.mark.usefixtures("short_goodbyes")
REFUSED = Event(
    "command",
    MOMENT,
    {"command": "down", "correlation": "a", "status": "REFUSED", "reason": "it is wrong"},
)
protocols = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


class Noted:
    """Commands that are noted; `kept` is held back like a commit on a slow card."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.last: Received | None = None
        self.reply: Reply | None = None
        self.kept = asyncio.Event()
        self.kept.set()
        self._news = asyncio.Event()

    async def take(self, message: Received) -> None:
        self.last = message
        self.taken.append(message.payload)
        self._news.set()
        await self.kept.wait()

    def reply_to(self, event: Event) -> Reply | None:
        return self.reply

    async def until(self, count: int) -> None:
        async with asyncio.timeout(HUNG):
            while len(self.taken) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def city(port: int) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        yield client


async def all_was_heard(buffer: MemoryBuffer) -> None:
    """What the broker acknowledges came to it after all that the gateway had said before."""
    buffer.add(reading(0))
    await buffer.until(lambda: not buffer.backlog)


async def send(client: aiomqtt.Client, payload: bytes, verb: str = "down", qos: int = 1) -> None:
    await client.publish(f"kogge/{EUI}/command/{verb}", payload, qos=qos)


@protocols
async def test_command_arrives(tmp_path: Path, protocol: str) -> None:
    commands = Noted()
    async with (
        mosquitto(tmp_path) as broker,
        city(broker.port) as sender,
        running(broker.port, MemoryBuffer(), commands, protocol=protocol) as gateway,
    ):
        await gateway.subscribed()
        await send(sender, b"open")
        await commands.until(1)
        assert commands.last is not None
        assert commands.last.topic == f"kogge/{EUI}/command/down"
        assert not commands.last.retained


@protocols
async def test_command_sent_while_the_line_is_cut_arrives_once(
    tmp_path: Path, protocol: str
) -> None:
    commands = Noted()
    async with (
        mosquitto(tmp_path) as broker,
        city(broker.port) as sender,
        proxy.serve(("127.0.0.1", broker.port)) as line,
        running(line.port, MemoryBuffer(), commands, protocol=protocol) as gateway,
    ):
        await gateway.subscribed()
        await line.cut()
        await gateway.words.wait("disconnected")
        for number in range(40):
            await send(sender, str(number).encode())
        assert commands.taken == []
        await line.restore()
        await commands.until(40)
        await send(sender, b"last")
        await commands.until(41)
    assert commands.taken == [*(str(number).encode() for number in range(40)), b"last"]


@protocols
async def test_command_that_was_not_kept_is_not_acknowledged(tmp_path: Path, protocol: str) -> None:
    """The line breaks while the disk is busy: the broker sends it again."""
    buffer, commands = MemoryBuffer(), Noted()
    commands.kept.clear()
    async with (
        mosquitto(tmp_path) as broker,
        city(broker.port) as sender,
        proxy.serve(("127.0.0.1", broker.port)) as line,
        running(line.port, buffer, commands, protocol=protocol) as gateway,
    ):
        await gateway.subscribed()
        await send(sender, b"open")
        await commands.until(1)
        await line.cut()
        await gateway.words.wait("disconnected")
        commands.kept.set()
        await line.restore()
        await commands.until(2)
        await all_was_heard(buffer)
        await line.cut()
        await line.restore()
        await gateway.subscribed(3)
        await send(sender, b"next")
        await commands.until(3)
    assert commands.taken == [b"open", b"open", b"next"]


async def test_answer_goes_to_the_response_topic_too(tmp_path: Path) -> None:
    buffer, commands = MemoryBuffer(), Noted()
    commands.reply = Reply("city/answers", b"\x01\x02")
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, "city/answers") as answers,
        running(broker.port, buffer, commands) as gateway,
    ):
        await gateway.subscribed()
        buffer.add(REFUSED)
        answer = await anext(aiter(answers))
        (event,) = check("events", str(answer.payload, "utf-8"))["events"]
        assert event["correlation"] == "a"
        assert answer.properties is not None
        assert vars(answer.properties)["CorrelationData"] == b"\x01\x02"
        assert len(buffer.done) == 1


async def test_response_topic_that_the_broker_refuses_holds_nothing_up(tmp_path: Path) -> None:
    buffer, commands = MemoryBuffer(2), Noted()
    commands.reply = Reply("city/answers", b"")
    acl = f"topic write kogge/{EUI}/#\ntopic read kogge/{EUI}/command/+\n"
    async with mosquitto(tmp_path, acl=acl) as broker, running(broker.port, buffer, commands) as it:
        buffer.add(REFUSED)
        await buffer.until(lambda: len(buffer.done) == 3)
        buffer.add(REFUSED)
        await buffer.until(lambda: len(buffer.done) == 4)
        assert it.words.of("refused") == []
        assert it.forwarder.state.connections == 1


async def test_request_with_a_response_topic_is_heard_whole(tmp_path: Path) -> None:
    commands = Noted()
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic, properties.CorrelationData = "city/answers", b"\x07"
    async with (
        mosquitto(tmp_path) as broker,
        city(broker.port) as sender,
        running(broker.port, MemoryBuffer(), commands) as gateway,
    ):
        await gateway.subscribed()
        await sender.publish(f"kogge/{EUI}/command/down", b"{}", qos=1, properties=properties)
        await commands.until(1)
        assert commands.last is not None
        assert commands.last.response_topic == "city/answers"
        assert commands.last.correlation_data == b"\x07"


async def test_refused_subscription_is_said_and_readings_go_on() -> None:
    buffer = MemoryBuffer(1)

    async def serve(wire: Wire) -> None:
        wire.granted = "87"
        await wire.connect()
        wire.send(CONNACK)
        while True:
            wire.puback(await wire.published())

    async with fake_broker(serve) as port, running(port, buffer) as gateway:
        text = await gateway.words.wait("refused")
        assert f"refused the subscription to kogge/{EUI}/command/+: Not authorized (0x87)" in text
        await buffer.until(lambda: len(buffer.done) == 1)
        assert gateway.forwarder.state.connected


async def test_retained_command_comes_with_the_first_subscription_only(tmp_path: Path) -> None:
    commands = Noted()
    async with (
        mosquitto(tmp_path) as broker,
        city(broker.port) as sender,
        proxy.serve(("127.0.0.1", broker.port)) as line,
    ):
        await sender.publish(f"kogge/{EUI}/command/down", b"old", qos=1, retain=True)
        buffer = MemoryBuffer()
        async with running(line.port, buffer, commands) as gateway:
            await commands.until(1)
            assert commands.last is not None
            assert commands.last.retained
            await all_was_heard(buffer)
            await line.cut()
            await line.restore()
            await gateway.subscribed(2)
            await send(sender, b"new")
            await commands.until(2)
    assert commands.taken == [b"old", b"new"]
