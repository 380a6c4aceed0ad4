"""What is typed: in any order, and mistyped."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.cli.parser import EX_USAGE, Parser, in_order
from gateway.cli.whole import leaves, whole


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == EX_USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def taken(verb: str, typed: list[str], monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """What the verb is given of what was typed."""
    seen: list[argparse.Namespace] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args)
        return 0

    monkeypatch.setattr(f"gateway.cli.{verb}.run", run)
    assert main(typed) == 0
    (args,) = seen
    return args


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["statsu"], "kogge: there is no 'statsu' here; did you mean status?"),
        (["config", "sho"], "kogge config: there is no 'sho' here; did you mean show?"),
        (["status", "--jsno"], "kogge status: there is no option --jsno; did you mean --json?"),
        (["decode", "--codecc", "x"], "there is no option --codecc; did you mean --codec?"),
        (["devices", "--confg=x", "list"], "there is no option --confg; did you mean --config?"),
        (["buffer", "list", "--limt", "3"], "kogge buffer list: there is no option --limt"),
        (["devices", "list", "x"], "kogge devices list: x: nothing more is expected here"),
        (["radio", "send", "--sf", "3"], "--sf: there is no 3 here; there are: 5, 6, 7"),
        (["simulate", "--days", "x"], "kogge simulate: --days: 'x' is no number\n"),
        (["radio", "send", "--power", "x"], "--power: 'x' is no number"),
        (["buffer", "list", "--limit", "0"], "kogge buffer list: --limit: '0': give a number"),
        (["join", "open", "--minutes", "nan"], "'nan': give a number above 0, at most 1440"),
        (["forward", "pause", "--minutes=-1"], "'-1': give a number above 0, at most 1440"),
        (["frames", "--pcap"], "kogge frames: --pcap: expected one argument"),
        (["status", "--json", "--metrics"], "--metrics: not allowed with argument --json"),
        (["config"], "kogge config: say which: check, show, diff, set, import-semtech"),
        (["config", "--json"], "kogge config: say which: check"),
        (["completion", "tcsh"], "there is no 'tcsh' here; there are: bash, zsh, fish"),
        (["xyzzy"], "there is no 'xyzzy' here; there are: run, demo"),
    ],
)
def test_what_is_mistyped_is_named_with_what_is_nearest(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    err = refused(capsys, *typed)
    assert said in err
    assert "--help explains it." in err


def test_what_is_mistyped_is_told_in_german(capsys: pytest.CaptureFixture[str]) -> None:
    err = refused(capsys, "config", "sho", "--lang", "de")
    assert "'sho' gibt es hier nicht; gemeint ist vielleicht show" in err
    assert "die Option --jsno gibt es nicht" in refused(capsys, "--lang=de", "status", "--jsno")


@pytest.mark.parametrize(
    "typed",
    [
        ["firmware", "import", "--dir", "D", "PATH"],
        ["firmware", "import", "PATH", "--dir", "D"],
        ["firmware", "--dir", "D", "import", "PATH"],
        ["--dir", "D", "firmware", "import", "PATH"],
        ["firmware", "--dir=D", "import", "PATH"],
    ],
)
def test_options_may_stand_anywhere(typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    args = taken("firmware", typed, monkeypatch)
    assert (args.action, str(args.path), str(args.dir)) == ("import", "PATH", "D")


@pytest.mark.parametrize(
    ("typed", "many"),
    [
        (["config", "set", "store.window=1", "--json", "mqtt.order=strict"], "words"),
        (["codec", "test", "a.jsonl", "--codec", "x", "b.jsonl"], "files"),
        (["codec", "bench", "a", "--json", "b"], "names"),
    ],
)
def test_options_may_stand_between_arguments(
    typed: list[str], many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(getattr(taken(typed[0], typed, monkeypatch), many)) == 2


def test_help_may_stand_before_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help", "config", "show"])
    assert ended.value.code == 0
    assert "usage: kogge config" in capsys.readouterr().out


def test_negative_numbers_and_a_lone_dash_are_no_options() -> None:
    parser = Parser(prog="kogge x")
    parser.add_argument("--power", type=int)
    parser.add_argument("file")
    assert parser.parse_args(["-", "--power", "-5"]) == argparse.Namespace(power=-5, file="-")
    assert parser.parse_args(["--", "--power"]).file == "--power"
    assert parser.parse_args(["-5"]).file == "-5"


@given(st.lists(st.sampled_from(["--json", "--dir", "-", "--", "D", "list", "-h", "--di"])))
def test_order_loses_no_word_and_adds_none(words: list[str]) -> None:
    flag, valued = argparse.Action(["--json"], "json", nargs=0), argparse.Action(["--dir"], "dir")
    for has_actions in (False, True):
        found = in_order(words, {"--json": flag, "--dir": valued, "-h": flag}, has_actions)
        assert sorted(found) == sorted(words)


def test_no_option_takes_what_its_order_does_not_know() -> None:
    """An option has one value or none: that is how its words are told from arguments."""
    for words, parser in leaves(whole()):
        for action in parser._actions:
            assert not action.option_strings or action.nargs in (None, 0), (words, action.dest)


def test_every_action_of_every_verb_is_reached_from_behind_its_options() -> None:
    for words, parser in leaves(whole()):
        if len(words) == 2 and "--json" in parser._option_string_actions:
            found = in_order(["--json", words[1]], parser._option_string_actions, True)
            assert found == [words[1], "--json"], words
