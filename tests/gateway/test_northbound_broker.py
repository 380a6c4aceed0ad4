"""Protocol, password and certificates, against mosquitto, amqtt's protocol and scripted servers."""

import asyncio
import datetime
import ipaddress
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import ProtocolVersion, Will
from broker import Wire, fake_broker, free_port, mosquitto
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kogge import HOUSE
from patience import HUNG

from gateway.config import Mqtt
from gateway.northbound import broker as broker_module
from gateway.northbound import client
from gateway.northbound.broker import Broker, Unreachable
from gateway.northbound.tls import Certificates

WILL = Will("kogge/x/status", b"gone", qos=1, retain=True)


def broker_at(port: int, **settings: str) -> Broker:
    url = f"mqtt://127.0.0.1:{port}"
    mqtt = Mqtt(**({"url": url} | settings))  # type: ignore[arg-type]
    return Broker(mqtt, mqtt.url, "kogge-x", Certificates(mqtt, lambda: True, lambda: 0.0))


async def spoken(broker: Broker) -> str:
    """The protocol of a connection that can be made just now."""
    async with broker.connected(WILL, lambda: None):
        return broker.protocol


class Server:
    """Answers MQTT 5 with `answer`, 3.1.1 with `older` (hex; "" = close); `levels` it was asked."""

    def __init__(self, answer: str, older: str = "20 02 00 00") -> None:
        self.answer, self.older = answer, older
        self.levels: list[int] = []

    async def __call__(self, wire: Wire) -> None:
        self.levels.append(await wire.connect())
        answer = self.answer if self.levels[-1] == 5 else self.older
        if answer:
            wire.send(answer)
            await wire.reader.read()


@pytest.mark.parametrize("protocol", ["auto", "5", "3.1.1"])
async def test_mosquitto_speaks_what_is_configured(tmp_path: Path, protocol: str) -> None:
    async with mosquitto(tmp_path) as server:
        expected = "5" if protocol == "auto" else protocol
        assert await spoken(broker_at(server.port, protocol=protocol)) == expected


@pytest.mark.parametrize("answer", ["20 03 00 84 00", "20 02 00 01"])
async def test_old_server_is_spoken_to_in_its_protocol(answer: str) -> None:
    server = Server(answer)
    async with fake_broker(server) as port, asyncio.timeout(HUNG):
        broker = broker_at(port, protocol="auto")
        assert await spoken(broker) == "3.1.1"
        assert await spoken(broker) == "3.1.1"
    assert server.levels == [5, 4, 4]  # remembered


@pytest.mark.parametrize("answer", ["", "20 02 00 84"])  # closed, and malformed as MQTT 5
async def test_server_that_closes_is_asked_for_mqtt_5_twice_at_each_connect(answer: str) -> None:
    server = Server(answer)
    async with fake_broker(server) as port, asyncio.timeout(HUNG):
        broker = broker_at(port, protocol="auto")
        assert await spoken(broker) == "3.1.1"
        assert await spoken(broker) == "3.1.1"
        server.answer = "20 03 00 00 00"
        assert await spoken(broker) == "5"
    assert server.levels == [5, 5, 4, 5, 5, 4, 5]


async def test_one_close_does_not_lead_to_the_older_protocol() -> None:
    """A balancer closes while its broker starts."""
    server = Server("")

    async def serve(wire: Wire) -> None:
        await server(wire)
        server.answer = "20 03 00 00 00"

    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
        assert await spoken(broker_at(port, protocol="auto")) == "5"
    assert server.levels == [5, 5]


async def test_silence_is_answered_with_the_older_protocol_and_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """amqtt 0.12 reads an MQTT 5 CONNECT with a will wrongly, and waits for more of it."""

    def patient_with_the_older(*host: Any, protocol: ProtocolVersion, **more: Any) -> client.Client:
        seconds = 0.2 if protocol is ProtocolVersion.V5 else HUNG
        monkeypatch.setattr(client, "CONNACK_SECONDS", seconds)
        return client.Client(*host, protocol=protocol, **more)

    monkeypatch.setattr(broker_module, "Client", patient_with_the_older)
    levels = []

    async def serve(wire: Wire) -> None:
        levels.append(await wire.connect())
        if levels[-1] == 4:
            wire.send("20 02 00 00")
        await wire.reader.read()

    async with fake_broker(serve) as port:
        broker = broker_at(port, protocol="auto")
        assert await spoken(broker) == "3.1.1"
        assert await spoken(broker) == "3.1.1"
    assert levels == [5, 4, 5, 4]


