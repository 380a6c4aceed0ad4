"""A global_conf.json is read, with its comments; what it says is what the files say again."""

import contextlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sx1302 import semtech
from gateway.board import radio_plan, semtech_import
from gateway.config import Concentrator
from gateway.errors import ConfigError, GatewayError

GOLDEN = Path(__file__).parent.parent / "golden" / "start-eu868.json"
REFERENCE: dict[str, Any] = json.loads(GOLDEN.read_text())["config"]


def write(directory: Path, text: str | bytes) -> Path:
    file = directory / "global_conf.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def imported(directory: Path, whole: Any, region: str | None = None) -> semtech_import.Imported:
    return semtech_import.read(write(directory, json.dumps(whole)), region)


def loaded(found: semtech_import.Imported, directory: Path) -> Any:
    """The settings that the daemon gets from the files and the keys that are told."""
    board, plan = semtech_import.write(found, Path("global_conf.json"), directory, force=True)
    keys = semtech_import.concentrator(found, board, plan)
    return radio_plan.load(Concentrator(**keys), directory / "kogge.toml")  # type: ignore[arg-type]


@pytest.mark.parametrize("whole", [REFERENCE, {"SX130x_conf": REFERENCE, "gateway_conf": {}}])
def test_reference_configuration_comes_through_whole(tmp_path: Path, whole: Any) -> None:
    found = imported(tmp_path, whole)
    assert found.region == "EU868"
    assert loaded(found, tmp_path) == semtech.settings(REFERENCE)
    assert [key for key, _ in found.left_out] == [key for key in whole if key == "gateway_conf"]


ODD = {
    "SX130x_conf": {
        "lorawan_public": False,
        "clksrc": 1,
        "antenna_gain": 3,
        "fine_timestamp": {"enable": True, "mode": "high_capacity"},
        "radio_0": {"enable": False},
        "radio_1": {
            "enable": True,
            "type": "SX1250",
            "freq": 868_500_000,
            "rssi_offset": -207,
            "single_input_mode": True,
            "tx_enable": True,
            "tx_freq_min": 866_000_000,
            "tx_freq_max": 867_000_000,
            "tx_gain_lut": [{"rf_power": 14, "pwr_idx": 3, "dig_gain": 2}, {"rf_power": -6}],
        },
        "chan_multiSF_All": {"spreading_factor_enable": [7, 9]},
        "chan_multiSF_1": {"enable": True, "radio": 1, "if": -400_000},
        "chan_multiSF_6": {"enable": True, "radio": 1, "if": -200_000},
        "chan_Lora_std": {
            "enable": True,
            "radio": 1,
            "implicit_hdr": True,
            "implicit_payload_length": 9,
            "implicit_crc_en": True,
            "implicit_coderate": 2,
        },
        "chan_FSK": {"enable": True, "radio": 1, "sync_word": 0x1234, "sync_word_size": 2},
    }
}


def test_everything_that_the_format_can_say_comes_through(tmp_path: Path) -> None:
    found = imported(tmp_path, ODD)
    assert loaded(found, tmp_path) == semtech.settings(ODD["SX130x_conf"])
    plan = tomllib.loads((tmp_path / "global_conf.plan.toml").read_text())
    assert plan["channels"][0] == {}
    assert len(plan["channels"]) == 7


CHANNELS = st.lists(
    st.fixed_dictionaries(
        {"enable": st.booleans(), "radio": st.integers(0, 1), "if": st.integers(-737_500, 737_500)}
    ),
    min_size=8,
    max_size=8,
    unique_by=lambda channel: REFERENCE[f"radio_{channel['radio']}"]["freq"] + channel["if"],
)


@given(CHANNELS, st.booleans(), st.booleans(), st.sets(st.integers(5, 12)))
def test_made_up_configurations_come_through(
    tmp_path_factory: pytest.TempPathFactory,
    channels: list[dict[str, Any]],
    public: bool,
    sends: bool,
    factors: set[int],
) -> None:
    directory = tmp_path_factory.getbasetemp()
    conf = REFERENCE | {f"chan_multiSF_{i}": channel for i, channel in enumerate(channels)}
    conf |= {"lorawan_public": public, "radio_0": REFERENCE["radio_0"] | {"tx_enable": sends}}
    conf |= {"chan_multiSF_All": {"spreading_factor_enable": sorted(factors)}}
    found = imported(directory, {"SX130x_conf": conf}, "eu868")
    assert loaded(found, directory) == semtech.settings(conf)


def test_comments_are_comments_except_in_strings(tmp_path: Path) -> None:
    text = json.dumps({"SX130x_conf": REFERENCE | {"desc": "a // b /* c"}}, indent=1)
    commented = "/* head\n */" + text.replace(',\n  "clksrc"', ', // note\n  "clksrc"')
    assert "// note" in commented
    file = write(tmp_path, commented)
    assert semtech_import.read(file, None).settings == semtech.settings(REFERENCE)


