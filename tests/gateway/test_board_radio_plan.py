"""Board profiles and channel plans: what is shipped, what is found, what is refused."""

import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.sx1302 import semtech
from drivers.sx1302.settings import FineTimestamps, Settings
from gateway import files
from gateway.board import radio_plan
from gateway.config import Concentrator
from gateway.errors import ConfigError
from gateway.lorawan.regions import REGIONS as REGIONS_OF_LORAWAN

GOLDEN = Path(__file__).parent.parent / "golden" / "start-eu868.json"
REGIONS = files.shipped() / "regions"
BOARDS = files.shipped() / "boards"


def test_eu868_on_the_reference_board_is_the_references_configuration() -> None:
    reference = semtech.settings(json.loads(GOLDEN.read_text())["config"])
    assert radio_plan.load(Concentrator(antenna_gain=0), Path("/etc/kogge.toml")) == reference


# The 125 kHz uplink channels that every device of a region knows (RP002-1.0.4), in MHz.
KNOWN = {
    "EU868": [868.1, 868.3, 868.5],
    "EU433": [433.175, 433.375, 433.575],
    "AS923-1": [923.2, 923.4],
    "AS923-2": [921.4, 921.6],
    "AS923-3": [916.6, 916.8],
    "AS923-4": [917.3, 917.5],
    "IN865": [865.0625, 865.4025, 865.985],
    "KR920": [922.1, 922.3, 922.5],
    "RU864": [868.9, 869.1],
}
# Sub-bands: the first channel of the first, and the first of the eight 500 kHz channels.
SUB_BANDS = {"US915": (902.3, 903.0), "AU915": (915.2, 915.9)}
# The channels on which a device may join, and so choose the plan.
JOINS = {
    "CN470": [470.9, 472.5, 474.1, 475.7, 504.1, 505.7, 507.3, 508.9],
    "CN470-20B": [479.9, 499.9],
    "CN470-26A": [470.3, 472.3, 474.3, 476.3, 478.3],
    "CN470-26B": [480.3, 482.3, 484.3, 486.3, 488.3],
}
TRANSMIT = {  # what downlinks need (RX1 and RX2), in MHz
    "EU868": (863.1, 869.525),
    "EU433": (433.175, 434.665),
    "US915": (923.3, 927.5),
    "AU915": (923.3, 927.5),
    "AS923-1": (923.2, 924.6),
    "AS923-2": (921.4, 922.8),
    "AS923-3": (916.6, 918.0),
    "AS923-4": (917.3, 918.7),
    "CN470": (483.9, 496.5),
    "CN470-20B": (476.9, 503.1),
    "CN470-26A": (490.1, 494.7),
    "CN470-26B": (500.1, 504.7),
    "IN865": (865.0625, 866.55),
    "KR920": (921.9, 923.3),
    "RU864": (864.1, 869.1),
}
PLANS = sorted(path.stem for path in REGIONS.glob("*.toml"))
BOARD_NAMES = sorted(path.stem for path in BOARDS.glob("*.toml"))
KOGGE = Path("/etc/kogge.toml")


def region_of(plan: str) -> str:
    return str(tomllib.loads((REGIONS / f"{plan}.toml").read_text())["region"])


def board_for(plan: str) -> str:
    low = region_of(plan).startswith(("EU433", "CN470"))
    return "rak5146-usb-470" if low else "corecell-usb"


def settings_of(plan: str, board: str) -> Settings:
    return radio_plan.load(Concentrator(board=board, plan=plan, region=region_of(plan)), KOGGE)


def centres(settings: Settings) -> list[int]:
    return [settings.centre(channel) for channel in settings.channels if channel is not None]


def hertz(mhz: float) -> int:
    return round(mhz * 1e6)


