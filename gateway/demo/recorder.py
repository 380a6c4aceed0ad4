"""Reads MQTT as it passes by: each PUBLISH a client sent, and each PUBACK passed back to it.

Rules:

- Bytes come in as they were cut by the network; a packet counts once its last byte is there.
- MQTT 3.1.1 and 5 are told apart by the CONNECT's protocol level.
- A PUBACK belongs to the last PUBLISH of its connection with that packet identifier.
- A stream that is not MQTT is remembered as `damaged` and read no further; the bytes still pass.
- Topic aliases are not resolved: such a PUBLISH has an empty topic.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

CONNECT, PUBLISH, PUBACK = 1, 3, 4
FAILURE = 0x80  # reason codes from here on are refusals (MQTT 5 §2.4)


class DamagedError(Exception):
    """What passes by is not MQTT."""


@dataclass(slots=True)
class Publish:
    """One PUBLISH seen; `reason` is its PUBACK's reason code (0 in MQTT 3.1.1), None without."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int | None
    dup: bool
    retain: bool
    reason: int | None = None

    @property
    def acknowledged(self) -> bool:
        return self.reason is not None and self.reason < FAILURE


@dataclass(slots=True)
class Recorder:
    """Everything that was seen on any connection, in the order in which it passed."""

    publishes: list[Publish] = field(default_factory=list)
    damaged: int = 0

    def connection(self) -> "Connection":
        return Connection(self)

    def acknowledged(self, topic_end: str) -> Iterator[Publish]:
        """What a broker took: QoS 1 and a PUBACK without a failure code, on topics that end so."""
        return (p for p in self.publishes if p.acknowledged and p.topic.endswith(topic_end))


class Connection:
    """One client's connection: its two byte streams."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._level = 4
        self._waiting: dict[int, Publish] = {}
        self._buffers = {"client": bytearray(), "broker": bytearray()}
        self._readable = True

    def from_client(self, data: bytes) -> None:
        self._read("client", data, self._client_said)

    def from_broker(self, data: bytes) -> None:
        self._read("broker", data, self._broker_said)

    def _read(self, side: str, data: bytes, said: Callable[[int, int, bytes], None]) -> None:
        """Take the bytes, and each packet (type, flags, body) that is complete with them."""
        if not self._readable:
            return
        buffer = self._buffers[side]
        buffer += data
        try:
            while (extent := _extent(buffer)) is not None:
                start, stop = extent
                first, body = buffer[0], bytes(buffer[start:stop])
                del buffer[:stop]
                said(first >> 4, first & 15, body)
        except DamagedError:
            self._readable = False
            self._recorder.damaged += 1

    def _client_said(self, kind: int, flags: int, body: bytes) -> None:
        if kind == CONNECT:
            self._level = _protocol_level(body)
        elif kind == PUBLISH:
            self._published(_publish(flags, body, self._level))

    def _broker_said(self, kind: int, _: int, body: bytes) -> None:
        if kind == PUBACK and len(body) >= 2:
            published = self._waiting.pop(int.from_bytes(body[:2], "big"), None)
            if published is not None:
                published.reason = body[2] if len(body) > 2 else 0

    def _published(self, publish: Publish) -> None:
        self._recorder.publishes.append(publish)
        if publish.packet_id is not None:
            self._waiting[publish.packet_id] = publish


def _extent(buffer: bytearray) -> tuple[int, int] | None:
    """Where the first packet's body starts and stops, or None while it is incomplete."""
    try:
        length, start = _varint(buffer, 1)
    except IndexError:
        return None
    return (start, start + length) if len(buffer) >= start + length else None


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """MQTT's variable byte integer at `at`, and the place after it; IndexError when cut short."""
    value = 0
    for n in range(4):
        value |= (data[at + n] & 0x7F) << 7 * n
        if data[at + n] < 0x80:
            return value, at + n + 1
    raise DamagedError


def _protocol_level(body: bytes) -> int:
    """CONNECT: a protocol name of 2 + n bytes, then the level: 4 = 3.1.1, 5 = 5."""
    at = 2 + int.from_bytes(body[:2], "big")
    if body[2:at] != b"MQTT" or len(body) <= at:
        raise DamagedError
    return body[at]


def _publish(flags: int, body: bytes, level: int) -> Publish:
    qos = flags >> 1 & 3
    at = 2 + int.from_bytes(body[:2], "big")
    try:
        topic = body[2:at].decode()
        packet_id = None
        if qos:
            packet_id, at = int.from_bytes(body[at : at + 2], "big"), at + 2
        if level >= 5:
            properties, at = _varint(body, at)
            at += properties
    except (IndexError, UnicodeDecodeError):
        raise DamagedError from None
    if at > len(body) or qos == 3:
        raise DamagedError
    return Publish(topic, body[at:], qos, packet_id, bool(flags & 8), bool(flags & 1))
