"""Every format through the real mosquitto: a subscriber knows what it is, and reads it."""

import json
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Message, MessagesIterator
from broker import Wire, fake_broker, mosquitto, subscriber
from forwarder_bench import MemoryBuffer, running
from messages import EUI
from senml_reader import read, resolved

pytestmark = pytest.mark.usefixtures("short_goodbyes")

FORMATS = list(product(("json", "senml+json", "senml+cbor"), ("none", "deflate")))
TOPICS = {
    "readings": ("application/json", ""),
    "readings/json/deflate": ("application/json", "deflate"),
    "readings/senml-json": ("application/senml+json", ""),
    "readings/senml-json/deflate": ("application/senml+json", "deflate"),
    "readings/senml-cbor": ("application/senml+cbor", ""),
    "readings/senml-cbor/deflate": ("application/senml+cbor", "deflate"),
}


def f_cnts(message: bytes, content_type: str, encoding: str) -> list[int]:
    if content_type == "application/json":
        plain = zlib.decompress(message) if encoding else message
        return [reading["f_cnt"] for reading in json.loads(plain)["readings"]]
    records = resolved(read(message, content_type, encoding), 0)
    return [int(r["vs"].split("/")[1]) for r in records if r["n"].endswith("_uplink")]


def by_properties(message: Message) -> tuple[str, str]:
    assert message.topic.value == f"kogge/{EUI}/readings"
    user = dict(getattr(message.properties, "UserProperty", []))
    content_type = getattr(message.properties, "ContentType", "application/json")
    return content_type, user.get("content-encoding", "")


def by_topic(message: Message) -> tuple[str, str]:
    assert not hasattr(message.properties, "ContentType")
    return TOPICS[message.topic.value.removeprefix(f"kogge/{EUI}/")]


async def payload(messages: MessagesIterator) -> tuple[Message, bytes]:
    message = await anext(aiter(messages))
    assert isinstance(message.payload, bytes)
    return message, message.payload


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_subscriber_knows_each_format_and_reads_it(tmp_path: Path, protocol: str) -> None:
    says = by_properties if protocol == "5" else by_topic
    told = set()
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, f"kogge/{EUI}/readings/#") as messages,
    ):
        for name, compression in FORMATS:
            how: dict[str, Any] = {"format": name, "compression": compression, "protocol": protocol}
            buffer = MemoryBuffer(3)
            async with running(broker.port, buffer, **how):
                message, found = await payload(messages)
                await buffer.until(lambda b=buffer: len(b.done) == 3)  # type: ignore[misc]
            assert f_cnts(found, *says(message)) == [0, 1, 2]
            told.add(says(message))
    assert told == set(TOPICS.values())


async def test_plain_json_says_nothing_but_its_json(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, f"kogge/{EUI}/readings") as messages,
        running(broker.port, MemoryBuffer(1)),
    ):
        message, found = await payload(messages)
    assert found.startswith(b'{"v":1,"gateway":')
    assert not {"ContentType", "UserProperty"} & set(vars(message.properties or object))


async def test_status_and_events_stay_plain_json(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, f"kogge/{EUI}/status") as messages,
        running(broker.port, MemoryBuffer(), format="senml+cbor", compression="deflate"),
    ):
        message, found = await payload(messages)
    assert json.loads(found)["state"] == "online"
    assert not hasattr(message.properties, "ContentType")


@pytest.mark.parametrize("name", ["json", "senml+cbor"])
async def test_batches_are_split_by_their_compressed_size(name: str) -> None:
    """What does not fit plain, and fits deflated, is not split; what fits neither way is."""
    packets = []

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send("20 08 00 00 05 27 00 00 03 20")  # CONNACK, Maximum Packet Size 800
        while True:
            message = await wire.message()
            packets.append((message.topic, 1 + 2 + len(message.body)))
            wire.puback(message.mid)

    buffer = MemoryBuffer(400)
    settings: dict[str, Any] = {"format": name, "compression": "deflate", "batch_readings": 400}
    async with fake_broker(serve) as port, running(port, buffer, **settings) as gateway:
        await buffer.until(lambda: len(buffer.done) == 400)
        assert gateway.words.of("refused") == []
    sizes = [size for topic, size in packets if topic.endswith("readings")]
    assert max(sizes) <= 800
    assert 1 < len(sizes) < 400 * 60 / 800  # plain, a reading is more than 60 bytes
