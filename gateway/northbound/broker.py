"""One broker of [mqtt]: where it is, who we are, which protocol it speaks.

`protocol = "auto"` tries MQTT 5 and then, at once, 3.1.1: where the server says that it does not
know version 5 (CONNACK 0x84, or 0x01 of an old one), closes without a CONNACK twice (once is a
balancer whose broker is just starting), or says nothing (amqtt 0.12). Only what the server has said
is remembered for the life of the process: 3.1.1 has no reason codes in PUBACKs, so readings that an
access list forbids would be lost. After a close or a silence the next connect begins with MQTT 5
again; a server that is always silent thus costs `CONNACK_SECONDS` at each. Once MQTT 5 has worked
a close or a silence says nothing about it: it is an outage.

The password is read at each connect; without `password_file` it is the systemd credential
`mqtt-password`, if there is one.
"""

import asyncio
import os
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
from gateway.northbound import reasons
from gateway.northbound.client import Client
from gateway.northbound.connection import NoConnack
from gateway.northbound.tls import Certificates, plain

_VERSIONS: Final = {"5": ProtocolVersion.V5, "3.1.1": ProtocolVersion.V311}
_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_UNSUPPORTED_VERSION: Final = 0x84
_WHO_ARE_YOU: Final = (0x86, 0x87)  # bad user name or password, not authorised; 4 and 5 in 3.1.1
CREDENTIAL: Final = "mqtt-password"  # systemd's LoadCredential=
_LISTENS_SECONDS: Final = 5.0


class Unreachable(MqttError):
    """There is no connection, in words for a technician.

    `soon`: asking again soon may help. `elsewhere`: this is not the server any more. `kind` is a
    word for counting: unreachable, tls, closed, silent, garbage, refused, files.
    """

    def __init__(
        self, text: str, kind: str = "unreachable", soon: bool = True, elsewhere: bool = False
    ) -> None:
        super().__init__(text)
        self.kind, self.soon, self.elsewhere = kind, soon, elsewhere


