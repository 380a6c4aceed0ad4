"""The screen of kogge status: golden in both languages, and a line for whatever is unusual."""

from typing import Any

import pytest
from screen_cases import STATUS, all_screens, drawn, file, status

from gateway.cli.screen import Style
from gateway.cli.status_screen import screen
from gateway.cli.status_verdict import verdict

RADIO, CITY, JOIN = STATUS["radio"], STATUS["city"], STATUS["join"]


pytestmark = pytest.mark.usefixtures("english_in_utc")


def shown(change: dict[str, Any]) -> str:
    return "\n".join(screen(STATUS | change, Style()))


@pytest.mark.parametrize(
    ("verb", "case", "lang"), [one for one in all_screens() if one[0] == "status"]
)
def test_screen_is_the_golden_one(verb: str, case: str, lang: str) -> None:
    found = drawn(verb, case, lang)
    assert found == file(verb, case, lang).read_text(encoding="utf-8")
    assert max(map(len, found.splitlines())) <= 80
    assert len(found.splitlines()) <= 25


def test_verdict_says_first_what_is_wrong() -> None:
    assert verdict(status("healthy")) == (
        "broker connected; 3 readings safe on disk; radio receiving; disk 61 %"
    )
    assert verdict(status("broker_down")).replace("\u00a0", " ") == (
        "broker unreachable for 3 h 12 min; 4 211 readings safe on disk; radio receiving; disk 61 %"
    )
    failing = {"state": "failing", "reason": "full", "retries": 3, "memory_records": 7}
    assert verdict(STATUS | {"store": failing}) == (
        "7 readings in memory only; broker connected; 3 readings wait; radio receiving"
    )
    assert verdict(status("radio_unplugged")).startswith("radio does not receive; ")


def test_answer_of_an_older_daemon_is_shown_too() -> None:
    radio = {key: value for key, value in RADIO.items() if key != "heard"}
    city = {key: CITY[key] for key in ("state", "reason", "protocol", "commands")}
    older = STATUS | {"radio": radio, "city": city}
    for key in ("now", "up", "pid", "state_dir"):
        del older[key]
    text = "\n".join(screen(older, Style()))
    assert "All is well: broker connected" in text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"duty_cycle": {"868-868.6": {"seconds_left": 30.25, "seconds": 36.0},
                            "869.4-869.65": {"seconds_left": 360.0, "seconds": 360.0}}},
            "  airtime: 868–868.6 MHz 30.2 of 36 s left",
        ),
        ({"silence": "JP demands it"}, "  SILENT: JP demands it"),
        (
            {"store": {"state": "failing", "reason": "full", "retries": 3, "memory_records": 7}},
            "Buffer: FAULT: 3 not yet acknowledged; the disk is failing",
        ),
        (
            {"store": {"state": "well", "quarantined": ["kogge.db.damaged-1"]}},
            "  databases that were put aside are in gateway.state_dir: kogge.db.damaged-1",
        ),
        (
            {"store": {"state": "well", "uncopied": 10}},
            "  no room for a copy before the upgrade: the version before cannot read the database",
        ),
        ({"locked": 3}, "  LOCKED: 3 devices are not heard: their sessions are sealed under"),
        ({"join": JOIN | {"seconds_left": 841.0}}, "  joining: open for 14 min more"),
        ({"join": JOIN | {"join": "closed"}}, "  joining: closed"),
        (
            {"join": JOIN | {"allow": ["70b3", "a8"]}},
            "  joining: DevEUIs that begin with 70b3, a8 only",
        ),
        (
            {"radio": RADIO | {"pulses": 41, "eui": "0016c001ffffffff"}},
            "  SX1302, EUI 0016c001ffffffff, MCU V01.00.00, AGC 10, ARB 2, 24.4 °C,"
            " pulses per second, 1 start",
        ),
        ({"radio": RADIO | {"state": "starting"}}, "Radio: FAULT: starting"),
        ({"lost": 2}, "Buffer: FAULT: 3 not yet acknowledged; 2 GIVEN UP"),
        ({"downlinks": 3}, ", downlinks waiting 3"),
        ({"city": CITY | {"commands": False}}, "  lets no command through"),
        ({"city": CITY | {"parked": 4}}, "  PARKED: the broker refuses 4 for good"),
        ({"stuck": ["store"]}, "Daemon: FAULT: STUCK: store"),
        ({"gateway": "", "name": ""}, "gateway without an EUI yet, Kogge 0.1.0"),
        (
            {"codec_worker": STATUS["codec_worker"] | {"faults": 2, "reason": "killed"}},
            "  codecs: 2 faults; last: killed",
        ),
        (
            {"machine": status("healthy")["machine"] | {"undervoltage": True}},
            "Temperature: FAULT: processor 48.3 °C; UNDERVOLTAGE",
        ),
    ],
)  # fmt: skip
def test_what_is_unusual_has_a_line(change: dict[str, Any], says: str) -> None:
    assert says in shown(change).replace("\u00a0", " ")
    assert says not in shown({}).replace("\u00a0", " ")


def test_archive_is_told_in_one_line() -> None:
    archive = {
        "readings": 1200, "bytes": 1 << 20, "from": 1_790_000_000.125, "to": 1_790_000_060.0,
        "given_up": 512, "damaged": 3, "replays": 2,
    }  # fmt: skip
    assert (
        "archive: 1 200 delivered, 1 MB, from 21 Sep 2026 14:13 to 21 Sep 2026 14:14,"
        " 512 given up, 3 DAMAGED, replays waiting: 2"
    ) in shown({"archive": archive}).replace("\u00a0", " ")
    assert "archive" not in shown({"archive": dict.fromkeys(archive, 0)})
