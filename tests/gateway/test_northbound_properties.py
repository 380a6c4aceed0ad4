"""gateway.northbound.properties against the bytes of MQTT 5, and against what paho sends."""

import pytest
from broker import Wire, fake_broker
from client_bench import CONNACK, client

from gateway.northbound.formats import Content
from gateway.northbound.properties import lasting_session, publish_properties, publish_size


def test_session_lasts_a_week_and_has_sixteen_messages_undone() -> None:
    packed = lasting_session().pack()  # type: ignore[no-untyped-call]
    assert packed == bytes.fromhex("08 11 00093a80 21 0010")


def test_message_that_says_nothing_of_itself_has_no_properties() -> None:
    assert publish_properties(Content()) is None


@pytest.mark.parametrize("content", [Content(), Content("application/json", "deflate")])
@pytest.mark.parametrize("payload", [0, 100, 121, 122, 127, 128, 16_377, 16_378, 20_000])
async def test_size_is_that_of_the_bytes_sent(content: Content, payload: int) -> None:
    sizes = []

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        _, body = await wire.packet()
        length = next(n for n in (1, 2, 3, 4) if len(body) < 128**n)  # §2.1.4
        sizes.append(1 + length + len(body))
        wire.puback(int.from_bytes(body[3:5]))
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port) as ours:
        await ours.publish("a", bytes(payload), content=content)
    assert sizes == [publish_size("a", bytes(payload), publish_properties(content))]
