"""The package for Debian, without building it: its lock, its scripts, its service's walls."""

import importlib.util
import re
import shutil
import sqlite3
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

from gateway.cli import VERBS
from gateway.store import raising

pytestmark = pytest.mark.tree

TOP = Path(__file__).parent.parent
SERVICE = TOP / "systemd" / "kogge.service"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
HIGHEST_EXPOSURE = 1.5  # of 10, as systemd-analyze counts it
with_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)


def locked(name: str) -> dict[str, str]:
    """Name and version of all that is pinned in .ci/NAME.lock."""
    text = (TOP / ".ci" / f"{name}.lock").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+) \\$", text, re.MULTILINE))


def unmet(requirements: list[str], pinned: dict[str, str]) -> list[str]:
    needs = map(Requirement, requirements)
    return [str(one) for one in needs if pinned.get(one.name.lower(), "none") not in one.specifier]


def test_lock_holds_what_the_daemon_asks_for() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    wanted = (
        project["project"]["dependencies"] + project["project"]["optional-dependencies"]["systemd"]
    )
    assert unmet(wanted, locked("requirements")) == []
    assert unmet(project["build-system"]["requires"], locked("build")) == []


@pytest.mark.parametrize("name", ["requirements", "build"])
def test_every_line_of_a_lock_is_a_version_or_its_hash(name: str) -> None:
    lines = (TOP / ".ci" / f"{name}.lock").read_text().splitlines()
    allowed = re.compile(r"#.*|[a-z0-9.-]+==\S+ \\| +--hash=sha256:[0-9a-f]{64}( \\)?|")
    assert [line for line in lines if not allowed.fullmatch(line)] == []


@with_systemd_analyze
def test_systemd_finds_nothing_wrong_in_the_service(tmp_path: Path) -> None:
    """With another program: Kogge's own is there only once it is installed."""
    unit = tmp_path / "kogge.service"
    unit.write_text(SERVICE.read_text().replace("/usr/bin/kogge ", f"{shutil.which('true')} "))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@with_systemd_analyze
def test_service_is_walled_in() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", SERVICE],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    level = re.search(r"Overall exposure level for kogge.service: ([0-9.]+)", done.stdout)
    assert level is not None
    assert float(level[1]) <= HIGHEST_EXPOSURE


def test_service_leads_to_documents_that_the_package_brings() -> None:
    names = re.findall(
        r"^Documentation=file:///usr/share/doc/kogge/(\S+)$", SERVICE.read_text(), re.MULTILINE
    )
    assert names
    assert [name for name in names if not (TOP / "docs" / name).is_file()] == []


def test_every_file_for_systemd_is_in_the_package() -> None:
    building = (TOP / ".ci" / "deb").read_text()
    files = [path.name for path in (TOP / "systemd").iterdir() if path.is_file()]
    assert [name for name in files if f"systemd/{name}" not in building] == []


def test_manual_page_has_every_verb_and_no_mistake() -> None:
    page = subprocess.run([TOP / ".ci" / "manual"], check=True, stdout=-1, text=True).stdout
    assert [verb for verb in VERBS if f"\n.SH kogge {verb}\n" not in page] == []
    assert "\n.TP\n.B \\-\\-minutes N\nthen it goes on by itself: 60; at most 1440\n" in page
    assert "`" not in page
    if groff := shutil.which("groff"):
        read = [groff, "-man", "-Kutf8", "-Tutf8", "-ww", "-z"]
        done = subprocess.run(read, input=page, capture_output=True, text=True, check=True)
        assert done.stderr == ""


@pytest.mark.parametrize("name", SCRIPTS)
def test_maintainer_script_is_shell(name: str) -> None:
    subprocess.run(["sh", "-n", TOP / "systemd" / "package" / name], check=True)


def preinst(data: Path) -> "subprocess.CompletedProcess[str]":
    """The package's, for a database in `data`; it knows schema 8."""
    script = (TOP / "systemd" / "package" / "preinst").read_text()
    script = script.replace("/var/lib/kogge", str(data)).replace("@SCHEMA@", "8")
    return subprocess.run(
        ["sh", "-c", script, "preinst", "upgrade", "9.9"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("schema", "code"), [(7, 0), (8, 0), (9, 1)])
def test_package_refuses_a_newer_database_alone(tmp_path: Path, schema: int, code: int) -> None:
    database = tmp_path / "kogge.db"
    with sqlite3.connect(database) as connection:
        connection.execute(f"PRAGMA user_version = {schema}")
    connection.close()
    before = database.read_bytes()
    done = preinst(tmp_path)
    assert done.returncode == code
    assert bool(code) == (f"has schema {schema}" in done.stderr)
    assert database.read_bytes() == before


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


def test_database_taken_back_is_the_copy_and_uses_no_number_again(tmp_path: Path) -> None:
    """The migrated one stays beside it; only a copy that the upgrade made counts."""
    for name in ("kogge.db", "kogge.db.v8.bak"):
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute("CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT) STRICT")
            connection.execute("INSERT INTO note VALUES ('is', ?)", (name,))
        connection.close()
    copy = tmp_path / "kogge.db.v8.bak"
    made = copy.stat().st_mtime
    check = upgrade_check()
    assert check.copy_from_before(tmp_path, made + 1) is None
    assert check.copy_from_before(tmp_path, made) == copy
    check.put_back(tmp_path, copy)
    with sqlite3.connect(tmp_path / "kogge.db") as connection:
        notes = dict(connection.execute("SELECT name, value FROM note"))
    connection.close()
    assert notes == {"is": "kogge.db.v8.bak", raising.NOTE: "taken back"}
    assert (tmp_path / "kogge.db.taken-back").exists()
    assert not copy.exists(), "it is the database now: there may be no room for both"


def test_database_is_there_at_every_moment_of_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where power fails Kogge would begin anew without one, at counters that devices have seen."""

    def replace(file: Path, target: Path) -> Path:
        assert (tmp_path / "kogge.db").exists()
        return real(file, target)

    real = Path.replace
    monkeypatch.setattr(Path, "replace", replace)
    for name in ("kogge.db", "kogge.db-wal", "kogge.db.taken-back", "kogge.db.v8.bak"):
        (tmp_path / name).touch()
    upgrade_check().put_back(tmp_path, tmp_path / "kogge.db.v8.bak")
    assert (tmp_path / "kogge.db.taken-back-wal").exists()


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


def test_package_goes_where_no_database_is(tmp_path: Path) -> None:
    assert preinst(tmp_path).returncode == 0
