"""What several test files here are given; whatever --json says in any of them is judged."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import json_judge
import pytest
from patience import HUNG
from store_tools import World

from gateway import cli
from gateway.cli import language
from gateway.codecs import javascript, process

_really_run = cli._run
SANDBOX_LIMITS = ("CALL_SECONDS", "LOAD_SECONDS", "CALL_ENDS", "LOAD_ENDS", "EXAMPLES_SECONDS")


class Tee:
    """stdout, and what was written to it."""

    def __init__(self, to: TextIO) -> None:
        self._to, self.kept = to, ""

    def write(self, text: str) -> int:
        self.kept += text
        return self._to.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._to, name)


def _run_and_judge(arguments: list[str]) -> int:
    if "--json" not in arguments or "-" in arguments:
        return _really_run(arguments)
    before, tee = sys.stdout, Tee(sys.stdout)
    sys.stdout = tee
    try:
        return _really_run(arguments)
    finally:
        sys.stdout = before
        if tee.kept:
            json_judge.judge(arguments, tee.kept)


@pytest.fixture(autouse=True)
def _json_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_run", _run_and_judge)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")


@pytest.fixture
def english_in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test lets be spoken."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    language.speak("en")
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def codecs_have_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the processor's time ends a call of a codec, not the wall's."""
    for name in ("CALL_WAITS", "LOAD_WAITS"):
        monkeypatch.setattr(javascript, name, HUNG)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit of time in the real worker: of the others a slow processor says the same."""
    longer = "".join(f"sandbox.{name} = {HUNG}; " for name in SANDBOX_LIMITS)
    before = f"from gateway.codecs import sandbox; {longer}from gateway"
    monkeypatch.setattr(process, "BOOT", process.BOOT.replace("from gateway", before, 1))


@pytest.fixture
def short_goodbyes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted servers do not answer the last status."""
    monkeypatch.setattr("gateway.northbound.presence.GOODBYE_SECONDS", 0.05)
