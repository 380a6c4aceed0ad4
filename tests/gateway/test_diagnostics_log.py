"""Where the daemon's words go, what they look like there, and what is kept back."""

import io
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kogge import HOUSE
from patience import HUNG

from gateway.diagnostics.log import MIB, Log, open_log
from gateway.diagnostics.log_lines import JsonLines, Plain

Said = Callable[[], list[str]]


class Time:
    """Seconds, as a test wants them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO, time: Time) -> Log:
    return Log(JsonLines(stream), time)


@pytest.fixture
def words(log: Log) -> Iterator[logging.Logger]:
    """A logger that writes there alone."""
    one = logging.getLogger("gateway.test")
    one.propagate, level = False, one.level
    one.addHandler(log)
    one.setLevel(logging.DEBUG)
    yield one
    one.removeHandler(log)
    one.setLevel(level)
    one.propagate = True


def messages(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["message"] for line in stream.getvalue().splitlines()]


def test_json_line_has_the_fields_that_are_known(
    words: logging.Logger, stream: io.StringIO
) -> None:
    extra = {"dev_eui": "70b3d57ed0000001", "reason": "bad_mic", "happening": None, "key": b"K"}
    words.warning("dropped: %s\n„ü“", "bad_mic", extra=extra)
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert said.pop("at").endswith("Z")
    assert said == {
        "level": "warning",
        "logger": "gateway.test",
        "message": "dropped: bad_mic\n„ü“",
        "dev_eui": "70b3d57ed0000001",
        "reason": "bad_mic",
    }


def test_traceback_of_a_fault_of_ours_is_one_line_of_json(
    words: logging.Logger, stream: io.StringIO
) -> None:
    try:
        _ = dict[str, int]()["counts"]
    except KeyError:
        words.exception("a fault")
    (line,) = stream.getvalue().splitlines()
    assert "Traceback" in json.loads(line)["exception"]


def test_nothing_in_a_line_steers_a_terminal(stream: io.StringIO) -> None:
    record = logging.LogRecord(
        "gateway.radio", logging.WARNING, "", 0, "radio %s", ("\x1b[31mred\n\x07",), None
    )
    plain = Plain(stream)
    plain.write(plain.parts(record))
    assert stream.getvalue() == "WARNING gateway.radio: radio ?[31mred\n?\n"


def test_repetitions_are_told_together_with_their_number(
    words: logging.Logger, log: Log, stream: io.StringIO, time: Time
) -> None:
    for number in range(37):
        words.info("again %d", number, extra={"reason": "replay", "dev_eui": "aa"})
        time.now += 0.5
    assert messages(stream) == [f"again {number}" for number in range(10)]
    time.now = 1060.0
    log.tell()
    last = json.loads(stream.getvalue().splitlines()[-1])
    assert last["message"] == "and 27 more like it in 60 s: again 36"
    assert (last["reason"], last["dev_eui"], last["level"]) == ("replay", "aa", "info")
    assert log.kept_back["rate"] == 27
    assert log.written == {"info": 11}


def test_reasons_and_places_do_not_hide_each_other(
    words: logging.Logger, stream: io.StringIO
) -> None:
    for _ in range(11):
        words.info("one", extra={"reason": "replay"})
        words.info("two")
        words.info("three", extra={"reason": "bad_mic"})
        words.info("four", extra={"reason": "replay"})
    assert messages(stream) == ["one", "two", "three", "four"] * 10


def test_nothing_vanishes_uncounted_at_the_end_of_the_process(
    words: logging.Logger, log: Log, stream: io.StringIO
) -> None:
    for _ in range(12):
        words.info("again")
    log.flush()  # as logging.shutdown does
    assert messages(stream)[10:] == ["and 2 more like it in 0 s: again"]


def test_day_has_its_bytes_and_errors_still_pass(
    words: logging.Logger, log: Log, stream: io.StringIO, time: Time
) -> None:
    log.limit(1)
    many = "x" * (MIB // 4)
    for number in range(7):
        words.info("%d %s", number, many)
    words.error("the disk")
    said = messages(stream)
    assert [line[0] for line in said[:3]] == ["0", "1", "2"]
    assert "has had its 1 MiB of this day (log.mib_per_day)" in said[3]
    assert "24.0 h" in said[3]
    assert said[4:] == ["the disk"]
    assert log.kept_back["volume"] == 4
    assert log.bytes == len(stream.getvalue().encode())
    time.now += 24 * 3600
    words.info("morning")
    assert messages(stream)[5:] == ["4 lines of the last 24 h were not written", "morning"]


def test_volume_is_the_same_whatever_the_clock_of_the_wall_does(
    words: logging.Logger, log: Log, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.limit(1)
    words.info("x" * (MIB - 1000))
    monkeypatch.setattr("time.time", lambda: 4e9)
    words.info("x" * 2000)
    assert log.kept_back["volume"] == 1


def test_stream_that_nobody_takes_is_counted(time: Time) -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    log = Log(JsonLines(Closed()), time)
    log.handle(logging.LogRecord("a", logging.INFO, "", 0, "words", (), None))
    assert (log.failed, log.written) == (1, {})


PROGRAM = """
import logging, os, sys
if "HELD" in os.environ:
    found = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
from gateway.diagnostics.log import open_log
open_log()
logging.getLogger("gateway.radio").warning("radio %s", "on", extra={"reason": "link"})
"""


def run(**more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=HOUSE, capture_output=True, text=True, check=True,
        env={**os.environ, **more}, timeout=HUNG,
    )  # fmt: skip
    return done.stderr


def test_pipe_gets_json_also_if_another_stream_is_the_journals() -> None:
    assert json.loads(run(JOURNAL_STREAM="1:2"))["message"] == "radio on"


def test_terminal_shows_level_and_name() -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=HOUSE, stderr=theirs, check=True, timeout=HUNG
    )
    os.close(theirs)
    assert os.read(ours, 1000).decode().strip() == "WARNING gateway.radio: radio on"
    os.close(ours)


def test_without_systemd_python_the_journals_stream_gets_json(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "__init__.py").write_text("raise ImportError('not installed')")
    assert json.loads(run(HELD="1", PYTHONPATH=str(tmp_path)))["reason"] == "link"


def test_who_has_set_up_logging_before_keeps_it() -> None:
    root = logging.getLogger()
    handlers = root.handlers[:]
    assert handlers, "pytest's"
    open_log()
    assert root.handlers == handlers


def test_log_opens_where_stderr_is_closed_or_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    open_log()
    monkeypatch.setattr("gateway.diagnostics.log.STDERR", 1_000_000)
    open_log()
