"""The recorder on hand-made MQTT streams, cut anywhere, and on streams that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.recorder import Connection, Publish, Recorder

CONNECT_311 = bytes.fromhex("101000044d51545404020014000467617465")
CONNECT_5 = bytes.fromhex("101100044d5154540502001400000467617465")


def packet(first: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = rest >> 7, rest & 0x7F
        length.append(digit | 0x80 if rest else digit)
        if not rest:
            return bytes([first]) + bytes(length) + body


def publish(topic: str, payload: bytes, packet_id: int, flags: int = 2, more: bytes = b"") -> bytes:
    name = topic.encode()
    number = packet_id.to_bytes(2, "big") if flags & 6 else b""
    return packet(0x30 | flags, len(name).to_bytes(2, "big") + name + number + more + payload)


def puback(packet_id: int, more: bytes = b"") -> bytes:
    return packet(0x40, packet_id.to_bytes(2, "big") + more)


def recorded(client: bytes, broker: bytes, step: int = 1 << 20) -> Recorder:
    recorder = Recorder()
    connection = recorder.connection()
    for i in range(0, len(client), step):
        connection.from_client(client[i : i + step])
    for i in range(0, len(broker), step):
        connection.from_broker(broker[i : i + step])
    return recorder


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
def test_publish_and_its_puback_are_seen_however_they_are_split(step: int) -> None:
    long = bytes(300)
    client = CONNECT_311 + publish("k/readings", b"one", 1) + publish("k/readings", long, 2)
    recorder = recorded(client, bytes.fromhex("20020000") + puback(2), step)
    assert recorder.publishes == [
        Publish("k/readings", b"one", 1, 1, False, False, None),
        Publish("k/readings", long, 1, 2, False, False, 0),
    ]
    assert [p.payload for p in recorder.acknowledged("/readings")] == [long]
    assert list(recorder.acknowledged("/events")) == []


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_mqtt_5_properties_and_reason_codes_are_read(step: int) -> None:
    properties = b"\x05\x01\x01\x23\x00\x01"
    client = CONNECT_5
    for packet_id in (1, 2, 3):
        client += publish("k/readings", bytes([packet_id]), packet_id, more=properties)
    broker = puback(1) + puback(2, b"\x10") + puback(3, b"\x87\x00")
    recorder = recorded(client, broker, step)
    assert [(p.payload, p.reason) for p in recorder.publishes] == [
        (b"\x01", 0),
        (b"\x02", 0x10),
        (b"\x03", 0x87),
    ]
    assert [p.payload for p in recorder.acknowledged("readings")] == [b"\x01", b"\x02"]


def test_packet_id_used_again_belongs_to_the_later_publish() -> None:
    recorder = Recorder()
    connection = recorder.connection()
    connection.from_client(CONNECT_311 + publish("k", b"a", 1))
    connection.from_broker(puback(1))
    connection.from_client(publish("k", b"b", 1, flags=0b1010))
    assert [(p.payload, p.dup, p.reason) for p in recorder.publishes] == [
        (b"a", False, 0),
        (b"b", True, None),
    ]


def test_puback_on_another_connection_acknowledges_nothing() -> None:
    recorder = Recorder()
    recorder.connection().from_client(CONNECT_311 + publish("k", b"a", 1))
    recorder.connection().from_broker(puback(1))
    assert recorder.publishes[0].reason is None


def test_qos_0_has_no_packet_id_and_retain_is_seen() -> None:
    recorder = recorded(CONNECT_311 + publish("k/status", b"x", 0, flags=1), puback(0))
    assert recorder.publishes == [Publish("k/status", b"x", 0, None, False, True, None)]


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\n\r\n" + bytes(80),
        b"\x30\xff\xff\xff\xff\xff",
        packet(0x32, b"\x00\x09abc"),
        packet(0x32, b"\x00\x01\xff\x00\x01"),
        packet(0x36, b"\x00\x01k\x00\x01"),
    ],
)
def test_what_is_not_mqtt_is_counted_and_read_no_further(stream: bytes) -> None:
    recorder = recorded(stream + publish("k", b"a", 1), b"")
    assert all(p.payload != b"a" for p in recorder.publishes)
    if not stream.startswith(b"GET"):
        assert recorder.damaged == 1


@given(st.lists(st.binary(max_size=40), max_size=8), st.booleans())
def test_strangers_bytes_never_raise(chunks: list[bytes], after_connect: bool) -> None:
    connection = Connection(Recorder())
    if after_connect:
        connection.from_client(CONNECT_5)
    for chunk in chunks:
        connection.from_client(chunk)
        connection.from_broker(chunk)
