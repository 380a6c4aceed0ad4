"""Where the daemon's words go, and what is left to the journal to say."""

import logging

import pytest

from gateway.diagnostics.log import open_log


def said() -> str:
    """A warning in the words of the handler that `open_log` sets up, without those of pytest."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        open_log()
        (handler,) = root.handlers
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    record = logging.LogRecord("gateway.radio", logging.WARNING, "", 0, "radio %s", ("on",), None)
    return handler.format(record)


def test_terminal_shows_level_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert said() == "WARNING gateway.radio: radio on"


def test_journal_has_level_and_name_apart_from_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("systemd.journal", reason="systemd-python is not installed")
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    assert said() == "radio on"
