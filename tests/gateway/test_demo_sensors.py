"""The sensors' payloads: equal to published examples, and understood by the gateway's codecs."""

from itertools import pairwise
from random import Random

import pytest
import vectors

from gateway import files
from gateway.codecs.catalogue import Catalogue
from gateway.demo import sensors
from gateway.demo.street import Resident, residents

CITY = residents(Random(3))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(files.shipped())


def published(vendor: str, codec: str) -> list[tuple[int, bytes]]:
    records = vectors.optional("devices.jsonl")
    return [
        (record["fPort"], bytes.fromhex(record["bytes"]))
        for record in records
        if (record["vendor"], record["codec"]) == (vendor, codec)
    ]


def test_bosch_tps110_equals_published_examples() -> None:
    examples = published("bosch", "tps110-0292")
    assert (1, sensors.tps110_status(True)) in examples
    assert (2, sensors.tps110_heartbeat(True, -1)) in examples


def test_nwave_nps405_equals_a_published_example() -> None:
    assert (1, sensors.nps405_status(True, 74)) in published("nwave", "nps405")


@pytest.mark.parametrize(
    ("minutes", "coded"),
    [(0, 0), (89, 89), (90, 90), (164, 104), (240, 120), (659, 126), (660, 127)],
)
def test_nwave_durations_are_packed_in_widening_steps(minutes: int, coded: int) -> None:
    assert sensors.nps405_status(False, minutes) == bytes([coded << 1])


def test_dingtek_df702_equals_a_published_example() -> None:
    assert (3, sensors.df702(2000, 25)) in published("dingtek", "df702")


def test_decentlab_pm_equals_a_published_example() -> None:
    masses, numbers = (3.7, 3.9, 3.9, 3.9), (26.3, 30.0, 30.1, 30.1, 30.1)
    climate = (24.35660461425781, 41.63221740722656, 96800)
    example = "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10"
    assert sensors.dl_pm(6992, 3.109, masses, 501, numbers, climate).hex() == example


def test_decentlab_pr26_equals_a_published_example() -> None:
    example = "02016700033e8060170c7f"
    assert sensors.dl_pr26(359, -0.01171875, 25.671875, 3.199).hex() == example


@pytest.mark.parametrize("resident", CITY, ids=lambda resident: resident.name)
def test_the_gateways_codec_understands_each_report(
    resident: Resident, catalogue: Catalogue
) -> None:
    codec = catalogue.codec(resident.codec)
    for _ in range(200):
        report = resident.sensor.report(30)
        decoded = codec.decode(report.f_port, report.payload, resident.depth)
        assert decoded.error is None
        assert decoded.measurements.keys() & {"occupied", "fill_level", "pm2_5", "water_level"}


def test_a_bin_fills_and_is_emptied() -> None:
    bin_ = sensors.DingtekDf702(Random(1), 1200, 0.5)
    levels = [int.from_bytes(bin_.report(30).payload[5:7], "big") for _ in range(40)]
    falls = sum(after < before for before, after in pairwise(levels))
    assert falls > 30, "waste rises towards the lid"
    assert max(levels) > 1100, "and is taken away"


def test_a_space_changes_its_state() -> None:
    space = sensors.BoschTps110(Random(1), occupied=False)
    assert {space.report(30).payload[0] for _ in range(20)} == {0, 1}
