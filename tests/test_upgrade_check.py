"""The upgrade's check by itself: when it goes back, how, and what a power cut leaves of the way.

Whole upgrades, with apt and systemd, are in tests/system/test_upgrades.py.
"""

import importlib.util
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gateway.store import raising

pytestmark = pytest.mark.tree

TOP = Path(__file__).parent.parent

WELL = {"health": "healthy", "radio": {"state": "receiving"}}
DEAF = {"health": "degraded", "radio": {"state": "fault"}}
NO_CITY = {"health": "degraded", "radio": {"state": "receiving"}}


@pytest.mark.parametrize(
    ("before", "now", "goes_back"),
    [
        (WELL, WELL, False),
        (WELL, DEAF, True),
        (WELL, NO_CITY, True),
        (WELL, {}, True),
        (NO_CITY, WELL, False),
        (NO_CITY, NO_CITY, False),
        (NO_CITY, DEAF, True),
        (DEAF, DEAF, False),
        (DEAF, {"health": "down"}, True),
        ({}, DEAF, False),
    ],
)
def test_upgrade_goes_back_where_it_is_worse(
    before: dict[str, Any], now: dict[str, Any], goes_back: bool
) -> None:
    assert bool(upgrade_check().worse(before, now)) == goes_back


def upgrade_check() -> ModuleType:
    path = TOP / "systemd" / "package" / "upgrade_check.py"
    spec = importlib.util.spec_from_file_location("upgrade_check", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OLDER, NEWER = 8, 9


class PowerCut(BaseException):
    """And from then on nothing is carried out: no `finally` either."""


class Street:
    """A gateway whose newer version has migrated its database and hears nothing.

    Its programs do what the real ones do with files; each thing that is done to the machine is a
    step, and at `cut_at` the power fails, in the midst of it with a half: before it, or after.
    """

    def __init__(self, room: Path, monkeypatch: pytest.MonkeyPatch, cut_at: float) -> None:
        self.check = upgrade_check()
        self.room, self.state, self.run = (room / name for name in ("room", "state", "run"))
        for directory in (self.room, self.state, self.run):
            directory.mkdir()
        monkeypatch.setattr(self.check, "ROOM", self.room)
        monkeypatch.setattr(self.check, "STATE", self.state)
        monkeypatch.setattr(self.check, "GOING_BACK", self.run / "kogge-going-back")
        self.installed, self.half_installed, self.runs, self.timer = NEWER, False, True, True
        self.is_installed, self.says = b"installed", b'{"health": "degraded"}\n'
        self.active_state = "active"
        self.steps, self.cut_at, self.is_off = 0, cut_at, False
        (self.room / "before.json").write_text('{"health": "healthy"}')
        self._database("kogge.db.v8.bak", OLDER)
        self._database("kogge.db", NEWER)
        monkeypatch.setattr(self.check.subprocess, "run", self._program)
        monkeypatch.setattr(self.check, "wait", lambda _: None)
        monkeypatch.setattr(self.check.os, "sync", lambda: None)
        for owner, name in (
            (Path, "replace"), (Path, "unlink"), (Path, "touch"), (Path, "write_text"),
            (Path, "chmod"), (self.check.os, "link"),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, self._step(getattr(owner, name)))

    def _database(self, name: str, version: int) -> None:
        with closing(sqlite3.connect(self.state / name)) as connection, connection:
            connection.execute("CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT) STRICT")
            connection.execute(f"PRAGMA user_version = {version}")

    def _step(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            self._power(0.0)
            result = do(*arguments, **options)
            self._power(0.5)
            self.steps += 1
            return result

        return step

    def _power(self, half: float) -> None:
        self.is_off = self.is_off or self.steps + half == self.cut_at
        if self.is_off:
            raise PowerCut

    def _program(self, words: list[str], **_: object) -> "subprocess.CompletedProcess[str | bytes]":
        self._power(0.0)
        said: str | bytes = b""
        code = 0
        match [str(word) for word in words]:
            case ["kogge", *_]:
                said = self.says
            case ["systemctl", "show", *_]:
                said = f"ActiveState={self.active_state}\n"
            case ["systemctl", "stop", *_]:
                self.runs = False
            case ["systemctl", "start", *_]:
                self.started()
            case ["systemctl", "disable", *_]:
                self.timer = False
            case ["dpkg", "--configure", "-a"]:
                self.half_installed = False
            case ["dpkg-query", *_]:
                said = self.is_installed
            case ["apt-get", *options]:
                code = self._apt("--simulate" in options)
        self._power(0.5)
        self.steps += 1
        if code:
            raise subprocess.CalledProcessError(code, words)
        return subprocess.CompletedProcess(words, 0, said)

    def _apt(self, simulates: bool) -> int:
        """As the package before has it: its preinst refuses a database that it cannot read."""
        if self.half_installed:
            return 100
        if simulates or self.installed == OLDER:
            return 0
        named = (self.run / "kogge-going-back").read_text()
        if self.version(Path(named) if named else self.state / "kogge.db") > OLDER:
            return 100
        self.installed, self.half_installed = OLDER, True
        self._power(0.25)
        self.half_installed = False
        return 0

    def version(self, database: Path) -> int:
        with closing(sqlite3.connect(database)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def started(self) -> None:
        """The version that is installed; it migrates what is older, and refuses what is newer."""
        assert (self.state / "kogge.db").exists(), "it would begin anew"
        found = self.version(self.state / "kogge.db")
        assert found >= self.installed, "it would be migrated once more"
        self.runs = found == self.installed

    def boot(self) -> None:
        self.is_off, self.cut_at = False, -1.0
        for file in self.run.iterdir():
            file.unlink()
        self.started()

    def goes_back(self) -> int:
        code: int = self.check.main(0.0)
        return code

    def is_back(self) -> bool:
        notes = {}
        for name in ("kogge.db", "kogge.db.taken-back"):
            with closing(sqlite3.connect(self.state / name)) as connection:
                notes[name] = dict(connection.execute("SELECT name, value FROM note"))
        assert notes == {"kogge.db": {raising.NOTE: "taken back"}, "kogge.db.taken-back": {}}
        assert self.version(self.state / "kogge.db.taken-back") == NEWER
        assert list(self.run.iterdir()) == []
        return (self.installed, self.runs, self.timer) == (OLDER, True, False)


def test_worse_version_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migrated database stays beside the copy, which uses no number again."""
    street = Street(tmp_path, monkeypatch, cut_at=-1.0)
    assert street.goes_back() == 0
    assert street.is_back()
    assert not (street.room / "decided").exists()
    assert not (street.state / "kogge.db.v8.bak").exists(), "there may be no room for both"


def test_way_back_is_gone_to_its_end_wherever_the_power_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, in the midst of and after each step; at no moment is there no database."""
    cuts = 0
    for quarters in range(400):
        room = tmp_path / str(quarters)
        room.mkdir()
        with monkeypatch.context() as patch:
            street = Street(room, patch, quarters / 4)
            try:
                street.goes_back()
            except PowerCut:
                cuts += 1
                street.boot()
                assert street.timer or street.is_back(), quarters
                if street.timer:
                    street.goes_back()
            assert street.is_back(), quarters
            if quarters / 4 > street.steps:
                break
    assert cuts > 25


def test_copy_that_cannot_be_used_changes_nothing_and_leaves_the_newer_one_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that rots, say: a gateway that stands still would be worse than a deaf one."""
    street = Street(tmp_path, monkeypatch, cut_at=-1.0)
    (street.state / "kogge.db.v8.bak").write_bytes(b"no database" * 100)
    assert street.goes_back() == 1
    assert (street.installed, street.runs, street.timer) == (NEWER, True, False)
    assert street.version(street.state / "kogge.db") == NEWER


def test_without_a_copy_the_newer_one_stays_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = Street(tmp_path, monkeypatch, cut_at=-1.0)
    (street.state / "kogge.db.v8.bak").unlink()
    assert street.goes_back() == 1
    assert (street.installed, street.runs, street.timer) == (NEWER, True, False)


def test_package_that_is_not_whole_goes_back_whatever_it_says_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = Street(tmp_path, monkeypatch, cut_at=-1.0)
    street.is_installed, street.says = b"half-installed", b'{"health": "healthy"}\n'
    assert street.goes_back() == 0
    assert street.is_back()


def test_version_that_somebody_has_stopped_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = Street(tmp_path, monkeypatch, cut_at=-1.0)
    street.active_state, street.runs, street.says = "inactive", False, b""
    assert street.goes_back() == 0
    assert (street.installed, street.runs, street.timer) == (NEWER, False, False)


def test_what_the_older_version_said_may_be_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is known of it, and the newer one is no worse."""
    street = Street(tmp_path, monkeypatch, cut_at=-1.0)
    (street.room / "before.json").write_text('{"health": "hea')
    assert street.goes_back() == 0
    assert (street.installed, street.runs, street.timer) == (NEWER, True, False)


def test_copy_of_an_earlier_upgrade_is_not_put_back(tmp_path: Path) -> None:
    copy = tmp_path / "kogge.db.v8.bak"
    copy.touch()
    made = copy.stat().st_mtime
    check = upgrade_check()
    assert check.copy_from_before(tmp_path, made + 1) is None
    assert check.copy_from_before(tmp_path, made) == copy


def test_database_put_aside_has_what_stood_in_its_log(tmp_path: Path) -> None:
    """A version that was killed leaves one; it may hold all that came in, and the new schema."""
    database = tmp_path / "kogge.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE came (f_cnt INTEGER)")
        connection.commit()
        killed = {end: Path(f"{database}{end}").read_bytes() for end in ("", "-wal")}
    for end, content in killed.items():
        Path(f"{database}{end}").write_bytes(content)
    copy = tmp_path / "kogge.db.v8.bak"
    sqlite3.connect(copy).close()
    upgrade_check().exchange(tmp_path, copy)
    for end in ("-wal", "-shm"):
        assert not Path(f"{database}{end}").exists(), "it is another database's"
    with closing(sqlite3.connect(tmp_path / "kogge.db.taken-back")) as aside:
        assert aside.execute("SELECT count(*) FROM came").fetchone() == (0,)


def test_log_that_a_full_disk_keeps_from_the_database_goes_aside_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("kogge.db", "kogge.db-wal", "kogge.db.taken-back", "kogge.db.v8.bak")
    for name in names:
        (tmp_path / name).write_text(name)

    def full(_: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    check = upgrade_check()
    monkeypatch.setattr(check.sqlite3, "connect", full)
    check.exchange(tmp_path, tmp_path / "kogge.db.v8.bak")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "kogge.db": "kogge.db.v8.bak",
        "kogge.db.taken-back": "kogge.db",
        "kogge.db.taken-back-wal": "kogge.db-wal",
    }


@pytest.mark.parametrize(
    ("state", "restarts", "since", "early"),
    [
        ("activating", 0, 0, True),  # it copies its database, for as long as that takes
        ("activating", 1, 0, False),  # it has failed
        ("failed", 0, 0, False),
        ("active", 0, 881, True),
        ("active", 3, 881, True),
        ("active", 0, 880, False),
    ],
)
def test_upgrade_is_judged_when_it_is_in_service_or_has_failed(
    state: str, restarts: int, since: int, *, early: bool
) -> None:
    told = {
        "ActiveState": state,
        "NRestarts": str(restarts),
        "ActiveEnterTimestampMonotonic": str(since * 1_000_000),
    }
    assert upgrade_check().too_early(told, 120.0, 1000.0) == early


def test_upgrade_check_is_called_as_it_wants_to_be() -> None:
    """Longer than it waits and than apt takes; its seconds are the timer's."""
    service = (TOP / "systemd" / "kogge-upgrade-check.service").read_text()
    timer = (TOP / "systemd" / "kogge-upgrade-check.timer").read_text()
    (seconds,) = re.findall(
        r"^ExecStart=/usr/lib/kogge/upgrade-check (\d+)$", service, re.MULTILINE
    )
    (hours,) = re.findall(r"^TimeoutStartSec=(\d+)h$", service, re.MULTILINE)
    assert f"OnActiveSec={int(seconds) // 60}min\n" in timer
    assert int(hours) * 3600 >= 2 * upgrade_check().PATIENCE


def test_version_that_cannot_be_installed_again_is_not_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of another Debian, say: the database stays where it is, and the service runs on."""
    check = upgrade_check()
    did: list[str] = []

    def refuse(words: list[str], **_: object) -> None:
        did.append(words[0])
        raise subprocess.CalledProcessError(100, words)

    monkeypatch.setattr(check.subprocess, "run", refuse)
    with pytest.raises(subprocess.CalledProcessError):
        check.go_back()
    assert did == ["apt-get"]
