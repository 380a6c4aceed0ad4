"""What a running daemon takes over of a changed kogge.toml, and what it does not."""

import re

import msgspec
from kogge import HOUSE

from gateway.config import Config, Lorawan, Mqtt, told
from gateway.live_config import LIVE, flat, take_over


def test_live_keys_are_keys() -> None:
    assert flat(told(Config())).keys() >= LIVE


def test_installation_guide_names_the_live_keys() -> None:
    guide = (HOUSE / "docs" / "install.md").read_text(encoding="utf-8")
    told = guide[guide.index("the running daemon takes over") : guide.index(" at once;")]
    assert set(re.findall(r"`([a-z_.]+)`", told)) == LIVE


def test_live_keys_are_taken_and_the_others_named() -> None:
    running = Config()
    wanted = Config(mqtt=Mqtt(url="mqtts://b", batch_seconds=9), lorawan=Lorawan(join_allow=["70"]))
    mqtt = running.mqtt
    assert take_over(running, wanted) == (
        ["lorawan.join_allow", "mqtt.batch_seconds"],
        ["mqtt.url"],
    )
    assert mqtt is running.mqtt, "who holds it sees it"
    assert (mqtt.batch_seconds, mqtt.url) == (9, Mqtt().url)
    assert take_over(running, wanted) == ([], ["mqtt.url"]), "still, until the restart"
    assert take_over(running, msgspec.structs.replace(wanted, mqtt=mqtt)) == ([], [])