async def test_silent_server_is_not_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have more gateways at its door than it can serve."""
    monkeypatch.setattr(client, "CONNACK_SECONDS", 0.1)

    async def serve(wire: Wire) -> None:
        await wire.reader.read()

    async with fake_broker(serve) as port:
        with pytest.raises(Unreachable) as silent:
            await spoken(broker_at(port, protocol="5"))
    assert (silent.value.kind, silent.value.soon) == ("silent", False)


async def test_close_is_an_outage_once_mqtt_5_has_worked() -> None:
    """Falling back would lose the reason codes of PUBACKs for as long as the process lives."""
    server = Server("20 03 00 00 00")
    async with fake_broker(server) as port:
        broker = broker_at(port, protocol="auto")
        assert await spoken(broker) == "5"
        server.answer = ""
        with pytest.raises(Unreachable, match="without an answer"):
            await spoken(broker)
        server.answer = "20 03 00 00 00"
        assert await spoken(broker) == "5"
    assert server.levels == [5, 5, 5]


async def test_nothing_is_remembered_of_a_server_that_only_closes() -> None:
    server = Server("", "")
    async with fake_broker(server) as port:
        broker = broker_at(port, protocol="auto")
        for _ in range(2):
            with pytest.raises(Unreachable, match="does it want mqtts://"):
                await spoken(broker)
    assert server.levels == [5, 5, 4, 5, 5, 4]


async def test_protocol_5_alone_does_not_fall_back() -> None:
    server = Server("20 03 00 84 00")
    async with fake_broker(server) as port:
        with pytest.raises(Unreachable, match=r"set mqtt\.protocol to 3\.1\.1 or auto") as error:
            await spoken(broker_at(port, protocol="5"))
        assert not error.value.soon
    assert server.levels == [5]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_wrong_password_says_what_to_do(tmp_path: Path, protocol: str) -> None:
    secret = tmp_path / "password"
    async with mosquitto(tmp_path, users={"gw": "right"}) as server:
        broker = broker_at(server.port, protocol=protocol, username="gw", password_file=str(secret))
        await asyncio.to_thread(secret.write_text, "wrong\n")
        with pytest.raises(Unreachable, match=r"refuses user 'gw'.*check mqtt\.username") as error:
            await spoken(broker)
        assert not error.value.soon
        assert str(secret) in str(error.value)
        await asyncio.to_thread(secret.write_text, "right\n")  # read anew at each connect
        assert await spoken(broker) == protocol


async def test_missing_name_says_what_to_do(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, users={"gw": "right"}) as server:
        with pytest.raises(Unreachable, match=r"a client without a name .*\(none is set\)"):
            await spoken(broker_at(server.port))


async def test_missing_password_file_says_what_to_do(tmp_path: Path) -> None:
    broker = broker_at(1, username="gw", password_file=str(tmp_path / "absent"))
    with pytest.raises(Unreachable, match=r"absent cannot be read \(No such file"):
        await spoken(broker)


async def test_absent_broker_is_named(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{port} cannot be reached.*refused"):
        await spoken(broker_at(port))


def make_certificates(directory: Path, extensions: bool = True) -> Path:
    """ca.pem, server.pem/.key for 127.0.0.1, client.pem/.key; `extensions`: those of RFC 5280."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    for name, is_ca in (("ca", True), ("server", False), ("client", False)):
        key = ca_key if is_ca else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = (
            x509.CertificateBuilder(ca_name, subject, key.public_key())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(host, critical=False)
        )
        if extensions:
            builder = with_extensions(builder, key.public_key(), ca_key.public_key(), is_ca)
        pem = serialization.Encoding.PEM
        certificate = builder.sign(ca_key, hashes.SHA256())
        (directory / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        (directory / f"{name}.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
    return directory


def with_extensions(
    builder: x509.CertificateBuilder,
    own: ec.EllipticCurvePublicKey,
    issuer: ec.EllipticCurvePublicKey,
    is_ca: bool,
) -> x509.CertificateBuilder:
    """RFC 5280 §4.2.1.1 to §4.2.1.3."""
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "crl_sign", "encipher_only", "decipher_only"), False
    )  # fmt: skip
    return (
        builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .add_extension(
            x509.KeyUsage(key_cert_sign=is_ca, digital_signature=not is_ca, **usage), critical=True
        )
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def test_tls_trusts_ca_file_and_shows_our_certificate(
    tmp_path: Path, certificates: Path
) -> None:
    settings = [
        f"cafile {certificates}/ca.pem",
        f"certfile {certificates}/server.pem",
        f"keyfile {certificates}/server.key",
        "require_certificate true",
    ]
    ours = {"cert_file": f"{certificates}/client.pem", "key_file": f"{certificates}/client.key"}
    async with mosquitto(tmp_path, settings=settings, scheme="mqtts") as server:
        broker = broker_at(server.port, url=server.url, ca_file=f"{certificates}/ca.pem", **ours)
        async with broker.connected(WILL, lambda: None) as client:
            await client.publish("a", b"x" * 200_000)
        nameless = broker_at(server.port, url=server.url, ca_file=f"{certificates}/ca.pem")
        with pytest.raises(Unreachable):
            await spoken(nameless)


@pytest.mark.skipif(not shutil.which("openssl"), reason="the program openssl is not installed")
async def test_certificates_made_as_the_document_says_are_accepted(tmp_path: Path) -> None:
    document = (HOUSE / "docs" / "mqtt.md").read_text(encoding="utf-8")
    recipe = re.findall(r"```sh\n(openssl.*?)```", document, re.DOTALL)[0]
    made = await asyncio.create_subprocess_shell(
        "set -e; " + recipe.replace("mqtt.example.org", "localhost"),
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await made.communicate()
    assert made.returncode == 0, said.decode()
    settings = [f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.key"]
    async with mosquitto(tmp_path, settings=settings, scheme="mqtts") as server:
        url = f"mqtts://localhost:{server.port}"
        assert await spoken(broker_at(server.port, url=url, ca_file=f"{tmp_path}/ca.pem")) == "5"


async def test_untrusted_certificate_says_what_to_check(tmp_path: Path, certificates: Path) -> None:
    settings = [f"certfile {certificates}/server.pem", f"keyfile {certificates}/server.key"]
    async with mosquitto(tmp_path, settings=settings, scheme="mqtts") as server:
        with pytest.raises(Unreachable, match=r"check mqtt\.ca_file, the name in mqtt\.url"):
            await spoken(broker_at(server.port, url=server.url))


async def test_certificates_of_older_recipes_are_accepted_on_every_python(tmp_path: Path) -> None:
    """Python 3.13 asks for the extensions of RFC 5280; a gateway outlives its operating system."""
    made = await asyncio.to_thread(make_certificates, tmp_path, extensions=False)
    settings = [f"certfile {made}/server.pem", f"keyfile {made}/server.key"]
    async with mosquitto(tmp_path, settings=settings, scheme="mqtts") as server:
        broker = broker_at(server.port, url=server.url, ca_file=f"{made}/ca.pem")
        assert await spoken(broker) == "5"


async def test_unusable_certificates_are_named(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "ca.pem").write_text, "no certificate")
    broker = broker_at(1, url="mqtts://127.0.0.1:1", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(Unreachable, match=r"cannot be used .*ca\.pem"):
        await spoken(broker)


async def test_password_may_be_a_credential_of_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    async with mosquitto(tmp_path, users={"gw": "right"}) as server:
        with pytest.raises(Unreachable, match=r"\(none is set\)"):
            await spoken(broker_at(server.port, username="gw"))
        await asyncio.to_thread((tmp_path / "mqtt-password").write_text, "right\n")
        assert await spoken(broker_at(server.port, username="gw")) == "5"
