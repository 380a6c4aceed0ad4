"""One connection to a broker: aiomqtt's Client, with what its release 2.5 leaves out.

The rules of this file:

- `publish` returns after a PUBACK without a failure code, and only then. A PUBACK ≥ 0x80 raises
  `Refused`; a connection that is gone raises `Lost` at once, not after a time-out.
- Never more than `window` messages are without a PUBACK: the smaller of ours and the server's
  Receive Maximum (MQTT 5 §3.3.4). paho's own queue is switched off: the store is the only buffer.
- A message above the server's Maximum Packet Size (MQTT 5 §3.2.2.3.6) is not sent, the server would
  end the connection: it is `Refused` with 0x95 instead. MQTT 3.1.1 has no such property.
- A Client connects once. Whatever ends it, its socket is closed when `async with` is left; after a
  handshake that failed at once.
- The session at the broker is a lasting one, for what the broker sends us alone: it keeps commands
  while the line is cut. What we publish is in nobody's session: a new paho client has none of it, a
  server keeps nothing of QoS 1 that it has taken.
- A message is acknowledged by `done_with`, not when it comes: until then the broker sends it again
  on the next connection.

It relies on these insides of aiomqtt 2.5 and paho-mqtt 2.2: `_client`, `_connected`,
`_disconnected`, `_loop`, `_hostname`, `_client_connect`, the callbacks `_on_connect`,
`_on_disconnect`, `_on_publish`, `_on_subscribe`, `_on_socket_register_write`, `_wait_for`,
`_pending_subscribes` of aiomqtt; `_sock_close` of paho.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt import MqttError, ProtocolVersion, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.northbound.formats import Content

T = TypeVar("T")

KEEP_ALIVE: Final = 30  # seconds; a silent line is found dead within two of these
CONNACK_SECONDS: Final = 10.0
PUBACK_SILENCE: Final = 60.0  # seconds without any PUBACK while one is due: the broker is stuck
GOODBYE_SECONDS: Final = 2.0
RECEIVE_MAXIMUM: Final = 65_535  # where the server names none (MQTT 5 §3.2.2.3.3)
MAXIMUM_PACKET_SIZE: Final = 268_435_460  # the most that its length can say (MQTT 5 §2.1.4)
TOO_LARGE: Final = 0x95
SESSION_SECONDS: Final = 7 * 86_400  # so long the broker keeps commands (MQTT 5 §3.1.2.11.2)
UNDONE_MESSAGES: Final = 16  # sent to us and not acknowledged (MQTT 5 §3.1.2.11.3)
INCOMING_MESSAGES: Final = 1000  # in memory; QoS 0 and MQTT 3.1.1 know no other bound

_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # ms without a TCP acknowledgement: a half-open line ends however slow it is
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


class Lost(MqttError):
    """The connection is gone; `reason_code` where the server's DISCONNECT gave one."""

    def __init__(self, text: str, reason_code: int = 0) -> None:
        super().__init__(text)
        self.reason_code = reason_code


class NoConnack(MqttError):
    """The server closed the connection, or was `silent`, instead of answering CONNECT."""

    def __init__(self, text: str, silent: bool = False) -> None:
        super().__init__(text)
        self.silent = silent


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


