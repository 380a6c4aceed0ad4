"""The terminal of `kogge demo`: a status line only where it can be replaced."""

import io
from argparse import ArgumentParser, ArgumentTypeError

import pytest

from gateway.cli import demo
from gateway.cli.demo import Terminal


class Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_lines_stay_above_the_status_on_a_terminal() -> None:
    tty = Tty()
    with Terminal(tty) as terminal:
        terminal.status("5 s")
        terminal.say("a reading")
    assert tty.getvalue() == (
        "\r\x1b[K5 s" "\r\x1b[K" "a reading\n" "\r\x1b[K5 s" "\r\x1b[K"
    )  # fmt: skip
    assert Terminal(tty).style().colours


def test_elsewhere_there_are_lines_only() -> None:
    stream = io.StringIO()
    with Terminal(stream) as terminal:
        terminal.status("5 s")
        terminal.say("a reading")
    assert stream.getvalue() == "a reading\n"
    assert not Terminal(stream).style().colours


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Terminal(Tty()).style().colours


def test_a_terminal_without_utf8_gets_ascii() -> None:
    latin = io.TextIOWrapper(io.BytesIO(), encoding="iso8859-1")
    assert not Terminal(latin).style().utf8
    assert Terminal(Tty()).style().utf8


@pytest.mark.parametrize("text", ["19", "601", "nan"])
def test_a_demo_too_short_or_too_long_is_refused(text: str) -> None:
    parser = ArgumentParser()
    demo.arguments(parser)
    with pytest.raises(ArgumentTypeError):
        demo._seconds(text)
