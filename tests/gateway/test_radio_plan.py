"""Board profiles and channel plans: what is shipped, what is found, what is refused."""

import json
from pathlib import Path

import pytest

from drivers.sx1302 import semtech
from gateway import files, radio_plan
from gateway.config import Concentrator
from gateway.errors import ConfigError

GOLDEN = Path(__file__).parent.parent / "golden" / "start-eu868.json"
REGIONS = files.shipped() / "regions"
BOARDS = files.shipped() / "boards"


def test_eu868_on_the_reference_board_is_the_references_configuration() -> None:
    reference = semtech.settings(json.loads(GOLDEN.read_text())["config"])
    assert radio_plan.load(Concentrator(), Path("/etc/kogge.toml")) == reference


@pytest.mark.parametrize("board", sorted(path.stem for path in BOARDS.glob("*.toml")))
def test_every_shipped_board_is_valid(board: str) -> None:
    settings = radio_plan.load(Concentrator(board=board), Path("/etc/kogge.toml"))
    assert [radio.transmit is not None for _, radio in settings.radio_chains] == [True, False]


@pytest.mark.parametrize("region", ["EU868", "eu868", "Eu868"])
def test_region_may_be_written_in_any_case(region: str) -> None:
    assert radio_plan.load(Concentrator(region=region), Path("/etc/kogge.toml")).public


def test_plan_may_be_a_file_beside_kogge_toml(tmp_path: Path) -> None:
    plan = (REGIONS / "eu868.toml").read_text()
    (tmp_path / "own.toml").write_text(plan.replace("public = true", "public = false"))
    settings = radio_plan.load(Concentrator(plan="own.toml"), tmp_path / "kogge.toml")
    assert not settings.public


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (Concentrator(region="XX1"), "concentrator.region"),
        (Concentrator(plan="nowhere"), "concentrator.plan"),
        (Concentrator(board="toaster"), "concentrator.board"),
        (Concentrator(region="US915", plan="eu868"), "concentrator.region"),
    ],
)
def test_unknown_name_is_refused_with_what_is_known(asked: Concentrator, key: str) -> None:
    with pytest.raises(ConfigError, match=r"EU868|eu868|corecell-usb") as refused:
        radio_plan.load(asked, Path("/etc/kogge.toml"))
    assert (refused.value.file, refused.value.key) == ("/etc/kogge.toml", key)


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        ("offset = 400_000 ", "offset = 800_000 ", "channels[8].offset", 800_000),
        ("frequency = 868_500_000", "frequency = 870_500_000", "radios[2].frequency", 870_500_000),
        ("sf = 7", "sf = 13", "service.sf", 13),
        ("bit_rate = 50_000", "bit_rate = 1", "fsk.bit_rate", 1),
        ("factors = [5,", "factors = [4,", "spreading_factors", [4, 6, 7, 8, 9, 10, 11, 12]),
        ("bandwidth = 250_000", 'bandwidth = "wide"', "service.bandwidth", "wide"),
        ("[863_000_000,", "[873_000_000,", "transmit", (873_000_000, 870_000_000)),
    ],
)
def test_impossible_plan_is_refused_by_file_key_and_value(
    tmp_path: Path, old: str, new: str, key: str, value: object
) -> None:
    plan = tmp_path / "own.toml"
    text = (REGIONS / "eu868.toml").read_text().replace("offset = 400_000\n", "offset = 400_000 \n")
    assert old in text
    plan.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        radio_plan.load(Concentrator(plan=str(plan)), tmp_path / "kogge.toml")
    assert (refused.value.file, refused.value.key) == (str(plan), key)
    assert refused.value.value == value
    assert refused.value.allowed


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("clock_source = 0", "clock_source = 2", "clock_source"),
        ("rf_power = 27, pa_gain = 1", "rf_power = 27, pa_gain = 4", "gains[16].pa_gain"),
        ("rf_power = 27", "rf_power = 2", "gains"),
        ("transmits", "transmit", "radios[1].transmit"),
    ],
)
def test_impossible_board_is_refused_by_file_and_key(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    board = tmp_path / "own.toml"
    board.write_text((BOARDS / "corecell-usb.toml").read_text().replace(old, new))
    with pytest.raises(ConfigError) as refused:
        radio_plan.load(Concentrator(board=str(board)), tmp_path / "kogge.toml")
    assert (refused.value.file, refused.value.key) == (str(board), key)