class _Handshake(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho 2.2 drops it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class Client(aiomqtt.Client):
    """`async with Client(...)`: connected inside, closed afterwards; MqttError if it cannot be."""

    def __init__(
        self,
        hostname: str,
        port: int,
        *,
        identifier: str,
        protocol: ProtocolVersion,
        will: Will,
        in_flight: int,
        username: str | None = None,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
        socket_options: Sequence[tuple[int, int, int]] = _SOCKET_OPTIONS,
        puback_silence: float = PUBACK_SILENCE,
    ) -> None:
        if tls_context is not None:
            tls_context.sslsocket_class = _Handshake
        is_5 = protocol is ProtocolVersion.V5
        super().__init__(
            hostname,
            port,
            identifier=identifier,
            protocol=protocol,
            clean_session=None if is_5 else False,
            clean_start=False if is_5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=_lasting_session() if is_5 else None,
            max_queued_incoming_messages=INCOMING_MESSAGES,
            will=will,
            username=username,
            password=password,
            tls_context=tls_context,
            keepalive=KEEP_ALIVE,
            timeout=CONNACK_SECONDS,
            max_inflight_messages=0,  # 0 = paho queues nothing: the window is ours
            socket_options=socket_options,
        )
        self._client.manual_ack_set(True)
        self._is_5 = is_5
        self.window = in_flight
        self._largest = MAXIMUM_PACKET_SIZE
        self._slots = asyncio.Semaphore(in_flight)
        self._pubacks: dict[int, asyncio.Future[ReasonCode]] = {}
        self._puback_silence = puback_silence
        self._last_puback = 0.0
        self._connect_returned = False
        self._abandoned = False

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        # asyncio.wait_for of Python 3.11 loses a cancellation that meets the result
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise MqttError("Operation timed out") from None

    def _on_subscribe(
        self,
        client: paho.Client,
        userdata: Any,
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,
    ) -> None:
        """Of an answer for which nobody waits any more aiomqtt would log a traceback."""
        if mid in self._pending_subscribes:
            super()._on_subscribe(client, userdata, mid, reason_codes, properties)

    async def lost(self) -> None:
        """Wait until the connection is gone, then raise `Lost`."""
        await asyncio.wait((self._disconnected,))
        raise self._why_lost()

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
        properties = _properties(content, correlation_data)
        size = _packet_size(topic, payload, properties)
        if size > self._largest:
            raise Refused(TOO_LARGE, f"{size} bytes, and the broker takes {self._largest}")
        async with self._slots:
            sent = self._client.publish(topic, payload, 1, retain, properties)
            if sent.rc != paho.MQTT_ERR_SUCCESS:
                raise self._why_lost()
            puback = self._loop.create_future()
            self._pubacks[sent.mid] = puback
            try:
                await self._acknowledged(puback)
            finally:
                del self._pubacks[sent.mid]
        reason: ReasonCode = puback.result()
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

    async def _acknowledged(self, puback: asyncio.Future[ReasonCode]) -> None:
        """Until `puback` is there. Silence is measured over all of them: a line may be slow."""
        began = self._loop.time()
        while not puback.done():
            if self._disconnected.done():
                raise self._why_lost()
            patience = max(began, self._last_puback) + self._puback_silence - self._loop.time()
            if patience <= 0:
                raise Lost(f"the broker has acknowledged nothing for {self._puback_silence:.0f} s")
            await asyncio.wait(
                (puback, self._disconnected),
                timeout=patience,
                return_when=asyncio.FIRST_COMPLETED,
            )

    def _why_lost(self) -> Lost:
        error = self._disconnected.exception() if self._disconnected.done() else None
        reason = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
        if isinstance(reason, ReasonCode) and reason.value != 0x80:  # 0x80: paho's "it broke"
            return Lost(f"the connection to the broker ended: {reason.getName()}", reason.value)
        return Lost("the connection to the broker broke")

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
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done() and not self._abandoned:
            # aiomqtt would wait for its time-out
            self._connected.set_exception(NoConnack("closed the connection without an answer"))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

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

    def _on_socket_register_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        # also called from the thread that connects
        self._loop.call_soon_threadsafe(self._watch_writable, sock)

    def _watch_writable(self, sock: socket.socket) -> None:
        # aiomqtt does not look whether the socket was closed meanwhile, its number given to another
        if self._client.socket() is sock:
            self._loop.add_writer(sock.fileno(), self._client.loop_write)

    def _client_connect(self) -> None:
        """In a thread: DNS, TCP and TLS block. It cannot be cancelled, only told to give up."""
        try:
            super()._client_connect()
        except UnicodeError as error:
            raise OSError(f"{self._hostname!r} is not a host name") from error
        finally:
            self._loop.call_soon_threadsafe(self._returned_from_connect)

    def _returned_from_connect(self) -> None:
        self._connect_returned = True
        if self._abandoned:
            self._hang_up()

    async def __aenter__(self) -> Self:
        connected, disconnected = self._connected, self._disconnected
        try:
            await super().__aenter__()
        except BaseException as error:  # aiomqtt leaves the socket open, and its tasks
            self._hang_up()
            if isinstance(error, MqttError) and connected.cancelled():  # by aiomqtt's time-out
                raise NoConnack("gave no answer", silent=True) from error
            raise
        self._disconnected = disconnected  # aiomqtt forgets an end that came with the CONNACK
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None or issubclass(exc_type, asyncio.CancelledError):
                with suppress(MqttError, TimeoutError):
                    async with asyncio.timeout(GOODBYE_SECONDS):
                        await super().__aexit__(exc_type, exc, tb)
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the socket without a word; if a thread is still connecting, when it is done."""
        self._abandoned = True
        if self._connect_returned:
            self._client._sock_close()  # noqa: SLF001 # paho has no public verb for it
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        self._disconnected.exception()  # seen: nobody else may have waited for it


def _lasting_session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_SECONDS
    properties.ReceiveMaximum = UNDONE_MESSAGES
    return properties


def _properties(content: Content, correlation_data: bytes = b"") -> Properties | None:
    """Of a PUBLISH in MQTT 5 (§3.3.2.3)."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if content.type:
        properties.ContentType = content.type
    if content.encoding:  # MQTT has no property of its own for it
        properties.UserProperty = ("content-encoding", content.encoding)
    if correlation_data:
        properties.CorrelationData = correlation_data
    return None if properties.isEmpty() else properties  # type: ignore[no-untyped-call]


def _packet_size(topic: str, payload: bytes, properties: Properties | None) -> int:
    """Bytes of a PUBLISH with QoS 1 in MQTT 5 (§3.3)."""
    packed = 1 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
    rest = 2 + len(topic.encode()) + 2 + packed + len(payload)
    return 1 + -(-rest.bit_length() // 7) + rest  # type, length of the rest, rest
