"""What is told of devices on the control socket."""

import json
from typing import Any

import pytest
from lorawan_network import ABP, ABP_EUI, AIR, APP_KEY, DEV_EUI, JOIN_EUI, network, otaa, packet
from lorawan_oracle import join_request

from gateway.air.rhythm import Rhythm
from gateway.clock import Clock
from gateway.devices.facts import DeviceFacts, Heard
from gateway.diagnostics import devices
from gateway.diagnostics.devices import Devices, Line, battery, loss, margin, overdue
from gateway.errors import ConfigError
from gateway.lorawan.mac_state import Mac
from gateway.lorawan.outcome import Drop, Joined, Uplink

EVERY = 600.0


class Street:
    """A network whose packets are noted as gateway.air.uplinks does it."""

    def __init__(self) -> None:
        self.now = 10_000.0
        self.network = network([ABP, otaa()])
        self.facts, self.rhythm = DeviceFacts(), Rhythm()
        clock = Clock(lambda: "ntp", "boot", lambda: 1e9 + self.now, lambda: self.now)
        self.told = Devices(
            self.network, self.facts, self.rhythm, clock, self._reload, lambda: {"region": "EU868"}
        )

    async def _reload(self) -> Line:
        raise ConfigError("devices.toml", "codec", "x", "there is no such codec")

    def hear(self, payload: bytes) -> None:
        one = packet(payload)
        match self.network.receive(one):
            case Uplink() as uplink:
                self.facts.uplink(uplink.device.dev_eui, uplink.f_cnt, one, self.now)
                self.rhythm.uplink(uplink.device.dev_eui, uplink.f_cnt, self.now)
            case Drop() as drop:
                self.facts.refused(drop, one, self.now)
            case Joined() as joined:
                self.facts.joined(joined.device.dev_eui, self.now)

    async def ask(self, **wish: Any) -> list[Line]:
        lines = [line async for line in self.told.answer({"op": "devices", **wish})]
        return json.loads(json.dumps(lines))  # type: ignore[no-any-return]


async def test_list_tells_of_all_without_a_key() -> None:
    street = Street()
    street.hear(AIR.uplink(5))
    devices_, done = await street.ask()
    one, other = devices_["devices"]
    assert (one["name"], one["state"], one["f_cnt"], one["margin"]) == ("gauge", "heard", 5, 21.0)
    assert one["seen"] == {"at": 1e9 + street.now, "age_s": 0.0}
    assert (other["name"], other["state"], other["seen"]) == ("bin", "new", None)
    assert done["done"]["region"] == "EU868"
    assert one["pseudonym"] is None, "the city is told the DevEUI"
    assert APP_KEY.hex() not in json.dumps([devices_, done])
    assert AIR.nwk_s_key.hex() not in json.dumps([devices_, done])


async def test_regular_device_is_overdue_after_three_that_did_not_come() -> None:
    street = Street()
    for f_cnt in range(12):
        street.hear(AIR.uplink(f_cnt if f_cnt < 6 else f_cnt + 1))
        street.now += EVERY if f_cnt != 5 else 2 * EVERY
    street.now += 2 * EVERY
    one = street.told.one(ABP)
    assert (one["interval_s"], one["regular"], one["overdue_s"]) == (EVERY, True, None)
    assert (one["heard"], one["lost"]) == (12, 1)
    street.now += EVERY
    assert street.told.one(ABP)["overdue_s"] == 3 * EVERY


async def test_one_is_told_whole_with_its_refusals() -> None:
    street = Street()
    wrong = join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 1)
    street.hear(wrong)
    street.hear(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1))
    (line, _) = await street.ask(dev_eui=f"{DEV_EUI:016x}")
    (one,) = line["devices"]
    assert (one["known"], one["state"], one["joins"]) == (True, "join_unheard", 1)
    assert [(each["reason"], each["by"]) for each in one["refused"]] == [("bad_mic", "dev_eui")]
    assert one["uplinks"] == []


