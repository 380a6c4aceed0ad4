"""The line to a real broker: how far it goes, and what its certificate says."""

import asyncio
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from broker import free_port, mosquitto
from certificates import DAY, Authority, now
from screen_cases import AT, MACHINE, known

from gateway.config import Config, Mqtt
from gateway.doctor import broker, certificates
from gateway.doctor.finding import Known
from gateway.northbound.certificate import Certificate
from gateway.northbound.tls import Certificates, Context

HEALTHY = known("healthy")
EUI = "0016c001ff10a235"
DAY_S = 86_400.0


def away(mqtt: Mqtt) -> Known:
    """A gateway without its daemon."""
    config = Config(mqtt=mqtt)
    config.gateway.eui = EUI
    assert HEALTHY.settings is not None
    settings = type(HEALTHY.settings)(
        config,
        (),
        {},
        HEALTHY.settings.radio,
        HEALTHY.settings.region,
        HEALTHY.settings.rx,
        HEALTHY.file,
    )
    at = now().timestamp()
    return Known(HEALTHY.file, settings, "", (), None, "nobody answers", MACHINE, "ntp", at)


async def test_certificate_s_days_are_counted_and_a_login_is_tried(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path, until=now() + 400 * DAY)
    cert, key = await asyncio.to_thread(authority.issue, "server", until=now() + 20.5 * DAY)
    tls = [f"certfile {cert}", f"keyfile {key}"]
    async with mosquitto(tmp_path, settings=tls, scheme="mqtts") as server:
        there = away(Mqtt(url=server.url, ca_file=authority.file))
        line = await asyncio.to_thread(broker.gather, there)
        assert (line.dns_problem, line.tcp_problem, line.tls_problem) == ("", "", "")
        finding = broker.tls(there, line)
        assert (finding.level, "20 days" in finding.what) == ("note", True)
        assert broker.publish(there, line).level == "ok"
        stranger = away(Mqtt(url=server.url))
        line = await asyncio.to_thread(broker.gather, stranger)
        assert broker.tls(stranger, line).level == "bad"
        assert broker.login(stranger, line).level == "unknown"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ("", "names none"),
        ("expired", "has expired"),
        ("strange", "nobody whom the broker believes"),
        ("good", ""),
    ],
)
async def test_refused_certificate_is_named_whichever_tls_is_spoken(
    tmp_path: Path,
    shown: str,
    why: str,
    version: ssl.TLSVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of_version(self: Certificates) -> Context:
        context = made(self)
        context.maximum_version = version
        return context

    made = Certificates._made
    monkeypatch.setattr(Certificates, "_made", of_version)
    if version is ssl.TLSVersion.TLSv1_2 and not shown:
        why = "handshake failure"  # TLS 1.2 has no alert of its own for it
    (tmp_path / "other").mkdir()
    authority = await asyncio.to_thread(Authority, tmp_path)
    cert, key = await asyncio.to_thread(authority.issue, "server")
    mqtt = Mqtt(ca_file=authority.file)
    if shown:
        until = now() - DAY if shown == "expired" else now() + 400 * DAY
        issuer = Authority(tmp_path / "other") if shown == "strange" else authority
        mqtt.cert_file, mqtt.key_file = issuer.issue("client", until=until)
    tls = [f"certfile {cert}", f"keyfile {key}", f"cafile {authority.file}",
           "require_certificate true"]  # fmt: skip
    async with mosquitto(tmp_path, settings=tls, scheme="mqtts") as server:
        mqtt.url = server.url
        there = away(mqtt)
        line = await asyncio.to_thread(broker.gather, there)
    own = broker.own(there, line)
    assert own.level == ("bad" if shown == "expired" else "ok")
    assert ("has expired, on" in own.what) == (shown == "expired")
    said = f"{broker.tls(there, line).what}; {broker.login(there, line).what}".lower()
    assert why in said
    assert (broker.publish(there, line).level == "ok") == (shown == "good")


def test_pair_that_does_not_fit_is_told_and_nothing_is_tried_with_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine, other = authority.issue("mine"), authority.issue("other")
    mqtt = Mqtt(url="mqtts://127.0.0.1:9", ca_file=authority.file, cert_file=mine[0])
    mqtt.key_file = other[1]
    there = away(mqtt)
    found = certificates.read(mqtt)
    assert certificates.own(there, found).level == "bad"
    assert other[1] in certificates.own(there, found).what
    assert not found.usable
    mqtt.key_file = mine[1]
    assert certificates.read(mqtt).usable
    for file, level in ((str(tmp_path / "absent.pem"), "bad"), (mine[1], "bad")):
        mqtt.ca_file = file
        assert certificates.authority(there, certificates.read(mqtt), b"").level == level


def test_authority_that_issued_the_broker_s_certificate_is_the_one_that_counts(
    tmp_path: Path,
) -> None:
    """A file may hold the old one's and the new one's while they change."""
    old, new = Certificate(b"old", b"old", AT + DAY_S), Certificate(b"new", b"new", AT + 99 * DAY_S)
    files = certificates.Files((old, new))
    there = replace(away(Mqtt()), at=AT)
    for issuer, level in ((b"old", "bad"), (b"new", "ok"), (b"", "ok")):
        assert certificates.authority(there, files, issuer).level == level


def test_name_that_nobody_knows_ends_it() -> None:
    there = away(Mqtt(url="mqtts://kogge.invalid:8883"))
    line = broker.gather(there)
    assert broker.dns(there, line).level == "bad"
    assert broker.tcp(there, line).level == "unknown"


def test_port_on_which_nobody_listens_is_told() -> None:
    there = away(Mqtt(url=f"mqtt://127.0.0.1:{free_port()}", plain_is_ok=True))
    line = broker.gather(there)
    assert broker.tcp(there, line).level == "bad"
    assert broker.login(there, line).level == "unknown"


def test_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(20))
    monkeypatch.setattr(broker, "SECONDS", 0.05)
    there = away(Mqtt(url="mqtts://kogge.invalid:8883"))
    line = broker.gather(there)
    release.set()
    assert "no answer within" in broker.dns(there, line).what
