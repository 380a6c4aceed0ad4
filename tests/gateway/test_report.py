"""`kogge status` as an object: JSON through and through, and an honest word for how it is."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import msgspec
import pytest
from archive_tools import START, WEEK, deliver, order, timed
from concentrator_standin import FakeConcentrator
from messages import MOMENT
from store_tools import World
from uplinks_bench import GAUGE

from drivers.concentrator import ConcentratorStatus, TxStatus
from gateway.air.radio import Fault, Radio
from gateway.air.rhythm import Rhythm
from gateway.air.uplinks import Uplinks
from gateway.cli import status as verb
from gateway.cli.screen import Style
from gateway.cli.status_screen import screen
from gateway.config import Config
from gateway.diagnostics import report
from gateway.lorawan.outcome import DropReason
from gateway.lorawan.plan import factory_rx
from gateway.lorawan.regions.asia import KR920
from gateway.lorawan.regions.europe import EU868
from gateway.northbound.state import State
from gateway.settings import Settings


class Counted:
    """What a report asks of Uplinks."""

    counts = MappingProxyType({"readings": 7, "joins": 1, "without_payload": 0, "repeated": 0})
    drops = MappingProxyType({DropReason.BAD_MIC: 2, DropReason.REPLAY: 1})


CONNECTED = State(MOMENT, connected=True, protocol="5", reason="", published=3, connections=1)
CHIP = ConcentratorStatus(0x16C001FF10A235, "SX1302", "AGC 10", 24.37, 1, {"bad_checksum": 1})

NO_ARCHIVE = {
    "readings": 0, "bytes": 0, "from": None, "to": None, "given_up": 0, "damaged": 0, "replays": 0
}  # fmt: skip


def made(
    city: State | None = CONNECTED,
    radio: str = "receiving",
    chip: ConcentratorStatus = CHIP,
    fault: Fault | None = None,
    **change: Any,
) -> dict[str, Any]:
    """A report as the socket passes it on: through JSON."""
    one = Radio(
        FakeConcentrator(), lambda _: None, lambda *_: None, lambda: 0.0, lambda: MOMENT, Rhythm()
    )
    one.state, one.reason = radio, "" if radio == "receiving" else "no port"  # type: ignore[assignment]
    one.starts, one.last_fault = 3, fault
    one.faults.update([fault.kind] * 2 if fault else [])
    eu868 = Settings(Config(), (GAUGE,), {}, None, EU868, factory_rx(EU868), Path())  # type: ignore[arg-type]
    arguments: dict[str, Any] = {
        "since": MOMENT, "dated": lambda moment: moment, "now": MOMENT, "radio": one,
        "chip": chip, "city": city, "backlog": 5, "lost": 2,
        "uplinks": cast(Uplinks, Counted()), "answers": {TxStatus.OK: 4},
        "airtime_left": {"869.4-869.65": 360.0}, "downlinks": 2, "locked": 0, "stuck": [],
        "codec_worker": {"state": "not needed", "faults": 0, "disabled": {}},
        "join": {"join": "open", "seconds_left": None, "allow": [], "joins_per_minute": 60},
        "archive": NO_ARCHIVE, "store": {"state": "well", "quarantined": []},
    } | change  # fmt: skip
    found = report.status(arguments.pop("settings", eu868), "0016c001ff10a235", **arguments)
    return cast(dict[str, Any], json.loads(msgspec.json.encode(found)))


def shown(found: dict[str, Any]) -> str:
    return "\n".join(screen(found, Style())).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("receiving", "connected", "stuck", "word"),
    [
        (True, True, False, "healthy"),
        (True, False, False, "degraded"),
        (False, True, False, "degraded"),
        (False, False, False, "broken"),
        (True, True, True, "broken"),
    ],
)
def test_health_is_one_honest_word(
    receiving: bool, connected: bool, stuck: bool, word: str
) -> None:
    city = CONNECTED if connected else msgspec.structs.replace(CONNECTED, connected=False)
    found = made(city, "receiving" if receiving else "fault", stuck=["store"] if stuck else [])
    assert found["health"] == word
    assert verb.EXIT[found["health"]] == ["healthy", "degraded", "broken"].index(word)


def test_report_carries_what_was_counted() -> None:
    found = made()
    assert found["drops"] == {"bad_mic": 2, "replay": 1}
    assert found["answers"] == {"OK": 4}
    assert found["counts"]["readings"] == 7
    assert (found["up"], found["now"], found["state_dir"]) == (0.0, MOMENT.at, "/var/lib/kogge")
    assert found["city"]["seconds"] == 0.0
    assert found["radio"]["heard"] == {
        "minutes": 5, "packets": 0, "seconds": None, "noise": None, "noise_packets": 0,
    }  # fmt: skip
    assert (found["backlog"], found["lost"], found["devices"]) == (5, 2, 1)
    assert found["radio"]["damaged"] == {"bad_checksum": 1}
    assert (found["radio"]["eui"], found["radio"]["pulses"]) == ("0016c001ff10a235", 0)
    assert found["duty_cycle"] == {"869.4-869.65": {"seconds_left": 360.0, "seconds": 360.0}}
    assert (found["silence"], found["locked"], found["join"]["join"]) == ("", 0, "open")
    assert (found["city"]["state"], found["city"]["protocol"]) == ("connected", "5")


def test_last_fault_of_the_radio_is_told_after_it_has_healed() -> None:
    assert made()["radio"]["last_fault_at"] is None
    assert "faults" not in shown(made())
    found = made(fault=Fault("link", "the port ended", MOMENT))
    radio = found["radio"]
    assert (radio["reason"], radio["last_reason"]) == ("", "the port ended")
    assert (radio["restarts"], radio["faults"], radio["last_fault_at"]) == (
        2,
        {"link": 2},
        MOMENT.at,
    )
    assert "faults: 2 × line to the board; 2 restarts; last" in shown(found)
    assert ": the port ended" in shown(found)


def test_region_in_which_nothing_is_sent_is_told() -> None:
    settings = Settings(Config(), (GAUGE,), {}, None, KR920, factory_rx(KR920), Path())  # type: ignore[arg-type]
    assert "listen-before-talk" in made(settings=settings, airtime_left={})["silence"]


def test_fault_of_an_unsynchronised_moment_is_dated_once_the_time_is_known() -> None:
    early = msgspec.structs.replace(MOMENT, at=None)
    fault = Fault("link", "the port ended", early)
    assert made(fault=fault)["radio"]["last_fault_at"] is None
    assert made(fault=fault, dated=lambda _: MOMENT)["radio"]["last_fault_at"] == MOMENT.at


def test_report_before_the_first_start_says_what_is_missing() -> None:
    found = made(city=None, radio="fault", chip=ConcentratorStatus())
    assert found["city"] == {"state": "disconnected", "reason": report.NO_EUI}
    assert found["health"] == "broken"


@pytest.mark.parametrize(
    "found",
    [
        made(),
        made(city=None, radio="fault", chip=ConcentratorStatus()),
        made(stuck=["store"], fault=Fault("link", "the port ended", MOMENT)),
    ],
)
def test_technician_reads_it_on_one_screen(found: dict[str, Any]) -> None:
    assert len(list(screen(found, Style(80)))) <= 24
    text = shown(found)
    for part in (found["radio"]["reason"], found["city"]["reason"], *found["stuck"]):
        assert part in text
    assert "dropped: 2 × MIC wrong (bad_mic), 1 × counter went back (replay)" in text


async def test_archive_is_what_can_be_replayed(tmp_path: Path) -> None:
    async with World(tmp_path / "kogge.db").buffer(archive=WEEK) as buffer:
        assert report.archive(buffer.archive, buffer.replays) == NO_ARCHIVE
        await deliver(buffer, timed(3), timed(8))
        await order(buffer, "again")
        found = report.archive(buffer.archive, buffer.replays)
        assert made(archive=found)["archive"] == found
    assert found.pop("bytes") > 100
    assert found == {
        "readings": 2, "from": START + 3, "to": START + 8, "given_up": 0, "damaged": 0,
        "replays": 1,
    }  # fmt: skip


def test_pause_parked_records_and_warnings_are_told() -> None:
    city = msgspec.structs.replace(
        CONNECTED, paused=1800.04, parked=2, warnings=["this is a fallback"], url="mqtts://b:1"
    )
    found = made(city)
    assert (found["health"], found["city"]["paused"], found["city"]["parked"]) == (
        "degraded", 1800.0, 2,
    )  # fmt: skip
    assert (found["city"]["url"], found["city"]["fallback"]) == ("mqtts://b:1", False)
    lines = shown(found)
    assert "PAUSED: goes on in 30 min, or with: kogge forward resume" in lines
    assert "PARKED: the broker refuses 2 for good" in lines
    assert "this is a fallback" in lines
    assert "PAUSED" not in shown(made())
