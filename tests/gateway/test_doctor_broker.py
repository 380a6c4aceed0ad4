"""The line to a real broker: how far it goes, and what its certificate says."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest
from broker import free_port, mosquitto
from certificates import DAY, Authority, now
from screen_cases import MACHINE, known

from gateway.config import Config, Mqtt
from gateway.doctor import broker
from gateway.doctor.finding import Known

HEALTHY = known("healthy")
EUI = "0016c001ff10a235"


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