def test_what_is_left_out_is_said_with_the_reason(tmp_path: Path) -> None:
    lbt = {"lbt": {"enable": True}, "spectral_scan": {"enable": False}}
    conf = REFERENCE | {"sx1261_conf": lbt, "com_path": "/dev/ttyACM0", "tx_lut_0": {}}
    whole = {"SX130x_conf": conf, "gateway_conf": {"server_address": "x"}, "debug_conf": {}}
    found = imported(tmp_path, whole)
    told = dict(found.left_out)
    assert set(told) == {
        "gateway_conf",
        "debug_conf",
        "SX130x_conf.com_path",
        "SX130x_conf.tx_lut_0",
        "SX130x_conf.sx1261_conf.lbt",
    }
    assert "SX1261" in told["SX130x_conf.sx1261_conf.lbt"]
    assert all(told.values())


def hearing(first: int) -> dict[str, Any]:
    """Eight channels from `first` up, four on each radio."""
    conf: dict[str, Any] = {}
    for i in range(2):
        centre = {"freq": first + 800_000 * i, "tx_enable": False}
        conf[f"radio_{i}"] = REFERENCE["radio_0"] | centre
    for i in range(8):
        channel = {"enable": True, "radio": i // 4, "if": i % 4 * 200_000}
        conf[f"chan_multiSF_{i}"] = channel
    return conf


def test_region_of_channels_that_two_regions_have_must_be_named(tmp_path: Path) -> None:
    """AS923-1's channels are a sub-band of AU915 too; the service channel would tell."""
    conf = hearing(923_200_000)
    with pytest.raises(ConfigError, match=r"AS923-1 and AU915; say which with --region$"):
        imported(tmp_path, conf)
    assert imported(tmp_path, conf, "as923-1").region == "AS923-1"
    wide = {"enable": True, "radio": 0, "if": 500_000, "bandwidth": 250_000}
    assert imported(tmp_path, conf | {"chan_Lora_std": wide}).region == "AS923-1"
    with pytest.raises(ConfigError, match=r"--region is 'XX'; known are: .*EU868"):
        imported(tmp_path, conf, "XX")


def test_half_a_sub_band_is_no_sign_of_its_region(tmp_path: Path) -> None:
    """Semtech's own sample for Asia hears the first two channels of a sub-band of Australia."""
    with pytest.raises(ConfigError, match="no region alone; say which with --region"):
        imported(tmp_path, hearing(904_100_000))


def test_files_that_are_there_are_kept_unless_forced(tmp_path: Path) -> None:
    found, source = imported(tmp_path, REFERENCE), tmp_path / "global_conf.json"
    board, plan = semtech_import.write(found, source, tmp_path, force=False)
    board.unlink()
    plan.write_text("mine")
    with pytest.raises(GatewayError, match="--force"):
        semtech_import.write(found, source, tmp_path, force=False)
    assert not board.exists()
    assert plan.read_text() == "mine"
    semtech_import.write(found, source, tmp_path, force=True)
    assert plan.read_text() != "mine"


def test_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = imported(tmp_path, REFERENCE)
    with pytest.raises(GatewayError, match=r"nowhere.*cannot be written"):
        semtech_import.write(found, Path("x.json"), tmp_path / "nowhere", force=False)


def test_card_that_is_full_is_said_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    found = imported(tmp_path, REFERENCE)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(GatewayError, match=r"/x\.board\.toml cannot be written: No space left"):
        semtech_import.write(found, Path("x.json"), tmp_path, force=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{,}", "not JSON"),
        ('{"SX130x_conf": /* never closed', "not JSON"),
        ("[]", "an object is needed"),
        ("7", "an object is needed"),
        ("{}", "radio_0 or radio_1"),
        ('{"SX130x_conf": []}', "radio_0 or radio_1"),
        ('{"SX130x_conf": {"radio_0": []}}', r"SX130x_conf\.radio_0 is \[\]; an object"),
        ('{"radio_0": {"enable": "yes"}}', r"radio_0\.enable is 'yes'; true or false"),
        ('{"radio_0": {"enable": true, "type": "SX1257"}}', "only SX1250"),
        ('{"radio_0": {}, "clksrc": NaN}', "NaN is no number"),
        ('{"radio_0": {}}', r"clksrc is 0; the chip's clock"),
        ('{"radio_0": {}, "sx1261_conf": 5}', r"sx1261_conf is 5; an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"radio_0": {}, "clksrc": ' + "9" * 5000 + "}", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\x00", "not JSON"),
    ],
)
def test_file_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        semtech_import.read(write(tmp_path, text), None)
    assert refused.value.file == str(tmp_path / "global_conf.json")


def test_odd_keys_are_told_in_one_line(tmp_path: Path) -> None:
    whole = {"SX130x_conf": REFERENCE, "a\nb": 1, "\ud800": 2}
    assert [key for key, _ in imported(tmp_path, whole).left_out] == ["'a\\nb'", "'\\ud800'"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, st.sampled_from([*REFERENCE, "sx1261_conf", "radio_0"]))
def test_any_json_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, value: Any, key: str
) -> None:
    for whole in (value, {"SX130x_conf": value}, {"SX130x_conf": REFERENCE | {key: value}}):
        with contextlib.suppress(ConfigError):
            imported(tmp_path_factory.getbasetemp(), whole, "EU868")


def test_file_of_others_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(PermissionError, match=r"conf\.json may not be read"):
        semtech_import.read(tmp_path / "conf.json", None)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_refused_as_configuration(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    with pytest.raises(ConfigError):
        semtech_import.read(write(tmp_path_factory.getbasetemp(), raw), None)
