"""One login and one PUBLISH at a real mosquitto: it says where it fails, and disturbs nobody."""

import asyncio
from pathlib import Path

import pytest
from broker import free_port, mosquitto, subscriber
from patience import HUNG

from gateway.config import Mqtt
from gateway.northbound.trial import Trial, attempt

EUI = "0016c001ff10a235"
ACL = f"user gate\ntopic readwrite kogge/{EUI}/readings\n"


async def attempted(url: str, **mqtt: str) -> Trial:
    config = Mqtt(url=url, plain_is_ok=True, **mqtt)  # type: ignore[arg-type]
    return await attempt(config, EUI, lambda: True, lambda: 0.0)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_message_is_acknowledged_and_not_kept(tmp_path: Path, protocol: str) -> None:
    async with mosquitto(tmp_path) as broker:
        async with subscriber(broker.port, f"kogge/{EUI}/#") as messages:
            assert await attempted(broker.url, protocol=protocol) == Trial(protocol=protocol)
            message = await asyncio.wait_for(anext(aiter(messages)), HUNG)
        assert (str(message.topic), message.payload) == (f"kogge/{EUI}/doctor", b"")
        assert not message.retain
        said = await broker.logged(f"as kogge-{EUI}-doctor (p")
        assert ", c1," in said  # a clean session: none is left there


async def test_wrong_password_fails_at_the_login(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, users={"gate": "way"}) as broker:
        found = await attempted(broker.url, username="gate")
    assert "refuses user 'gate'" in found.login
    assert not found.publish


async def test_access_list_that_forbids_the_topic_is_a_refusal(tmp_path: Path) -> None:
    password = tmp_path / "password"
    await asyncio.to_thread(password.write_text, "way\n", encoding="utf-8")
    async with mosquitto(tmp_path, users={"gate": "way"}, acl=ACL) as broker:
        found = await attempted(broker.url, username="gate", password_file=str(password))
    assert found.login == ""
    assert found.refused
    assert "access list" in found.publish


async def test_broker_that_is_away_fails_at_the_login() -> None:
    found = await attempted(f"mqtt://127.0.0.1:{free_port()}")
    assert "cannot be reached" in found.login
