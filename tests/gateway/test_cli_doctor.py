"""kogge doctor: golden screens, JSON as its schema says, exit codes; nothing hangs it."""

import json
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kogge import HOUSE, kogge
from patience import HUNG
from screen_cases import all_screens, drawn, file, found, known

from gateway.cli import doctor, main
from gateway.doctor import examine
from gateway.doctor.finding import Check, Finding, Found, Group

SCHEMA = json.loads((HOUSE / "config/schema/cli/doctor.json").read_text(encoding="utf-8"))


pytestmark = pytest.mark.usefixtures("english_in_utc")


@pytest.mark.parametrize(
    ("verb", "case", "lang"), [one for one in all_screens() if one[0] == "doctor"]
)
def test_screen_is_the_golden_one(verb: str, case: str, lang: str) -> None:
    screen = drawn(verb, case, lang)
    assert screen == file(verb, case, lang).read_text(encoding="utf-8")
    assert max(map(len, screen.splitlines())) <= 80


def test_there_is_no_screen_that_nobody_draws() -> None:
    there = {path.name for path in (HOUSE / "tests" / "screens").iterdir()}
    assert there == {file(*one).name for one in all_screens()}


@pytest.mark.parametrize(
    ("case", "bad"),
    [
        ("healthy", set()),
        ("broker_down", {"tcp"}),
        ("radio_unplugged", {"port", "board"}),
        ("disk_full", {"disk_space"}),
        ("clock_unset", set()),
        ("codec_broken", {"codecs"}),
    ],
)
def test_what_is_bad_is_found_and_nothing_else(case: str, bad: set[str]) -> None:
    assert {one.check.name for one in found(case) if one.finding.level == "bad"} == bad


def test_clock_that_is_not_set_wants_a_look_for_nothing_is_lost() -> None:
    (clock,) = [one.finding for one in found("clock_unset") if one.check.name == "clock"]
    assert clock.level == "note"


def test_whatever_is_wrong_says_what_it_means_and_what_to_do() -> None:
    for case in ("broker_down", "radio_unplugged", "disk_full", "clock_unset", "codec_broken"):
        for one in found(case):
            if one.finding.level in ("note", "bad"):
                assert one.finding.means, one
                assert one.finding.do, one


@pytest.mark.parametrize("case", ["healthy", "codec_broken"])
def test_json_is_as_its_schema_says(case: str) -> None:
    told = doctor.told(found(case), 0.25)
    jsonschema.validate(json.loads(json.dumps(told)), SCHEMA)
    assert len({one["check"] for one in told["findings"]}) == len(told["findings"])


@pytest.mark.parametrize(("case", "code"), [("healthy", 0), ("clock_unset", 1), ("disk_full", 2)])
def test_exit_code_is_the_worst_finding(
    case: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "known", lambda _: None)
    monkeypatch.setattr(examine, "examine", lambda _: found(case))
    assert main(["doctor"]) == code
    assert "\x1b" not in capsys.readouterr().out


def test_without_anything_it_still_says_what_is_wrong(tmp_path: Path) -> None:
    done = kogge("doctor", "--config", str(tmp_path / "absent.toml"), "--json")
    assert (done.returncode, done.stderr) == (2, "")
    told = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    levels = {one["check"]: one["level"] for one in told["findings"]}
    assert (levels["configuration"], levels["service"]) == ("bad", "bad")
    assert (levels["port"], levels["publish"]) == ("unknown", "unknown")


def group(name: str, gather: Any, judge: Any) -> Group[Any]:
    return Group(name, gather, (Check(name, name, judge),))


def test_what_hangs_is_unknown_and_holds_nobody_up() -> None:
    """Who waited for it would have its finding."""
    release = threading.Event()
    groups = [
        group("hangs", lambda _: release.wait(HUNG), lambda _, __: Finding("ok", "never")),
        group("quick", lambda _: 7, lambda _, facts: Finding("ok", f"{facts}")),
    ]
    hangs, quick = examine.examine(known("healthy"), 2.0, groups)
    release.set()
    assert (hangs.finding.level, quick.finding) == ("unknown", Finding("ok", "7"))


def test_own_fault_of_a_check_is_raised() -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(examine.examine(known("healthy"), 5, [group("x", broken, lambda *_: None)]))


def test_conclusion_begins_with_the_worst() -> None:
    def one(title: str, level: Any) -> Found:
        return Found(Check(title, title, lambda *_: Finding("ok", "")), Finding(level, "x"))

    assert doctor.conclusion([one("A", "ok"), one("B", "unknown")]) == "All is well."
    assert doctor.conclusion([one("A", "note"), one("B", "bad"), one("C", "note")]) == (
        "1 check is bad, 2 are worth a look. Begin with: B."
    )
