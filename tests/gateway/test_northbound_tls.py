"""Real certificates, a real mosquitto: whom we believe when the clock is right, and when it is not.

The machine's clock cannot be turned back in a test, so certificates are made for the clock: what
has expired by it is what a gateway whose clock runs ahead finds expired, and the other way round.
"""

import asyncio
import datetime
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiomqtt import Will
from broker import Mosquitto, mosquitto
from certificates import DAY, Authority, now

from gateway import RELEASED
from gateway.config import Mqtt
from gateway.northbound.broker import Broker, Unreachable
from gateway.northbound.tls import NO_CHECK_TIME, Certificates, Context

WILL = Will("kogge/x/status", b"gone", qos=1, retain=True)
YEAR = 365 * DAY


@dataclass
class Box:
    """A gateway's clock, as far as TLS asks it."""

    trusted: bool = True
    floor: float = float(RELEASED)

    def certificates(self, mqtt: Mqtt) -> Certificates:
        return Certificates(mqtt, lambda: self.trusted, lambda: self.floor)


@asynccontextmanager
async def tls_broker(tmp_path: Path, cert: str, key: str, *more: str) -> AsyncIterator[Mosquitto]:
    settings = [f"certfile {cert}", f"keyfile {key}", *more]
    async with mosquitto(tmp_path, settings=settings, scheme="mqtts") as server:
        yield server


async def connect(server: Mosquitto, box: Box, ca: str) -> None:
    mqtt = Mqtt(url=server.url, ca_file=ca)
    broker = Broker(mqtt, mqtt.url, "kogge-x", box.certificates(mqtt))
    async with broker.connected(WILL, lambda: None) as client:
        await client.publish("a", b"")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, until=now() + YEAR)


async def test_expired_certificate_is_refused_while_the_clock_is_trusted(
    tmp_path: Path, authority: Authority
) -> None:
    leaf = authority.issue("server", until=now() - DAY)
    async with tls_broker(tmp_path, *leaf) as server:
        with pytest.raises(Unreachable, match="certificate has expired") as refused:
            await connect(server, Box(), authority.file)
        assert refused.value.kind == "tls"


async def test_clock_that_runs_ahead_does_not_lock_the_gateway_out(
    tmp_path: Path, authority: Authority
) -> None:
    """2038: by this clock the leaf and the CA have expired; by the floor they have not."""
    old = Authority(tmp_path, until=now() - DAY)
    leaf = old.issue("server", until=now() - DAY)
    floor = (now() - 2 * DAY).timestamp()
    async with tls_broker(tmp_path, *leaf) as server:
        await connect(server, Box(trusted=False, floor=floor), old.file)


async def test_clock_that_is_behind_does_not_lock_the_gateway_out(tmp_path: Path) -> None:
    """1970: by this clock nothing is valid yet."""
    young = Authority(tmp_path)
    young._since = now() + DAY
    leaf = young.issue("server", until=now() + YEAR)
    async with tls_broker(tmp_path, *leaf) as server:
        with pytest.raises(Unreachable, match="not yet valid"):
            await connect(server, Box(), young.file)
        await connect(server, Box(trusted=False), young.file)


async def test_leaf_that_expired_before_the_floor_is_refused_by_any_clock(
    tmp_path: Path, authority: Authority
) -> None:
    expired = datetime.datetime.fromtimestamp(RELEASED, datetime.UTC) - DAY
    leaf = authority.issue("server", until=expired)
    async with tls_broker(tmp_path, *leaf) as server:
        with pytest.raises(Unreachable, match=r"has expired: .* it is 20\d\d-.* at least") as no:
            await connect(server, Box(trusted=False), authority.file)
        assert no.value.kind == "tls"


async def test_wrong_name_is_refused_by_any_clock(tmp_path: Path, authority: Authority) -> None:
    leaf = authority.issue("server", address="127.0.0.2")
    async with tls_broker(tmp_path, *leaf) as server:
        for trusted in (True, False):
            with pytest.raises(Unreachable, match=r"[Mm]ismatch.*the name in mqtt\.url"):
                await connect(server, Box(trusted), authority.file)


