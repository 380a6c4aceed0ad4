"""Progress on stderr: on a terminal, after a second, gone at the end; and Ctrl-C at any time."""

import io
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from kogge import HOUSE
from patience import HUNG

from gateway.cli import language, progress
from gateway.cli.progress import CLEAR, Progress, line


class Terminal(io.StringIO):
    """Says when a text was drawn on it."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self._awaited, self.drawn = awaited, threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._awaited in self.getvalue():
            self.drawn.set()
        return written


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress, "AFTER", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.001)
    yield
    language.speak("en")


def test_terminal_sees_how_far_it_is_and_has_its_line_back() -> None:
    terminal = Terminal("50 %  1\u00a0000 / 2\u00a0000")
    with Progress("exporting", terminal, {}) as told:
        told.at(1000, 2000)
        assert terminal.drawn.wait(30)
    assert "exporting [############............] 50 %" in terminal.getvalue()
    assert terminal.getvalue().endswith(CLEAR)


def test_line_is_gone_also_when_the_work_fails() -> None:
    terminal = Terminal("repairing")

    def interrupted() -> None:
        with Progress("repairing", terminal, {}):
            assert terminal.drawn.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith(CLEAR)
    assert not [one for one in threading.enumerate() if one.name == "progress"]


def test_nothing_is_drawn_while_something_else_is_printed() -> None:
    terminal = Terminal("testing")
    with Progress("testing", terminal, {}) as told:
        assert terminal.drawn.wait(30)
        with told.aside():
            before = terminal.getvalue()
            assert before.endswith(CLEAR)
            print("a difference", file=terminal)
            assert terminal.getvalue() == f"{before}a difference\n"


@pytest.mark.parametrize(
    ("stream", "env", "spoken"),
    [
        (io.StringIO(), {}, "en"),
        (Terminal(""), {"TERM": "dumb"}, "en"),
        (Terminal(""), {"TERM": "xterm"}, language.PLAIN),
    ],
)
def test_pipes_dumb_terminals_and_programs_see_nothing(
    stream: io.StringIO, env: dict[str, str], spoken: str
) -> None:
    language.speak(spoken)
    with Progress("exporting", stream, env) as told:
        told.at(1, 2)
    assert stream.getvalue() == ""


def test_number_says_what_the_bar_shows() -> None:
    language.speak("de")
    assert line("Export läuft", 3, 12, 9.0) == (
        "Export läuft [######..................] 25 %  3 / 12"
    )
    assert line("Export läuft", 13, 12, 9.0).endswith("100 %  13 / 12")
    assert line("Export läuft", 0, 0, 125.0) == "Export läuft … 2\u00a0min"
    assert len(line("Codecs werden geprüft", 10**7, 10**7, 0.0)) <= 80


def test_real_terminal_shows_it_and_ctrl_c_ends_it_with_130() -> None:
    """The terminal itself sends the SIGINT, as it does for who presses Ctrl-C."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "gateway", "--lang", "de", "simulate", "--days", "3650"]
    env = {**os.environ, "TERM": "xterm"}
    running = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, cwd=HOUSE, env=env, start_new_session=True
    )
    os.close(slave)
    try:
        shown = _read_until(master, "Simulation läuft … ".encode())
        running.send_signal(signal.SIGINT)
        shown += _read_until(master, b"\x1b[K", after=b"")
        assert running.wait(timeout=HUNG) == 130
        assert b"Traceback" not in shown
    finally:
        running.kill()
        running.wait()
        os.close(master)


def _read_until(master: int, awaited: bytes, after: bytes = b"") -> bytes:
    shown = after
    while awaited not in shown:
        shown += os.read(master, 4096)
    return shown
