"""The demo's city is what it promises, and the gateway can read its files."""

from pathlib import Path
from random import Random

import pytest

from drivers.emulator.airtime import lora_us
from gateway import config, files
from gateway.codecs.catalogue import Catalogue
from gateway.demo.cabinet import FIRMWARE_BYTES, FIRMWARE_FILES, write_files
from gateway.demo.street import Resident, residents
from gateway.devices import devices_toml


def test_eight_devices_of_which_four_or_more_join_and_one_wants_acks() -> None:
    city = residents(Random(1))
    assert len(city) == len({resident.dev_eui for resident in city}) == 8
    assert sum(bool(resident.keys.app_key) for resident in city) >= 4
    assert sum(resident.confirmed for resident in city) == 1
    kinds = [resident.name.split("-")[0] for resident in city]
    assert [kinds.count(kind) for kind in ("parking", "bin", "air", "gauge")] == [3, 3, 1, 1]


@pytest.mark.parametrize("resident", residents(Random(1)), ids=lambda resident: resident.name)
def test_nobody_speaks_more_than_one_percent_of_the_time_in_a_sub_band(resident: Resident) -> None:
    sub_bands = 2 if resident.keys.app_key else 1  # a CFList adds the channels below 868 MHz
    size = 13 + len(resident.sensor.report(30).payload)
    seconds = lora_us(size, resident.sf, 125_000, 1, True) / 1e6
    assert seconds / resident.pace <= 0.01 * sub_bands


def test_the_gateway_reads_the_cabinets_files(tmp_path: Path) -> None:
    city = residents(Random(1))
    found = config.load(write_files(tmp_path, "/dev/pts/7", 1883, city))
    assert found.concentrator.port == "/dev/pts/7"
    assert found.mqtt.url == "mqtt://127.0.0.1:1883"
    devices = devices_toml.load(Path(found.gateway.devices), Catalogue.load(files.shipped()))
    assert [(d.dev_eui, d.name, d.place, d.app_key or b"", d.dev_addr or 0) for d in devices] == [
        (r.keys.dev_eui, r.name, r.place, r.keys.app_key, r.keys.dev_addr) for r in city
    ]
    for name in FIRMWARE_FILES:
        assert (tmp_path / "firmware" / name).stat().st_size == FIRMWARE_BYTES
