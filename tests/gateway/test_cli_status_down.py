"""kogge status without a daemon: what it tells, pure, in both languages."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screen_cases import MACHINE

from gateway.cli import language, status_down
from gateway.cli.screen import Style
from gateway.diagnostics.machine import told

DOWN: dict[str, Any] = {
    "v": 1, "health": "down", "version": "0.1.0", "reason": "no daemon answers",
    "socket": "/run/kogge/kogge.sock",
    "configuration": {"file": "/etc/kogge/kogge.toml", "problem": ""},
    "port": {"name": "/dev/kogge-concentrator", "present": True},
    "database": {"problem": "", "bytes": 4_300_000, "backlog": 4211},
    "machine": told(MACHINE), "log": ["Main process exited, code=killed"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    language.speak("en")


def shown(**change: Any) -> str:
    return "\n".join(status_down.screen(DOWN | change, Style())).replace("\u00a0", " ")


def test_what_can_be_known_is_told() -> None:
    text = shown()
    assert "The daemon does not run" in text
    for part in ("Main process exited", "4 211 not yet acknowledged, 4 MB", "61 % used",
                 "kogge-concentrator is there", "kogge config check"):  # fmt: skip
        assert part in text


def test_it_is_told_in_german_too() -> None:
    language.speak("de")
    text = shown()
    assert "Der Dienst läuft nicht" in text
    assert "Puffer: gut: 4 211 noch nicht bestätigt" in text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"configuration": {"file": "x", "problem": "x; no TOML"}}, "Configuration: FAULT: x; no"),
        ({"port": {"name": "/dev/x", "present": False}}, "Port: FAULT: /dev/x is not there"),
        ({"database": {"problem": "absent"}}, "Buffer: NOTE: there is none yet"),
        ({"database": {"problem": "permission"}}, "Buffer: ?: this user may not look"),
        ({"database": {"problem": "unreadable"}}, "Buffer: FAULT: cannot be read"),
        ({"database": {"problem": "half"}}, "Buffer: FAULT: it is only half restored"),
        ({"database": {"problem": "in_use"}}, "Buffer: NOTE: another program has it open"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, Any], says: str) -> None:
    assert says in shown(**change)


def test_journal_with_bytes_that_are_no_text_is_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journalctl"
    journal.write_text("#!/bin/sh\nprintf 'refused \\377\\300 twice\\n'\n")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert status_down.log() == ["refused \ufffd\ufffd twice"]


def test_screen_fits_a_terminal() -> None:
    lines = list(status_down.screen(DOWN, Style(80)))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
