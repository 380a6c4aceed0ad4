"""Messages on one connection: sent until they are acknowledged, received until they are done with.

The rules of this file:

- `publish` returns after a PUBACK without a failure code, and only then. A PUBACK ≥ 0x80 raises
  `Refused`; a connection that is gone raises `Lost` at once, not after a time-out.
- Never more than `window` messages are without a PUBACK: the smaller of ours and the server's
  Receive Maximum (MQTT 5 §3.3.4). paho's own queue is switched off: the store is the only buffer.
- A message above the server's Maximum Packet Size (MQTT 5 §3.2.2.3.6) is not sent, the server would
  end the connection: it is `Refused` with 0x95 instead. MQTT 3.1.1 has no such property.
- The session at the broker is a lasting one, for what the broker sends us alone: it keeps commands
  while the line is cut. What we publish is in nobody's session: a new paho client has none of it, a
  server keeps nothing of QoS 1 that it has taken.
- A message is acknowledged by `done_with`, not when it comes: until then the broker sends it again
  on the next connection.

How a connection begins and ends: gateway.northbound.connection. This file relies on these insides
of aiomqtt 2.5: `_client`, `_connected`, `_disconnected`, `_loop`, the callbacks `_on_connect` and
`_on_publish`.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple

import paho.mqtt.client as paho
from aiomqtt import MqttError, ProtocolVersion, Will
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.northbound.connection import Connection, Lost
from gateway.northbound.formats import Content
from gateway.northbound.properties import lasting_session, publish_properties, publish_size
from gateway.northbound.reasons import TOO_LARGE

KEEP_ALIVE: Final = 30  # seconds; a silent line is found dead within two of these
CONNACK_SECONDS: Final = 10.0
PUBACK_SILENCE: Final = 60.0  # seconds without any PUBACK while one is due: the broker is stuck
RECEIVE_MAXIMUM: Final = 65_535  # where the server names none (MQTT 5 §3.2.2.3.3)
MAXIMUM_PACKET_SIZE: Final = 268_435_460  # the most that its length can say (MQTT 5 §2.1.4)
INCOMING_MESSAGES: Final = 1000  # in memory; QoS 0 and MQTT 3.1.1 know no other bound

_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # ms without a TCP acknowledgement: a half-open line ends however slow it is
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


class Refused(MqttError):
    """The server does not have the message: it answered with a failure, or takes none so large."""

    def __init__(self, reason_code: int, name: str) -> None:
        super().__init__(f"{name} (0x{reason_code:02x})")
        self.reason_code, self.name = reason_code, name


class Received(NamedTuple):
    """A message of the broker's; `response_topic` and `correlation_data` are MQTT 5's."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str
    correlation_data: bytes
    mid: int
    qos: int


