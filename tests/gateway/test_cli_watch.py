"""`kogge watch`: who gets the live view and who gets lines; Textual is loaded for nobody else."""

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watch_cases as cases
from kogge import HOUSE, loaded_by
from screen_cases import STATUS
from watch_cases import Told

from gateway import cli
from gateway.cli import language, main, status, watch
from gateway.diagnostics import client

TERMINAL = {"TERM": "xterm-256color"}


class Stream(io.StringIO):
    def __init__(self, is_terminal: bool = True) -> None:
        super().__init__()
        self.isatty = lambda: is_terminal  # type: ignore[method-assign]


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "has_a_screen", lambda *_: True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """What a daemon tells, before it hangs up."""
    happenings: list[Told] = []
    monkeypatch.setattr(client, "stream", lambda path, op: iter(happenings))
    return happenings


@pytest.fixture
def viewed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the live view was opened."""
    found: list[Path] = []

    class App:
        def __init__(self, path: Path, *_: Any) -> None:
            found.append(path)

        def run(self) -> None:
            pass

    monkeypatch.setattr(status, "asked", lambda path: STATUS)
    monkeypatch.setattr("gateway.cli.watch_app.WatchApp", App)
    return found


@pytest.mark.usefixtures("on_a_terminal", "told")
def test_terminal_gets_the_live_view(viewed: list[Path], tmp_path: Path) -> None:
    assert main(["watch", "--socket", str(tmp_path / "s")]) == 0
    assert viewed == [tmp_path / "s"]


@pytest.mark.usefixtures("on_a_terminal", "told")
@pytest.mark.parametrize("option", ["--plain", "--json"])
def test_who_asks_for_lines_gets_lines(viewed: list[Path], option: str) -> None:
    assert main(["watch", "--socket", "/absent", option]) == 69
    assert viewed == []


def test_dumb_terminals_and_pipes_have_no_screen() -> None:
    every = [Stream(), Stream(), Stream()]
    assert watch.has_a_screen(every, TERMINAL)
    assert not watch.has_a_screen(every, {"TERM": "dumb"})
    assert not watch.has_a_screen(every, {})
    assert not watch.has_a_screen([*every, Stream(is_terminal=False)], TERMINAL)


@pytest.mark.usefixtures("told")
def test_pipe_gets_lines(viewed: list[Path]) -> None:
    assert main(["watch", "--socket", "/absent"]) == 69
    assert viewed == []


@pytest.mark.usefixtures("on_a_terminal")
def test_without_textual_it_says_so_and_tells_lines(
    monkeypatch: pytest.MonkeyPatch, told: list[Told], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch, "can_draw", lambda: False)
    told += [cases.uplink(1), cases.reading(1), cases.down()]
    assert main(["watch", "--socket", "/absent"]) == 69
    out, err = capsys.readouterr()
    assert "textual, which is not installed here" in err
    assert out.splitlines() == [
        "reading   bin-04: temperature 21.5 °C, full no  (-97 dBm, SF7)",
        "downlink  70b3d57ed0000002: sent (OK)  (RX1 868.1 MHz SF7 16 dBm)",
    ]


def test_json_is_what_the_daemon_tells(
    told: list[Told], capsys: pytest.CaptureFixture[str]
) -> None:
    told += [cases.uplink(1), cases.safe(1)]
    assert main(["watch", "--socket", "/absent", "--json"]) == 69
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == told


@pytest.mark.usefixtures("on_a_terminal")
def test_no_daemon_is_said_before_the_screen_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "--socket", str(tmp_path / "absent")]) == cli.EX_UNAVAILABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert "sudo systemctl start kogge" in err


@pytest.mark.tree
def test_only_the_live_view_loads_textual() -> None:
    users = {
        (name.split(".")[0], path.relative_to(HOUSE).as_posix())
        for path in (HOUSE / "gateway").rglob("*.py")
        for name in imports(path.read_text(encoding="utf-8"))
    }
    assert users == {("textual", "gateway/cli/watch_app.py"), ("rich", "gateway/cli/watch_app.py"),
                     ("gateway", "gateway/cli/watch.py")}  # fmt: skip
    assert not loaded_by("watch", "--socket", "/absent") & {"textual", "rich"}


def imports(source: str) -> Iterator[str]:
    """Of Textual, and of the live view; also inside functions."""
    if not re.search("textual|rich|watch_app", source):
        return
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith(("textual.", "rich.", "gateway.cli.watch_app")):
                yield name


def test_help_is_in_german_too(capsys: pytest.CaptureFixture[str]) -> None:
    language.speak("de")
    with pytest.raises(SystemExit):
        main(["watch", "--lang", "de", "--help"])
    assert "bis q oder Strg-C" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("happening", "said"),
    [
        ({"event": "drop", "reason": "bad_mic", "dev_addr": "26011bda", "rssi": -80.4,
          "says": "MIC wrong: AppKey differs between the device and devices.toml"},
         "verworfen 26011bda: MIC falsch (bad_mic); MIC falsch: AppKey ist im Gerät ein anderer als"
         " in devices.toml  (-80 dBm)"),
        ({"event": "drop", "reason": "bad_crc", "rssi": -120.0},
         "verworfen jemand: beschädigt (CRC) (bad_crc)  (-120 dBm)"),
        ({"event": "join", "device": "70b3d57ed0000002", "dev_addr": "26011bdb"},
         "Beitritt  70b3d57ed0000002: BEIGETRETEN als 26011bdb"),
        ({"event": "radio", "state": "fault", "reason": "the link was closed"},
         "Funk: empfängt nicht: die Leitung wurde geschlossen"),
        ({"event": "city", "what": "paused", "reason": "forwarding goes on"},
         "Broker: angehalten: die Weitergabe läuft wieder"),
        ({"event": "downlink", "correlation": "c-1", "status": "NOT_ACKED",
          "reason": "the device is no longer in devices.toml"},
         "Auftrag c-1: nicht bestätigt: das Gerät steht nicht mehr in devices.toml"),
        ({"event": "left_out", "count": 7}, "AUSGELASSEN 7: zu schnell"),
    ],
    ids=lambda one: one["event"] if isinstance(one, dict) else "",
)  # fmt: skip
def test_every_happening_has_german_words(happening: Told, said: str) -> None:
    language.speak("de")
    try:
        assert watch.line(happening) == said
    finally:
        language.speak("en")