class Broker:
    """`protocol` is the one that the last connection spoke, "" before the first. Not `lasting`: the
    broker keeps no session.
    """

    def __init__(
        self, mqtt: Mqtt, url: str, client_id: str, certificates: Certificates, lasting: bool = True
    ) -> None:
        parts = urlsplit(url)
        self.url = url
        self._mqtt, self._client_id, self._certificates = mqtt, client_id, certificates
        self._lasting = lasting
        self._host = parts.hostname or ""
        self._port = parts.port or _DEFAULT_PORTS[parts.scheme]
        self._tls = parts.scheme == "mqtts"
        self._password_file: Path | None = None
        self.protocol = ""
        self._said_older = False  # by a CONNACK

    async def listens(self) -> bool:
        """Whether somebody is there at all; nothing is said to them."""
        try:
            async with asyncio.timeout(_LISTENS_SECONDS):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError, UnicodeError):
            return False
        writer.transport.abort()
        return True

    @asynccontextmanager
    async def connected(self, will: Will | None, beat: Callable[[], None]) -> AsyncIterator[Client]:
        """A connection for as long as the `async with` lasts; raises `Unreachable`.

        `beat` before each attempt: a resolver, several addresses and a silent server take a while.
        """
        async with AsyncExitStack() as stack:
            yield await self._connect(will, beat, stack)

    async def _connect(
        self, will: Will | None, beat: Callable[[], None], stack: AsyncExitStack
    ) -> Client:
        tried: list[str] = []
        protocol = self._first()
        while True:
            beat()
            client = await self._client(protocol, will)
            tried.append(protocol)
            try:
                await stack.enter_async_context(client)
            except MqttError as error:
                protocol = self._next(tried, error, client.server_reference)
            else:
                self.protocol = protocol
                return client

    def _first(self) -> str:
        if self._mqtt.protocol != "auto":
            return self._mqtt.protocol
        return "3.1.1" if self._said_older else "5"

    def _next(self, tried: list[str], error: MqttError, reference: str) -> str:
        """What to speak after `error` ended the last of `tried`; raises `Unreachable`: nothing."""
        auto = self._mqtt.protocol == "auto"
        if why := self._certificates.refusal(error.__context__):
            raise Unreachable(
                f"{self.url} refuses this gateway's certificate: {why}", "tls"
            ) from error
        if tried[-1] == "5" and _says_older(error):
            if not auto:
                raise Unreachable(
                    f"{self.url} does not speak MQTT 5: set mqtt.protocol to 3.1.1 or auto",
                    "refused",
                    soon=False,
                ) from error
            self._said_older = True
            return "3.1.1"
        if tried[-1] == "5" and auto and isinstance(error, NoConnack) and self.protocol != "5":
            return "3.1.1" if error.silent or len(tried) == 2 else "5"
        raise self._explained(error, reference) from error

    async def _client(self, protocol: str, will: Will | None) -> Client:
        password, tls_context = await asyncio.to_thread(self._secrets)
        return Client(
            self._host,
            self._port,
            identifier=self._client_id,
            protocol=_VERSIONS[protocol],
            will=will,
            lasting=self._lasting,
            in_flight=self._mqtt.in_flight,
            username=self._mqtt.username or None,
            password=password,
            tls_context=tls_context,
        )

    def _secrets(self) -> tuple[str | None, ssl.SSLContext | None]:
        """Password and certificates, read anew: they may have been changed since."""
        return self._password(), self._tls_context() if self._tls else None

    def _password(self) -> str | None:
        file = self._password_file = password_file(self._mqtt)
        if file is None:
            return None
        try:
            return (file.read_text(encoding="utf-8").splitlines() or [""])[0]
        except (OSError, UnicodeError) as error:
            raise Unreachable(
                f"the password's file {file} cannot be read ({plain(error)}): "
                "put the broker's password in its first line, readable for the service",
                "files",
            ) from error

    def _tls_context(self) -> ssl.SSLContext:
        mqtt = self._mqtt
        try:
            return self._certificates.context()
        except OSError as error:
            names = ", ".join(filter(None, (mqtt.ca_file, mqtt.cert_file, mqtt.key_file)))
            raise Unreachable(
                f"the certificates for the broker cannot be used ({plain(error)}): check {names}",
                "files",
            ) from error

    def _explained(self, error: MqttError, reference: str) -> Unreachable:
        if isinstance(error, MqttConnectError):
            return self._refused(error, reference)
        if isinstance(error, NoConnack):
            hint = "is it an MQTT port" + ("?" if self._tls else ", and does it want mqtts://?")
            # silent: it may have more to do than it can
            return Unreachable(f"{self.url} {error}: {hint}", error.kind, soon=not error.silent)
        cause = error.__context__  # aiomqtt tells its text only
        kind = "tls" if isinstance(cause, ssl.SSLError) else "unreachable"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreachable(
                f"{self.url} shows a certificate that is not accepted ({error}): check"
                " mqtt.ca_file, the name in mqtt.url and this gateway's clock",
                kind,
            )
        return Unreachable(f"{self.url} cannot be reached: {error}", kind)

    def _refused(self, error: MqttConnectError, reference: str) -> Unreachable:
        code, mqtt = _code(error), self._mqtt
        if code in _WHO_ARE_YOU:
            user = f"user {mqtt.username!r}" if mqtt.username else "a client without a name"
            file = self._password_file
            where = f"in {file}" if file else "(none is set)"
            told = (
                f"{user} ({error.rc}): check mqtt.username and the password {where}, then the "
                "broker's access list"
            )
        else:
            told = f"the connection: {reasons.named(str(error.rc), code, reasons.CONNACK)}"
        if reference:
            told += f" (it names {reference!r})"
        elsewhere = code in reasons.ELSEWHERE
        return Unreachable(f"{self.url} refuses {told}", "refused", False, elsewhere)


def password_file(mqtt: Mqtt) -> Path | None:
    """Where the password stands: mqtt.password_file, else systemd's credential."""
    if mqtt.password_file:
        return Path(mqtt.password_file)
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(directory) / CREDENTIAL if directory else None
    return credential if credential and credential.exists() else None


def _says_older(error: MqttError) -> bool:
    return isinstance(error, MqttConnectError) and _code(error) == _UNSUPPORTED_VERSION


def _code(error: MqttConnectError) -> int:
    return error.rc.value if isinstance(error.rc, ReasonCode) else -1