class Client(Connection):
    """`async with Client(...)`: connected inside, closed afterwards; MqttError if it cannot be."""

    def __init__(
        self,
        hostname: str,
        port: int,
        *,
        identifier: str,
        protocol: ProtocolVersion,
        will: Will | None,
        in_flight: int,
        username: str | None = None,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
        puback_silence: float = PUBACK_SILENCE,
        lasting: bool = True,
    ) -> None:
        is_5 = protocol is ProtocolVersion.V5
        super().__init__(
            hostname,
            port,
            identifier=identifier,
            protocol=protocol,
            clean_session=None if is_5 else not lasting,
            clean_start=not lasting if is_5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=lasting_session() if is_5 and lasting else None,
            max_queued_incoming_messages=INCOMING_MESSAGES,
            will=will,
            username=username,
            password=password,
            tls_context=tls_context,
            keepalive=KEEP_ALIVE,
            timeout=CONNACK_SECONDS,
            max_inflight_messages=0,  # 0 = paho queues nothing: the window is ours
            socket_options=_SOCKET_OPTIONS,
        )
        self._client.manual_ack_set(True)
        self._is_5 = is_5
        self.window = in_flight
        self.server_reference = ""  # of a CONNACK that refuses (MQTT 5 §3.2.2.3.16)
        self._largest = MAXIMUM_PACKET_SIZE
        self._slots = asyncio.Semaphore(in_flight)
        self._pubacks: dict[int, asyncio.Future[ReasonCode]] = {}
        self._puback_silence = puback_silence
        self._last_puback = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._disconnected.add_done_callback(self._ended)

    async def publish(  # type: ignore[override]  # one QoS, and nothing of paho's looks through
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        correlation_data: bytes = b"",
        content: Content = Content(),  # noqa: B008 # immutable
    ) -> None:
        """Publish with QoS 1; returns after the PUBACK. Raises `Refused` or `Lost`.

        `correlation_data` and `content` are for MQTT 5 alone.
        """
        properties = publish_properties(content, correlation_data)
        size = publish_size(topic, payload, properties)
        if size > self._largest:
            raise Refused(TOO_LARGE, f"{size} bytes, and the broker takes {self._largest}")
        async with self._slots:
            sent = self._client.publish(topic, payload, 1, retain, properties)
            if sent.rc != paho.MQTT_ERR_SUCCESS or self._disconnected.done():
                raise self._why_lost()
            try:
                reason = await self._puback_of(sent.mid)
            finally:
                del self._pubacks[sent.mid]
        if reason.is_failure:
            raise Refused(reason.value, reason.getName())

    async def listen(self, topic: str) -> None:
        """Subscribe with QoS 1. Raises `Refused`, or MqttError when the connection is gone.

        A retained message comes with the first subscription of a session only (MQTT 5).
        """
        options = SubscribeOptions(qos=1, retainHandling=1)
        how: dict[str, Any] = {"options": options} if self._is_5 else {"qos": 1}
        (code,) = await self.subscribe(topic, timeout=self._puback_silence, **how)
        if isinstance(code, ReasonCode) and code.is_failure:
            raise Refused(code.value, code.getName())

    async def received(self) -> AsyncIterator[Received]:
        """What the broker sends, as it comes; ends with an MqttError."""
        async for message in self.messages:
            assert isinstance(message.payload, bytes)
            yield Received(
                str(message.topic),
                message.payload,
                bool(message.retain),
                getattr(message.properties, "ResponseTopic", ""),
                getattr(message.properties, "CorrelationData", b""),
                message.mid,
                message.qos,
            )

    def done_with(self, message: Received) -> None:
        """It is safe with us. On a connection that is gone this is nothing: it comes again."""
        self._client.ack(message.mid, message.qos)

    def _puback_of(self, mid: int) -> asyncio.Future[ReasonCode]:
        """Ends with the PUBACK, with the connection, or with a long silence."""
        puback = self._pubacks[mid] = self._loop.create_future()
        if len(self._pubacks) == 1:
            self._last_puback = self._loop.time()  # none was due before
        if self._watch is None:
            self._listen_on()
        return puback

    def _listen_on(self) -> None:
        """Silence is measured over all that are due: a line may be slow."""
        self._watch = None
        patience = self._last_puback + self._puback_silence - self._loop.time()
        if self._pubacks and patience <= 0:
            self._give_up_pubacks(self._silent)
        elif self._pubacks:
            self._watch = self._loop.call_later(patience, self._listen_on)

    def _silent(self) -> Lost:
        return Lost(
            f"the broker has acknowledged nothing for {self._puback_silence:.0f} s: it "
            "takes connections and does not work; see its log, and its disk",
            kind="unacknowledged",
        )

    def _ended(self, _: object) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._give_up_pubacks(self._why_lost)

    def _give_up_pubacks(self, why: Callable[[], Lost]) -> None:
        for puback in self._pubacks.values():
            if not puback.done():
                puback.set_exception(why())

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            self.window = min(self.window, getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM))
            self._slots = asyncio.Semaphore(self.window)
            self._largest = getattr(properties, "MaximumPacketSize", MAXIMUM_PACKET_SIZE)
            self.server_reference = getattr(properties, "ServerReference", "")
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self,
        client: paho.Client,
        userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        self._last_puback = self._loop.time()
        puback = self._pubacks.get(mid)
        if puback is not None and not puback.done():
            puback.set_result(reason_code)