@pytest.mark.parametrize("board", BOARD_NAMES)
@pytest.mark.parametrize("plan", PLANS)
def test_every_shipped_plan_works_on_every_board_that_reaches_its_band(
    plan: str, board: str
) -> None:
    low, high = tomllib.loads((BOARDS / f"{board}.toml").read_text())["frequencies"]
    wanted = tomllib.loads((REGIONS / f"{plan}.toml").read_text())["radios"][0]
    reaches = low <= wanted["frequency"] <= high and low <= wanted["transmit"][0]
    if not reaches:
        with pytest.raises(ConfigError, match="is built for"):
            settings_of(plan, board)
        return
    settings = settings_of(plan, board)
    assert [radio.transmit is not None for _, radio in settings.radio_chains] == [True, False]


def test_every_board_reaches_some_plan_and_every_plan_some_board() -> None:
    for plan in PLANS:
        settings_of(plan, board_for(plan))
    assert {"corecell-usb-cn490", "rak5146-usb-470"} < set(BOARD_NAMES)
    assert settings_of("cn470-1", "corecell-usb-cn490").radios[0] is not None


@pytest.mark.parametrize("plan", PLANS)
def test_channels_of_every_plan_are_the_regions(plan: str) -> None:
    settings, region = settings_of(plan, board_for(plan)), region_of(plan)
    heard = centres(settings)
    if region in KNOWN:
        assert {hertz(mhz) for mhz in KNOWN[region]} <= set(heard)
        assert heard[:2] == [hertz(mhz) for mhz in KNOWN[region][:2]]
    elif region in SUB_BANDS:
        start = hertz(SUB_BANDS[region][0] + 1.6 * (int(plan[-1]) - 1))
        assert heard == [start + 200_000 * i for i in range(8)]
    else:
        number = int(plan[-1]) if plan[-1].isdigit() else 1
        assert hertz(JOINS[region][number - 1]) in heard
    assert all(high - low > 125_000 for low, high in pairwise(sorted(heard)))
    assert settings.public
    assert settings.spreading_factors >= set(range(7, 13))


@pytest.mark.parametrize("plan", PLANS)
def test_lorawan_side_knows_the_region_and_its_channels(plan: str) -> None:
    region = REGIONS_OF_LORAWAN[region_of(plan)]
    heard = set(centres(settings_of(plan, board_for(plan))))
    assert heard <= set(region.channels) if region.fixed else set(region.channels) <= heard


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan[:2] in ("us", "au")])
def test_wide_channel_of_a_sub_band_is_on_the_service_chain(plan: str) -> None:
    settings = settings_of(plan, "corecell-usb")
    assert settings.service is not None
    first = SUB_BANDS[region_of(plan)][1]
    assert settings.centre(settings.service) == hertz(first + 1.6 * (int(plan[-1]) - 1))
    assert (settings.service.bandwidth, settings.service.sf) == (500_000, 8)


@pytest.mark.parametrize("plan", PLANS)
def test_downlinks_of_the_region_may_be_transmitted(plan: str) -> None:
    radio = settings_of(plan, board_for(plan)).radios[0]
    assert radio is not None
    assert radio.transmit is not None
    low, high = TRANSMIT[region_of(plan)]
    assert radio.transmit[0] <= hertz(low) <= hertz(high) <= radio.transmit[1]


@pytest.mark.parametrize("plan", PLANS)
def test_comments_name_the_frequency_of_each_chain(plan: str) -> None:
    text = (REGIONS / f"{plan}.toml").read_text()
    settings = settings_of(plan, board_for(plan))
    named = re.findall(r"^\[+(channels|service|fsk)\]+ +# ([0-9.]+) MHz", text, re.MULTILINE)
    chains = [("channels", channel) for channel in settings.channels if channel is not None]
    chains += [("service", settings.service)] if settings.service else []
    chains += [("fsk", settings.fsk)] if settings.fsk else []
    assert [(kind, hertz(float(mhz))) for kind, mhz in named] == [
        (kind, settings.centre(channel)) for kind, channel in chains
    ]


