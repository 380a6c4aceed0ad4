"""Where the daemon's words go, and what is left to the journal to say."""

import logging
from collections.abc import Iterator

import pytest

from gateway.diagnostics.log import open_log


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger without handlers, and as it was afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    logger.handlers.clear()
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def said(logger: logging.Logger) -> str:
    (handler,) = logger.handlers
    return handler.format(logging.LogRecord("gateway.radio", 30, "", 0, "radio %s", ("on",), None))


def test_terminal_shows_level_and_name(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    open_log()
    assert said(root) == "WARNING gateway.radio: radio on"


def test_journal_has_level_and_name_apart_from_the_words(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("systemd.journal", reason="systemd-python is not installed")
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    open_log()
    assert said(root) == "radio on"
