"""Everything that files tell the daemon, read together; whichever is wrong is named."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.sx1302.settings import Service
from gateway import files, settings
from gateway.errors import ConfigError
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.regions import REGIONS

PLAIN = '[mqtt]\nurl = "mqtt://localhost"\nplain_is_ok = true\n'
PLANS = sorted((files.shipped() / "regions").glob("*.toml"))
DEVICE = """
[[device]]
dev_eui = "70b3d57ed0000002"
name = "bin"
codec = "dingtek/df702"
dev_addr = "26011bda"
nwk_s_key = "00112233445566778899aabbccddeeff"
app_s_key = "00112233445566778899aabbccddeeff"
"""


def write(directory: Path, toml: str = "", devices: str = DEVICE) -> Path:
    file = directory / "kogge.toml"
    file.write_text(toml + PLAIN, encoding="utf-8")
    (directory / "devices.toml").write_text(devices, encoding="utf-8")
    return file


def refused(file: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings.load(file)
    return caught.value


def test_all_that_files_say_is_there(tmp_path: Path) -> None:
    found = settings.load(write(tmp_path))
    assert [device.name for device in found.devices] == ["bin"]
    assert found.codecs.keys() == {"dingtek/df702"}
    assert found.region.name == "EU868"
    assert len([radio for _, radio in found.radio.radio_chains if radio.transmit]) == 1


def test_a_device_without_codec_needs_none(tmp_path: Path) -> None:
    devices = DEVICE.replace('codec = "dingtek/df702"\n', "")
    assert settings.load(write(tmp_path, devices=devices)).codecs == {}


def test_missing_devices_file_is_named(tmp_path: Path) -> None:
    file = write(tmp_path)
    (tmp_path / "devices.toml").unlink()
    assert str(tmp_path / "devices.toml") in str(refused(file))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('region = "EU999"', "concentrator.region"),
        ('region = "XX"', "concentrator.region"),
        ('board = "toaster"', "concentrator.board"),
        ('plan = "absent.toml"', "concentrator.plan"),
        ('plan = "mars"', "concentrator.plan"),
    ],
)
def test_unknown_region_board_or_plan_is_refused_by_key(
    tmp_path: Path, line: str, key: str
) -> None:
    error = refused(write(tmp_path, f"[concentrator]\n{line}\n"))
    assert error.key == key
    assert str(tmp_path / "kogge.toml") in str(error)


def test_channels_that_the_plan_receives_are_known(tmp_path: Path) -> None:
    found = settings.load(write(tmp_path))
    tenths = (8671, 8673, 8675, 8677, 8679, 8681, 8683, 8685)
    assert found.heard == {tenth * 100_000 for tenth in tenths}


def test_service_channel_of_500_khz_is_a_channel_of_its_own(tmp_path: Path) -> None:
    found = settings.load(write(tmp_path))
    wide = replace(found.radio, service=Service(radio=0, offset=250_000, bandwidth=500_000))
    assert replace(found, radio=wide).heard - found.heard == {867_750_000}


def test_where_listening_is_the_law_nothing_is_sent_unless_the_country_does_not_ask(
    tmp_path: Path,
) -> None:
    asia = '[concentrator]\nregion = "AS923-1"\n'
    assert settings.load(write(tmp_path, asia)).region.power(923_200_000) is None
    outside_japan = asia + "listen_before_talk = false\n"
    assert settings.load(write(tmp_path, outside_japan)).region.power(923_200_000) == 16


def test_korea_asks_for_it_everywhere(tmp_path: Path) -> None:
    korea = '[concentrator]\nregion = "KR920"\nlisten_before_talk = false\n'
    error = refused(write(tmp_path, korea))
    assert error.key == "concentrator.listen_before_talk"
    assert "everywhere" in str(error)


def test_windows_are_the_regions_unless_said_otherwise(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path)).rx == RxParams(0, 869_525_000, 0, 1)
    lines = "rx1_delay = 5\nrx1_dr_offset = 2\nrx2_data_rate = 3\nrx2_frequency = 869_800_000\n"
    found = settings.load(write(tmp_path, f"[lorawan]\n{lines}"))
    assert found.rx == RxParams(2, 869_800_000, 3, 5)


@pytest.mark.parametrize(
    ("region", "line", "allowed"),
    [
        ("EU868", "rx1_delay = 0", ">= 1"),
        ("EU868", "rx1_delay = 16", "<= 15"),
        ("EU868", 'rx1_delay = "soon"', "soon"),
        ("EU868", "rx1_dr_offset = 6", "EU868 allows 0 to 5"),
        ("AS923-2", "rx1_dr_offset = 8", "AS923-2 allows 0 to 7"),
        ("EU868", "rx2_data_rate = 7", "0 (SF12), 1 (SF11), 2 (SF10), 3 (SF9), 4 (SF8), 5 (SF7)"),
        ("US915", "rx2_data_rate = 3", "US915 allows 8 (SF12), 9 (SF11)"),
        ("US915", "rx2_frequency = 903900000", "923300000, 923900000"),
        ("EU868", "rx2_frequency = 869300000", "868700000 to 869200000, 869400000 to 869650000"),
        ("EU868", "rx2_frequency = 869525050", "869400000 to 869650000"),
        ("EU868", "rx2_frequency = -1", "869400000 to 869650000"),
        ("EU868", "downlink_dwell_time = true", "EU868 knows none for downlinks"),
        ("AU915", "downlink_dwell_time = true", "AU915 knows none for downlinks"),
        ("AS923-2", "downlink_dwell_time = true\nrx2_data_rate = 1", "AS923-2 allows 2 (SF10)"),
    ],
)
def test_windows_that_the_region_does_not_have_are_refused_with_what_it_has(
    tmp_path: Path, region: str, line: str, allowed: str
) -> None:
    plan = f'plan = "{region.lower()}-1"\n' if region in ("US915", "AU915") else ""
    table = f'[concentrator]\nregion = "{region}"\n{plan}[lorawan]\n{line}\n'
    error = refused(write(tmp_path, table))
    assert error.key == f"lorawan.{line.splitlines()[-1].partition(' ')[0]}"
    assert allowed in str(error)


def test_dwell_time_and_repeater_shorten_downlinks(tmp_path: Path) -> None:
    asia = '[concentrator]\nregion = "AS923-2"\n'
    sizes = {
        lines: settings.load(write(tmp_path, f"{asia}[lorawan]\n{lines}")).region.max_mac_payload
        for lines in ("", "downlink_dwell_time = true\n", "repeater = true\n")
    }
    found = [[size(dr) for dr in (1, 2, 4)] for size in sizes.values()]
    assert found == [[59, 123, 250], [0, 19, 133], [59, 123, 230]]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_every_shipped_plan_fits_its_region(tmp_path: Path, plan: Path) -> None:
    """Devices can join on it, are told of its channels, and are answered on what it may send."""
    name = tomllib.loads(plan.read_text(encoding="utf-8"))["region"]
    board = "rak2287-usb-470" if REGIONS[name].rx2_frequency < 800_000_000 else "rak2287-usb"
    lines = f'[concentrator]\nregion = "{name}"\nplan = "{plan.stem}"\nboard = "{board}"\n'
    found = settings.load(write(tmp_path, lines))
    region, (_, radio) = found.region, next(iter(found.radio.radio_chains))
    assert (
        found.heard <= set(region.channels) if region.fixed else found.heard >= {*region.channels}
    )
    assert len(region.cf_list(found.heard)) == 16
    assert radio.transmit is not None
    for frequency in (*map(region.rx1_frequency, found.heard), region.rx2_frequency):
        assert frequency is not None
        assert region.sub_band(frequency) is not None
        assert radio.transmit[0] <= frequency <= radio.transmit[1]
