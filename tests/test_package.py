"""The package for Debian, without building it: its lock, its scripts, its service's walls."""

import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gateway.cli import VERBS

pytestmark = pytest.mark.tree

TOP = Path(__file__).parent.parent
SERVICE = TOP / "systemd" / "kogge.service"
UNITS = [*(TOP / "systemd").glob("*.service"), *(TOP / "systemd").glob("*.timer")]
DROP_INS = [TOP / "systemd" / f"{name}.conf" for name in
            ("fixed-broker", "other-time-service", "kogge-restart")]  # fmt: skip
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
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_in_the_service(tmp_path: Path, unit: Path) -> None:
    """In all units, with the drop-ins that this systemd knows. Kogge's programs are there only once
    it is installed.
    """
    for file in UNITS:
        there = re.sub(
            r"(?<=^ExecStart=)\S+", shutil.which("true") or "", file.read_text(), flags=re.MULTILINE
        )
        (tmp_path / file.name).write_text(there)
    drop_ins = tmp_path / "kogge.service.d"
    drop_ins.mkdir()
    for file in DROP_INS:
        if file.name != "kogge-restart.conf" or systemd() >= 254:
            shutil.copy(file, drop_ins)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / unit.name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def systemd() -> int:
    said = subprocess.run(["systemd-analyze", "--version"], check=True, stdout=-1, text=True).stdout
    return int(said.split()[1])


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
    units = "\n".join(unit.read_text() for unit in UNITS)
    names = re.findall(r"^Documentation=file:///usr/share/doc/kogge/(\S+)$", units, re.MULTILINE)
    assert names
    assert [name for name in names if not (TOP / "docs" / name).is_file()] == []


def test_board_gets_its_name_and_nobody_speaks_to_it_but_the_service() -> None:
    """Of the ids that the hardware guide tells, and by the group that the service is in."""
    lines = (TOP / "systemd" / "99-kogge.rules").read_text().splitlines()
    (rule,) = [line.split(", ") for line in lines if not line.startswith("#")]
    vendor, product = re.findall(
        r"\*\*(\w{4}):(\w{4})\*\*", (TOP / "docs/hardware.md").read_text()
    )[0]
    assert {
        'SUBSYSTEM=="tty"', f'ATTRS{{idVendor}}=="{vendor}"', f'ATTRS{{idProduct}}=="{product}"',
        'SYMLINK+="kogge-concentrator"', 'GROUP="dialout"', 'MODE="0660"',
        'ENV{ID_MM_DEVICE_IGNORE}="1"',
    } == set(rule)  # fmt: skip
    assert "m kogge dialout" in (TOP / "systemd" / "kogge.sysusers").read_text()
    assert 'port = "/dev/kogge-concentrator"' in (TOP / "config" / "kogge.toml").read_text()


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


def test_package_of_another_debian_says_which_one_is_needed(tmp_path: Path) -> None:
    """After an upgrade of the system in place. Not 78: when the right one comes it starts again."""
    for directory in ("bin", "lib/python3.9"):
        (tmp_path / directory).mkdir(parents=True)
    shutil.copy(TOP / "systemd" / "package" / "kogge", tmp_path / "bin")
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    launcher = tmp_path / "usr" / "bin" / "kogge"  # a link, as the package has it
    launcher.symlink_to(tmp_path / "bin" / "kogge")
    done = subprocess.run(
        [sys.executable, "-I", "-S", launcher, "run"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "built for python3.9, and this system has python3." in done.stderr
    assert "sudo apt install" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_maintainer_script_is_shell(name: str) -> None:
    subprocess.run(["sh", "-n", TOP / "systemd" / "package" / name], check=True)


def preinst(data: Path) -> "subprocess.CompletedProcess[str]":
    """The package's, for a database in `data`; it knows schema 8."""
    script = (TOP / "systemd" / "package" / "preinst").read_text()
    script = script.replace("/var/lib/kogge", str(data)).replace("@SCHEMA@", "8")
    script = script.replace("/run/kogge-going-back", str(data / "going-back"))
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


@pytest.mark.parametrize(("schema", "code"), [(8, 0), (9, 1)])
def test_package_that_comes_back_is_judged_by_the_copy_that_it_will_have(
    tmp_path: Path, schema: int, code: int
) -> None:
    copy = tmp_path / "kogge.db.v8.bak"
    for database, version in ((tmp_path / "kogge.db", 9), (copy, schema)):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
    (tmp_path / "going-back").write_text(str(copy))
    assert preinst(tmp_path).returncode == code
    (tmp_path / "going-back").write_text("")
    assert preinst(tmp_path).returncode == 1


def test_package_goes_where_no_database_is(tmp_path: Path) -> None:
    assert preinst(tmp_path).returncode == 0
