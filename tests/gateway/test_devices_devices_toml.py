"""devices.toml: every wrong entry is refused by its key, and no message shows a key."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway import files
from gateway.codecs.catalogue import Catalogue
from gateway.devices import devices_toml
from gateway.errors import ConfigError
from gateway.lorawan.device import Device

CATALOGUE = Catalogue.load(files.shipped())
KEY, OTHER = "00112233445566778899aabbccddeeff", "0123456789abcdef0123456789abcdef"
OTAA = {
    "dev_eui": "70b3d57ed0000001",
    "name": "parking",
    "join_eui": "70b3d57ed0000000",
    "app_key": KEY,
}
ABP = {
    "dev_eui": "70b3d57ed0000002",
    "name": "bin",
    "dev_addr": "26011bda",
    "nwk_s_key": KEY,
    "app_s_key": OTHER,
}

OTAA_1_1 = OTAA | {"lorawan": "1.1", "nwk_key": OTHER}
ABP_1_1 = {
    "dev_eui": "70b3d57ed0000003",
    "name": "pump",
    "lorawan": "1.1",
    "dev_addr": "26011bdb",
    "f_nwk_s_int_key": KEY,
    "s_nwk_s_int_key": OTHER,
    "nwk_s_enc_key": KEY[::-1],
    "app_s_key": OTHER[::-1],
}


def table(entry: dict[str, Any]) -> str:
    def shown(value: object) -> str:
        return f'"{value}"' if isinstance(value, str) else str(value).lower()

    return "\n".join(["[[device]]", *(f"{k} = {shown(v)}" for k, v in entry.items()), ""])


def load(directory: Path, *entries: dict[str, Any]) -> tuple[Device, ...]:
    file = directory / "devices.toml"
    file.write_text("".join(map(table, entries)), encoding="utf-8")
    return devices_toml.load(file, CATALOGUE)


def refused(directory: Path, *entries: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(directory, *entries)
    assert str(directory / "devices.toml") in str(caught.value)
    return caught.value


def test_otaa_and_abp_devices_are_taken_as_written(tmp_path: Path) -> None:
    more = {"codec": "dingtek/df702", "lorawan": "1.0.4", "place": "Am Hafen", "depth": 1.2}
    otaa, abp = load(tmp_path, OTAA, {**ABP, **more, "class": "C"})
    assert otaa == Device(
        0x70B3D57ED0000001,
        "parking",
        join_eui=0x70B3D57ED0000000,
        app_key=bytes.fromhex(KEY),
    )
    assert abp == Device(
        0x70B3D57ED0000002,
        "bin",
        "dingtek/df702",
        "1.0.4",
        "C",
        "Am Hafen",
        1.2,
        dev_addr=0x26011BDA,
        nwk_s_key=bytes.fromhex(KEY),
        app_s_key=bytes.fromhex(OTHER),
    )


def test_devices_of_1_1_have_their_own_keys(tmp_path: Path) -> None:
    otaa, abp = load(tmp_path, OTAA_1_1, ABP_1_1)
    assert (otaa.lorawan, otaa.session_version) == ("1.1", "1.1")
    assert (otaa.app_key, otaa.nwk_key) == (bytes.fromhex(KEY), bytes.fromhex(OTHER))
    assert otaa.root_key == otaa.nwk_key
    keys = (KEY, OTHER, KEY[::-1], OTHER[::-1])
    assert abp.abp_keys == tuple(map(bytes.fromhex, keys))
    assert abp.root_key is None


def test_adr_and_resets_are_the_operators_choice(tmp_path: Path) -> None:
    (usual,) = load(tmp_path, ABP)
    (other,) = load(tmp_path, ABP | {"adr": False, "reset_f_cnt": True})
    assert (usual.adr, usual.reset_f_cnt) == (True, False)
    assert (other.adr, other.reset_f_cnt) == (False, True)


def test_a_gateway_without_devices_is_no_error(tmp_path: Path) -> None:
    assert load(tmp_path) == ()


@pytest.mark.parametrize(
    ("base", "change", "key"),
    [
        (OTAA, {"dev_eui": "70B3D57ED0000001"}, "dev_eui"),
        (OTAA, {"dev_eui": "70b3d57ed000001"}, "dev_eui"),
        (OTAA, {"dev_eui": "70-b3-d5-7e-d0-00"}, "dev_eui"),
        (OTAA, {"dev_eui": 5}, "dev_eui"),
        (OTAA, {"join_eui": "70b3"}, "join_eui"),
        (OTAA, {"join_eui": ""}, "join_eui"),
        (OTAA, {"app_key": KEY[:-1]}, "app_key"),
        (OTAA, {"app_key": KEY + "0"}, "app_key"),
        (OTAA, {"app_key": KEY.upper()}, "app_key"),
        (OTAA, {"app_key": KEY[:-2] + "é0"}, "app_key"),
        (OTAA, {"app_key": ""}, "app_key"),
        (OTAA, {"nwk_key": KEY}, "nwk_key"),
        (OTAA, {"lorawan": "1.1"}, "nwk_key"),
        (OTAA_1_1, {"lorawan": "1.0.4"}, "nwk_key"),
        (OTAA_1_1, {"nwk_s_enc_key": KEY}, "join_eui"),
        (OTAA_1_1, {"nwk_key": KEY[1:]}, "nwk_key"),
        (ABP_1_1, {"lorawan": "1.0.4"}, "f_nwk_s_int_key"),
        (ABP_1_1, {"nwk_s_key": KEY}, "nwk_s_key"),
        (ABP_1_1, {"s_nwk_s_int_key": ""}, "s_nwk_s_int_key"),
        (ABP_1_1, {"reset_f_cnt": True}, "reset_f_cnt"),
        (OTAA, {"reset_f_cnt": True}, "reset_f_cnt"),
        (OTAA, {"adr": "no"}, "adr"),
        (OTAA, {"lorawan": "1.2"}, "lorawan"),
        (OTAA, {"class": "B"}, "class"),
        (OTAA, {"codec": "dingtek/df703"}, "codec"),
        (OTAA, {"colour": "red"}, "colour"),
        (OTAA, {"depth": 0.0}, "depth"),
        (OTAA, {"depth": "deep"}, "depth"),
        (OTAA, {"dev_addr": "26011bda"}, "join_eui"),
        (OTAA, {"nwk_s_key": KEY}, "join_eui"),
        (OTAA, {"app_s_key": KEY}, "join_eui"),
        (ABP, {"app_key": KEY}, "join_eui"),
        (ABP, {"dev_addr": ""}, "dev_addr"),
        (ABP, {"dev_addr": "26011bd"}, "dev_addr"),
        (ABP, {"nwk_s_key": ""}, "nwk_s_key"),
        (ABP, {"app_s_key": KEY[2:]}, "app_s_key"),
    ],
)
def test_wrong_entry_is_refused_by_its_number_and_key(
    tmp_path: Path, base: dict[str, Any], change: dict[str, Any], key: str
) -> None:
    first = {**ABP, "dev_eui": "70b3d57ed00000ff"}
    assert refused(tmp_path, first, {**base, **change}).key == f"device[2].{key}"


def test_neither_otaa_nor_abp_says_what_to_give(tmp_path: Path) -> None:
    error = refused(tmp_path, {"dev_eui": OTAA["dev_eui"], "name": "x"})
    assert "join_eui and app_key (OTAA), or dev_addr" in str(error)
    assert "not both" not in str(error)


def test_both_otaa_and_abp_are_refused(tmp_path: Path) -> None:
    assert "not both" in str(refused(tmp_path, {**ABP, **OTAA}))


def test_missing_name_is_named(tmp_path: Path) -> None:
    assert "`name`" in str(refused(tmp_path, {"dev_eui": OTAA["dev_eui"]}))


def test_dev_eui_that_stands_twice_names_both_devices(tmp_path: Path) -> None:
    error = refused(tmp_path, OTAA, {**ABP, "dev_eui": OTAA["dev_eui"]})
    assert error.key == "device[2].dev_eui"
    assert "parking, bin" in str(error)


@pytest.mark.parametrize("key", ["app_key", "nwk_s_key", "app_s_key", "nwk_key"])
@pytest.mark.parametrize(
    "value",
    [KEY + "99", KEY.upper(), KEY[:-1] + "g", int("9" * 32), 1234567890123456, [KEY], {"is": KEY}],
)
def test_no_message_shows_a_key(tmp_path: Path, key: str, value: Any) -> None:
    base = OTAA if key in ("app_key", "nwk_key") else ABP
    file = tmp_path / "devices.toml"
    entry = {name: each for name, each in base.items() if name != key}
    written = f'{{ is = "{KEY}" }}' if isinstance(value, dict) else repr(value).replace("'", '"')
    file.write_text(f"{table(entry)}{key} = {written}\n", encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8"))
    with pytest.raises(ConfigError) as caught:
        devices_toml.load(file, CATALOGUE)
    said = str(caught.value).lower()
    assert f"device[1].{key}" in said
    for secret in (KEY, KEY[:8], "99999999", "1234567890123456"):
        assert secret not in said


def test_mistyped_name_of_a_key_does_not_show_it(tmp_path: Path) -> None:
    error = refused(tmp_path, {**OTAA, "appkey": OTHER})
    assert "did you mean 'app_key'?" in str(error)
    assert OTHER not in str(error)


def test_device_does_not_show_its_keys(tmp_path: Path) -> None:
    for device in load(tmp_path, OTAA, ABP):
        assert str(bytes.fromhex(KEY)) not in repr(device)
        assert KEY not in repr(device)
