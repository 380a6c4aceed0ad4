"""Set-up names what it may not install, and stops; a wheel carries all that the program needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.tree

TOP = Path(__file__).parent.parent
NOT_SHIPPED = {".pyx", ".c", ".so", ".pyc"}


def set_up(purpose: str, path: Path, python: str) -> "subprocess.CompletedProcess[str]":
    """Run .ci/setup where only the programs in `path` exist."""
    return subprocess.run(
        [TOP / ".ci" / "setup", purpose],
        env={"PATH": str(path), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A directory for PATH without apt-get, sudo, compiler, pkg-config and mosquitto."""
    for name in ("sh", "dirname", "id"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    return tmp_path


def test_setup_without_apt_names_what_is_missing_and_stops(bare_machine: Path) -> None:
    done = set_up("demo", bare_machine, sys.executable)
    assert done.returncode == 77
    assert "gcc libc6-dev pkg-config libssl-dev libsystemd-dev" in done.stderr
    assert "mosquitto" not in done.stderr
    assert done.stdout == ""


def test_setup_refuses_an_older_python_before_it_installs_anything(bare_machine: Path) -> None:
    old = bare_machine / "python3"
    old.write_text('#!/bin/sh\n[ "$1" != --version ] || { echo Python 3.9.2; exit 0; }\nexit 1\n')
    old.chmod(0o755)
    done = set_up("demo", bare_machine, "python3")
    assert done.returncode == 78
    assert "this is Python 3.9.2" in done.stderr


def test_setup_without_a_known_purpose_tells_its_usage(bare_machine: Path) -> None:
    done = set_up("party", bare_machine, sys.executable)
    assert (done.returncode, done.stderr) == (
        64,
        "usage: .ci/setup demo|test|suite|fuzz|deb|system|elsewhere\n",
    )


def test_wheel_carries_every_module_and_all_data(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_py", "--build-lib", tmp_path],
        cwd=TOP,
        check=True,
        capture_output=True,
    )
    shipped = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    sources = {
        Path("gateway/shipped", *p.parts[1:]) if p.parts[0] == "config" else p
        for room in ("gateway", "drivers", "native", "config")
        for p in (f.relative_to(TOP) for f in (TOP / room).rglob("*") if f.is_file())
        if p.suffix not in NOT_SHIPPED
    }
    assert shipped == sources


def test_every_room_tells_type_checkers_that_it_is_typed() -> None:
    assert [(TOP / room / "py.typed").exists() for room in ("gateway", "drivers", "native")] == (
        [True] * 3
    )


@pytest.mark.realtime
def test_what_runs_in_real_time_is_one_group(request: pytest.FixtureRequest) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("there is one worker")
    assert request.node.nodeid.endswith("@real time")