async def test_unknown_authority_is_refused_by_any_clock(
    tmp_path: Path, authority: Authority
) -> None:
    leaf = authority.issue("server")
    elsewhere = tmp_path / "elsewhere"
    await asyncio.to_thread(elsewhere.mkdir)
    other = Authority(elsewhere)
    async with tls_broker(tmp_path, *leaf) as server:
        for trusted in (True, False):
            with pytest.raises(Unreachable, match=r"verify failed.*check mqtt\.ca_file"):
                await connect(server, Box(trusted), other.file)


async def test_older_tls_than_1_2_is_refused(tmp_path: Path, authority: Authority) -> None:
    certificates = Box().certificates(Mqtt(ca_file=authority.file))
    context = await asyncio.to_thread(certificates.context)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_flag_is_openssls_and_goes_when_the_time_is_known(authority: Authority) -> None:
    box = Box(trusted=False)
    certificates = box.certificates(Mqtt(ca_file=authority.file))
    context = certificates.context()
    assert isinstance(context, Context)
    assert (context.verify_flags & NO_CHECK_TIME, context.floor) == (NO_CHECK_TIME, RELEASED)
    assert certificates.floor == RELEASED
    assert certificates.outdated() == ""
    box.trusted = True
    assert "the time is known now" in certificates.outdated()
    context = certificates.context()
    assert isinstance(context, Context)
    assert (context.verify_flags & NO_CHECK_TIME, context.floor) == (0, None)
    assert certificates.outdated() == ""


# files that change


def test_new_certificate_of_ours_makes_the_connection_outdated(authority: Authority) -> None:
    cert, key = authority.issue("client")
    mqtt = Mqtt(ca_file=authority.file, cert_file=cert, key_file=key)
    certificates = Box().certificates(mqtt)
    first = certificates.context()
    assert certificates.context() is first  # nothing is made anew for nothing
    assert certificates.outdated() == ""
    authority.issue("client")
    assert "certificate has changed" in certificates.outdated()
    assert certificates.context() is not first
    assert certificates.outdated() == ""


def test_ca_that_was_withdrawn_makes_the_connection_outdated(
    tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / "other").mkdir()
    believed, other = Path(authority.file), Path(Authority(tmp_path / "other").file)
    believed.write_bytes(believed.read_bytes() + other.read_bytes())
    certificates = Box().certificates(Mqtt(ca_file=authority.file))
    certificates.context()
    assert certificates.outdated() == ""
    believed.write_bytes(other.read_bytes())
    assert "authorities that are believed have changed" in certificates.outdated()
    assert len(certificates.context().get_ca_certs()) == 1
    assert certificates.outdated() == ""


def test_change_of_the_systems_cas_makes_the_connection_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    certificates = Box().certificates(Mqtt())
    first = certificates.context()
    assert certificates.outdated() == ""
    os.utime(tmp_path, (0, 0))
    assert "authorities that are believed have changed" in certificates.outdated()
    assert certificates.context() is not first


@pytest.mark.parametrize("fault", ["half", "other key", "absent", "ca"])
def test_files_that_cannot_be_used_leave_the_old_ones_in_use(
    tmp_path: Path, authority: Authority, fault: str
) -> None:
    cert, key = authority.issue("client")
    mqtt = Mqtt(ca_file=authority.file, cert_file=cert, key_file=key)
    certificates = Box().certificates(mqtt)
    first = certificates.context()
    good = {file: Path(file).read_bytes() for file in (cert, key, authority.file)}
    if fault == "half":
        Path(cert).write_bytes(good[cert][: len(good[cert]) // 2])
    elif fault == "other key":
        Path(key).write_bytes(Path(authority.issue("other")[1]).read_bytes())
    elif fault == "absent":
        Path(key).unlink()
    else:
        Path(authority.file).write_text("no certificate")
    assert certificates.outdated() == ""
    assert certificates.context() is first
    assert "stays in use" in certificates.problem
    assert cert in certificates.problem
    for file, content in good.items():
        Path(file).write_bytes(content)
    assert certificates.context() is first
    assert certificates.problem == ""


def test_encrypted_key_is_an_error_and_no_question(tmp_path: Path, authority: Authority) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    cert, key = authority.issue("client")
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    Path(key).write_bytes(locked)
    certificates = Box().certificates(Mqtt(ca_file=authority.file, cert_file=cert, key_file=key))
    with pytest.raises(OSError, match=r".+"):
        certificates.context()