def test_every_region_of_the_parameters_has_its_plan_without_naming_one() -> None:
    expected = {region: region.lower() for region in KNOWN}
    expected |= {"US915": "us915-2", "AU915": "au915-2", "CN470": "cn470-1"}
    expected |= {"CN470-20B": "cn470-20b-1", "CN470-26A": "cn470-26a-1"}
    expected["CN470-26B"] = "cn470-26b-4"
    assert set(expected) == set(REGIONS_OF_LORAWAN) == set(radio_plan.shipped_regions())
    for region, plan in expected.items():
        board = board_for(plan)
        by_region = radio_plan.load(Concentrator(board=board, region=region), KOGGE)
        assert by_region == settings_of(plan, board)


def test_power_table_follows_the_band() -> None:
    """RAKwireless' figures: 27 dBm is level 22 in Europe and level 19 at 920–923 MHz."""
    levels = {}
    for plan in ("eu868", "as923-1", "as923-2"):
        radio = settings_of(plan, "rak5146-usb").radios[0]
        assert radio is not None
        levels[plan] = [row.pwr_idx for row in radio.gains if row.rf_power == 14]
    assert levels == {"eu868": [6], "as923-1": [8], "as923-2": [3]}


def test_antenna_gain_and_fine_timestamps_come_from_kogge_toml() -> None:
    asked = Concentrator(antenna_gain=2.5, fine_timestamps="high_capacity")
    settings = radio_plan.load(asked, KOGGE)
    assert (settings.antenna_gain, settings.fine_timestamps) == (2.5, FineTimestamps.HIGH_CAPACITY)


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


SILENT = ("radios[2].transmit", (868_000_000, 869_000_000))


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        ("offset = 400_000 ", "offset = 800_000 ", "channels[8].offset", 800_000),
        ("frequency = 868_500_000", "frequency = 870_500_000", "radios[2].frequency", 870_500_000),
        ("sf = 7", "sf = 13", "service.sf", 13),
        ("bit_rate = 50_000", "bit_rate = 1", "fsk.bit_rate", 1),
        ("factors = [5,", "factors = [4,", "spreading_factors", [4, 6, 7, 8, 9, 10, 11, 12]),
        ("bandwidth = 250_000", 'bandwidth = "wide"', "service.bandwidth", "wide"),
        ("[863_000_000,", "[873_000_000,", "radios[1].transmit", (873_000_000, 870_000_000)),
        ("[863_000_000,", "[862_000_000,", "radios[1].transmit", (862_000_000, 870_000_000)),
        ("868_500_000\n", "868_500_000\ntransmit = [868000000, 869000000]\n", *SILENT),
        ("offset = -400_000", "offset = -200_000", "channels[2].offset", -200_000),
        ("radio = 1\noffset = -400_000", "offset = 1", "channels[1]", None),
        ("frequency = 867_500_000\n", "", "radios[1]", None),
        ("bit_rate", 'sync_word = "c1c"\nbit_rate', "fsk.sync_word", "c1c"),
        ("frequency = 868_500_000", "", "channels[1].radio", 1),
    ],
)
def test_impossible_plan_is_refused_by_file_key_and_value(
    tmp_path: Path, old: str, new: str, key: str, value: object
) -> None:
    plan = tmp_path / "own.toml"
    text = (REGIONS / "eu868.toml").read_text().replace("offset = 400_000\n", "offset = 400_000 \n")
    assert old in text
    plan.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        radio_plan.load(Concentrator(plan=str(plan)), tmp_path / "kogge.toml")
    assert (refused.value.file, refused.value.key) == (str(plan), key)
    assert refused.value.value == value
    assert refused.value.allowed


GAINS = "radios[1].powers[1].gains"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("clock_source = 0", "clock_source = 2", "clock_source"),
        ("rf_power = 27, pa_gain = 1", "rf_power = 27, pa_gain = 4", GAINS + "[16].pa_gain"),
        ("rf_power = 27", "rf_power = 2", GAINS),
        ("rssi_offset", "rssi_offfset", "radios[1].rssi_offfset"),
        ("gains = [", "frequencies = [868000000]\ngains = [", "radios[1].powers[1].frequencies"),
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