async def test_signals_are_those_of_the_last_uplinks() -> None:
    street = Street()
    street.hear(AIR.uplink(5))
    street.hear(AIR.uplink(6))
    (line, done) = await street.ask(action="signals")
    assert [one["uplinks"] for one in line["signals"]] == [[[9, 8.5], [9, 8.5]], []]
    assert line["signals"][0]["dev_eui"] == f"{ABP_EUI:016x}"
    assert "done" in done


async def test_stranger_is_told_of_too() -> None:
    street = Street()
    street.hear(join_request(APP_KEY, JOIN_EUI, DEV_EUI + 9, 1))
    (line, _) = await street.ask(dev_eui=f"{DEV_EUI + 9:016x}")
    (one,) = line["devices"]
    assert one["known"] is False
    assert [each["reason"] for each in one["refused"]] == ["unknown_device"]


async def test_frames_under_a_device_s_address_with_other_keys_are_its_own_refusals() -> None:
    street = Street()
    frame = AIR.uplink(1)
    street.hear(frame[:-1] + bytes([frame[-1] ^ 1]))
    one = street.told.whole(ABP_EUI)
    assert [each["by"] for each in one["refused"]] == ["dev_addr"]
    assert one["refused"][0]["dev_addr"] == "01ab12cd"


@pytest.mark.parametrize("wish", [{"action": "burn"}, {"dev_eui": "7"}, {"dev_eui": 7}])
async def test_nonsense_is_an_error(wish: dict[str, Any]) -> None:
    (line,) = await Street().ask(**wish)
    assert "not understood" in line["error"]


async def test_many_devices_come_in_several_lines() -> None:
    street = Street()
    street.network.describe(otaa(dev_eui=eui) for eui in range(120))
    lines = await street.ask()
    assert [len(line.get("devices", ())) for line in lines] == [50, 50, 20, 0]


async def test_wrong_file_is_the_askers_error() -> None:
    with pytest.raises(ConfigError, match="no such codec"):  # gateway.diagnostics.control tells it
        await Street().ask(action="reload")


def test_changes_are_named() -> None:
    before = {1: otaa(dev_eui=1), 2: otaa(dev_eui=2)}
    now = {2: otaa("1.0.4", dev_eui=2), 3: otaa(dev_eui=3)}
    told = devices.changed(before, now)
    assert told == {
        "devices": 2,
        "added": ["0000000000000003"],
        "changed": ["0000000000000002"],
        "removed": ["0000000000000001"],
    }


def heard(f_cnt: int, snr: float | None = 5.0, sf: int = 7) -> Heard:
    return Heard(0.0, f_cnt, -80.0, snr, sf, 868_100_000)


def test_loss_is_counted_within_a_session() -> None:
    assert loss([]) == {"heard": 0, "lost": 0}
    assert loss([heard(90), heard(95), heard(0), heard(2), heard(3)]) == {"heard": 3, "lost": 1}


def test_margin_is_above_the_floor_of_the_spreading_factor() -> None:
    assert margin(heard(1, -7.5, 7)) == 0.0
    assert margin(heard(1, -20.0, 12)) == 0.0
    assert margin(heard(1, None)) is None


@pytest.mark.parametrize(
    ("silent", "interval", "regular", "since"),
    [
        (None, 600.0, True, None),
        (9e9, None, False, None),
        (1979.0, 600.0, True, None),
        (1981.0, 600.0, True, 1381.0),
        (86_000.0, 600.0, False, None),
        (86_500.0, 600.0, False, 85_900.0),
    ],
)
def test_overdue(
    silent: float | None, interval: float | None, regular: bool, since: float | None
) -> None:
    assert overdue(silent, interval, regular) == since


@pytest.mark.parametrize(
    ("said", "told"), [(None, None), (0, "external"), (1, 0), (254, 100), (255, None)]
)
def test_battery(said: int | None, told: object) -> None:
    assert battery(Mac(battery=said)) == told
