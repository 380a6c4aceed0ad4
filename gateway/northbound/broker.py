"""The broker as [mqtt] describes it: where it is, who we are, which protocol it speaks.

`protocol = "auto"` tries MQTT 5 and then, at once, 3.1.1: where the server says that it does not
know version 5 (CONNACK 0x84, or 0x01 of an old one), closes without a CONNACK twice (once is a
balancer whose broker is just starting), or says nothing (amqtt 0.12). Only what the server has said
is remembered for the life of the process: 3.1.1 has no reason codes in PUBACKs, so readings that an
access list forbids would be lost. After a close or a silence the next connect begins with MQTT 5
again; a server that is always silent thus costs `CONNACK_SECONDS` at each. Once MQTT 5 has worked
a close or a silence says nothing about it: it is an outage.

Chain, dates and name of the broker's certificate are checked alike on every Python: that RFC 5280
is kept to the letter is not asked (Python 3.13 would), or a new operating system would lock out
every gateway of a city whose CA is older; an intermediate CA may be what is trusted.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiomqtt import MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import Mqtt
from gateway.northbound.client import Client
from gateway.northbound.connection import NoConnack

_VERSIONS: Final = {"5": ProtocolVersion.V5, "3.1.1": ProtocolVersion.V311}
_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_UNSUPPORTED_VERSION: Final = 0x84
_WHO_ARE_YOU: Final = (0x86, 0x87)  # bad user name or password, not authorised; 4 and 5 in 3.1.1


class Unreachable(MqttError):
    """There is no connection, in words for a technician.

    `answered`: the broker is there and does not want us, so asking again soon will not help.
    """

    def __init__(self, text: str, answered: bool = False) -> None:
        super().__init__(text)
        self.answered = answered


class Broker:
    """`protocol` is the one that the last connection spoke, "" before the first."""

    def __init__(self, mqtt: Mqtt, client_id: str) -> None:
        url = urlsplit(mqtt.url)
        self._mqtt, self._client_id = mqtt, client_id
        self._host = url.hostname or ""
        self._port = url.port or _DEFAULT_PORTS[url.scheme]
        self._tls = url.scheme == "mqtts"
        self.protocol = ""
        self._said_older = False  # by a CONNACK

    @asynccontextmanager
    async def connected(self, will: Will, beat: Callable[[], None]) -> AsyncIterator[Client]:
        """A connection for as long as the `async with` lasts; raises `Unreachable`.

        `beat` before each attempt: a resolver, several addresses and a silent server take a while.
        """
        async with AsyncExitStack() as stack:
            yield await self._connect(will, beat, stack)

    async def _connect(self, will: Will, beat: Callable[[], None], stack: AsyncExitStack) -> Client:
        tried: list[str] = []
        protocol = self._first()
        while True:
            beat()
            client = await self._client(protocol, will)
            tried.append(protocol)
            try:
                await stack.enter_async_context(client)
            except MqttError as error:
                protocol = self._next(tried, error)
            else:
                self.protocol = protocol
                return client

    def _first(self) -> str:
        if self._mqtt.protocol != "auto":
            return self._mqtt.protocol
        return "3.1.1" if self._said_older else "5"

    def _next(self, tried: list[str], error: MqttError) -> str:
        """What to speak after `error` ended the last of `tried`; raises `Unreachable`: nothing."""
        auto = self._mqtt.protocol == "auto"
        if tried[-1] == "5" and _says_older(error):
            if not auto:
                raise Unreachable(
                    f"{self._mqtt.url} does not speak MQTT 5: set mqtt.protocol to 3.1.1 or auto",
                    answered=True,
                ) from error
            self._said_older = True
            return "3.1.1"
        if tried[-1] == "5" and auto and isinstance(error, NoConnack) and self.protocol != "5":
            return "3.1.1" if error.silent or len(tried) == 2 else "5"
        raise self._explained(error) from error

    async def _client(self, protocol: str, will: Will) -> Client:
        password, tls_context = await asyncio.to_thread(self._secrets)
        return Client(
            self._host,
            self._port,
            identifier=self._client_id,
            protocol=_VERSIONS[protocol],
            will=will,
            in_flight=self._mqtt.in_flight,
            username=self._mqtt.username or None,
            password=password,
            tls_context=tls_context,
        )

    def _secrets(self) -> tuple[str | None, ssl.SSLContext | None]:
        """Password and certificates, read anew: they may have been changed since."""
        return self._password(), self._tls_context() if self._tls else None

    def _password(self) -> str | None:
        file = self._mqtt.password_file
        if not file:
            return None
        try:
            return (Path(file).read_text(encoding="utf-8").splitlines() or [""])[0]
        except (OSError, UnicodeError) as error:
            raise Unreachable(
                f"mqtt.password_file {file} cannot be read ({_plain(error)}): "
                "put the broker's password in its first line, readable for the service"
            ) from error

    def _tls_context(self) -> ssl.SSLContext:
        mqtt = self._mqtt
        try:
            context = ssl.create_default_context(cafile=mqtt.ca_file or None)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if mqtt.cert_file:
                context.load_cert_chain(mqtt.cert_file, mqtt.key_file)
        except OSError as error:
            names = ", ".join(filter(None, (mqtt.ca_file, mqtt.cert_file, mqtt.key_file)))
            raise Unreachable(
                f"the certificates for the broker cannot be used ({_plain(error)}): check {names}"
            ) from error
        return context

    def _explained(self, error: MqttError) -> Unreachable:
        url, mqtt = self._mqtt.url, self._mqtt
        if isinstance(error, MqttConnectError):
            if _code(error) in _WHO_ARE_YOU:
                user = f"user {mqtt.username!r}" if mqtt.username else "a client without a name"
                where = f"in {mqtt.password_file}" if mqtt.password_file else "(none is set)"
                return Unreachable(
                    f"{url} refuses {user} ({error.rc}): check mqtt.username and the password "
                    f"{where}, then the broker's access list",
                    answered=True,
                )
            return Unreachable(f"{url} refuses the connection: {error.rc}", answered=True)
        if isinstance(error, NoConnack):
            hint = "is it an MQTT port" + ("?" if self._tls else ", and does it want mqtts://?")
            return Unreachable(f"{url} {error}: {hint}")
        return Unreachable(f"{url} cannot be reached: {error}{_certificate_hint(error)}")


def _says_older(error: MqttError) -> bool:
    return isinstance(error, MqttConnectError) and _code(error) == _UNSUPPORTED_VERSION


def _code(error: MqttConnectError) -> int:
    return error.rc.value if isinstance(error.rc, ReasonCode) else -1


def _certificate_hint(error: MqttError) -> str:
    cause = error.__context__  # aiomqtt tells its text only
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return ""
    return "; check mqtt.ca_file, the name in mqtt.url and this gateway's clock"


def _plain(error: OSError | UnicodeError) -> str:
    return getattr(error, "strerror", None) or str(error)
