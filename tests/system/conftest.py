"""The package is built once a run; each test has a machine of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import CannotBuild, Installed, build
from machine import CannotBoot, machine


@pytest.fixture(scope="session")
def package(bare_machine_boots: None) -> Path:
    try:
        return build()
    except CannotBuild as why:
        pytest.skip(f"no package can be built here: {why}")


@pytest.fixture(scope="session")
def bare_machine_boots(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where no container can be had; what fails later is the package's fault."""
    try:
        with machine(tmp_path_factory.mktemp("bare")) as bare:
            bare.boot()
    except CannotBoot as why:
        pytest.skip(f"no container boots here: {why}")


@pytest.fixture
def gateway(bare_machine_boots: None, tmp_path: Path) -> Iterator[Installed]:
    """A machine that runs, without Kogge."""
    with machine(tmp_path) as one:
        try:
            one.boot()
        except CannotBoot as why:
            pytest.skip(f"no container boots here: {why}")
        yield Installed(one)
