"""A screen for a terminal, a pipe, a screen reader: words tell, colours repeat."""

import io
import re

import pytest

from gateway.cli import language
from gateway.cli.screen import Level, Row, Style, folded, heading, rows, style_for, tell, worst

LONG = Row("bad", "Broker", "one two three " * 12, ("wide " * 30,))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_only_repeat_what_the_words_say() -> None:
    coloured = list(rows([LONG, Row("ok", "Radio", "x")], Style(80, colour=True)))
    plain = list(rows([LONG, Row("ok", "Radio", "x")], Style(80)))
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain
    assert plain[0].startswith("FAULT ")
    assert plain[-1].startswith("ok ")


def test_terminal_has_80_columns_and_a_pipe_one_line_a_text() -> None:
    drawn = list(rows([LONG, LONG._replace(wide=True)], Style(80)))
    assert max(map(len, drawn)) <= 80
    assert drawn[-1].startswith("       wide")
    assert len(list(rows([LONG], Style()))) == 2


@pytest.mark.parametrize(
    ("env", "plain", "style"),
    [
        ({"TERM": "xterm"}, False, Style(80, colour=True)),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, Style(80)),
        ({"TERM": "xterm", "NO_COLOR": ""}, False, Style(80, colour=True)),
        ({"TERM": "dumb"}, False, Style(80)),
        ({"TERM": "xterm"}, True, Style()),
    ],
)
def test_style_of_a_terminal(env: dict[str, str], plain: bool, style: Style) -> None:
    assert style_for(Terminal(), env, plain) == style
    assert style_for(io.StringIO(), env, plain) == Style()


@pytest.mark.parametrize(
    ("levels", "level"),
    [
        ([], "ok"),
        (["ok", "unknown"], "ok"),
        (["note", "unknown"], "note"),
        (["note", "bad"], "bad"),
    ],
)
def test_worst_level_counts_and_what_is_not_known_is_no_fault(
    levels: list[Level], level: Level
) -> None:
    assert worst(levels) == level


def test_heading_is_wrapped_on_a_terminal_alone() -> None:
    assert len(list(heading("word " * 40, "ok", Style(80)))) == 3
    assert len(list(heading("word " * 40, "ok", Style()))) == 1


def test_line_folds_below_what_it_belongs_to() -> None:
    assert folded("short\n\nlines", 20) == ["short", "", "lines"]
    assert folded("kogge: a b c d e f g h", 16) == ["kogge: a b c d e", "       f g h"]
    assert folded(" 1. a b c d e f g h", 12) == [" 1. a b c d", "    e f g h"]
    assert folded("    -> a b c d e f", 14) == ["    -> a b c d", "       e f"]
    assert folded("  files: a b c", 12) == ["  files: a b", "    c"]
    assert folded("  name     a b c d e f", 18) == ["  name     a b c d", "           e f"]


def test_no_word_is_broken_and_none_is_lost() -> None:
    path = "/a/very/long/path/that/nobody/can/fold"
    assert folded(f"{path} --is-there", 20) == [path, "--is-there"]


def test_pipe_and_program_get_lines_as_they_are() -> None:
    text, pipe, terminal = "word " * 30, io.StringIO(), Terminal()
    tell(text, pipe)
    assert pipe.getvalue() == f"{text}\n"
    language.speak(language.PLAIN)
    try:
        tell(text, terminal)
    finally:
        language.speak("en")
    assert terminal.getvalue() == f"{text}\n"
    terminal = Terminal()
    tell(text, terminal)
    assert max(map(len, terminal.getvalue().splitlines())) <= 80
