"""aiomqtt's Client as a connection: it begins once, ends once, and leaves nothing open.

The rules of this file:

- It connects once. Whatever ends it, its socket is closed when `async with` is left; after a
  handshake that failed at once.
- Whoever waits hears of the end at once, not after a time-out: `NoConnack` before the connection
  stands, `Lost` afterwards.
- A cancellation is never lost, and nothing is told of an answer for which nobody waits any more.

It relies on these insides of aiomqtt 2.5 and paho-mqtt 2.2: `_client`, `_connected`,
`_disconnected`, `_loop`, `_hostname`, `_client_connect`, the callbacks `_on_disconnect`,
`_on_subscribe`, `_on_socket_register_write`, `_wait_for`, `_pending_subscribes` of aiomqtt;
`_sock_close` of paho.
"""

import asyncio
import socket
from collections.abc import Awaitable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt import MqttError
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.background import begun
from gateway.northbound import reasons

T = TypeVar("T")

GOODBYE_SECONDS: Final = 2.0
_PROTOCOL_ERROR: Final = 0x82
# what paho says of an end that the server did not announce: by its code, our kind and words
_ENDS: Final = {
    0x8D: (
        "half_open",
        "nothing comes back from the broker any more, not even the answer to a ping: the line "
        "between here and there is dead",
    ),
    _PROTOCOL_ERROR: ("garbage", "the broker sent what is not MQTT: the connection was closed"),
}


class Lost(MqttError):
    """The connection is gone; `reason_code` where the server's DISCONNECT gave one, else 0.

    `kind` is a word for counting: broke, half_open, garbage, disconnected, unacknowledged.
    """

    def __init__(self, text: str, reason_code: int = 0, kind: str = "broke") -> None:
        super().__init__(text)
        self.reason_code, self.kind = reason_code, kind


class NoConnack(MqttError):
    """Instead of a CONNACK the server closed the connection (`kind` "closed"), sent what is none
    ("garbage"), or was `silent` ("silent").
    """

    def __init__(self, text: str, kind: str = "closed") -> None:
        super().__init__(text)
        self.kind = kind

    @property
    def silent(self) -> bool:
        return self.kind == "silent"


class Connection(aiomqtt.Client):
    """`async with Connection(...)`: connected inside, closed afterwards; MqttError if not."""

    _connect_returned = False
    _abandoned = False
    _said_goodbye = False  # the server, with a DISCONNECT
    _unreachable: OSError | None = None

    async def __aenter__(self) -> Self:
        connected, disconnected = self._connected, self._disconnected
        try:
            await asyncio.wrap_future(begun(self._reach))
            await super().__aenter__()
        except BaseException as error:  # aiomqtt leaves the socket open, and its tasks
            self._hang_up()
            if isinstance(error, MqttError) and connected.cancelled():  # by aiomqtt's time-out
                raise NoConnack("gave no answer", "silent") from error
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

    async def lost(self) -> None:
        """Wait until the connection is gone, then raise `Lost`."""
        await asyncio.wait((self._disconnected,))
        raise self._why_lost()

    def _why_lost(self) -> Lost:
        error = self._disconnected.exception() if self._disconnected.done() else None
        reason = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
        code, name = 0, "Normal disconnection"
        if isinstance(reason, ReasonCode):
            code, name = reason.value, reason.getName()
        if self._said_goodbye:
            told = reasons.named(name, code, reasons.DISCONNECT)
            return Lost(f"the broker ended the connection: {told}", code, "disconnected")
        kind, text = _ENDS.get(code, ("broke", "the connection to the broker broke"))
        return Lost(text, kind=kind)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self._said_goodbye = flags.is_disconnect_packet_from_server
        if not self._connected.done() and not self._abandoned:
            # aiomqtt would wait for its time-out
            self._connected.set_exception(_no_connack(reason_code))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        # asyncio.wait_for of Python 3.11 loses a cancellation that meets the result
        if fut is self._disconnected:  # others wait for it too: it is not cancelled with this one
            fut = asyncio.shield(fut)
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

    def _on_socket_register_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        # also called from the thread that connects
        self._loop.call_soon_threadsafe(self._watch_writable, sock)

    def _watch_writable(self, sock: socket.socket) -> None:
        # aiomqtt does not look whether the socket was closed meanwhile, its number given to another
        if self._client.socket() is sock:
            self._loop.add_writer(sock.fileno(), self._client.loop_write)

    def _reach(self) -> None:
        """In a thread: DNS, TCP and TLS block. It cannot be cancelled, only told to give up, and a
        resolver that hangs for half a minute does not keep the daemon from ending.
        """
        try:
            super()._client_connect()
        except UnicodeError:
            self._unreachable = OSError(f"{self._hostname!r} is not a host name")
        except OSError as error:
            self._unreachable = error
        finally:
            self._loop.call_soon_threadsafe(self._returned_from_connect)

    def _client_connect(self) -> None:
        """aiomqtt's place for it; what it makes of an OSError is an MqttError."""
        if self._unreachable:
            raise self._unreachable

    def _returned_from_connect(self) -> None:
        self._connect_returned = True
        if self._abandoned:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the socket without a word; if a thread is still connecting, when it is done."""
        self._abandoned = True
        if self._connect_returned:
            self._client._sock_close()  # noqa: SLF001 # paho has no public verb for it
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        self._disconnected.exception()  # seen: nobody else may have waited for it


def _no_connack(reason: ReasonCode) -> NoConnack:
    if reason.value == _PROTOCOL_ERROR:
        return NoConnack("answered what is not MQTT", "garbage")
    return NoConnack("closed the connection without an answer")
