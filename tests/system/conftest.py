"""The package is built once a run; each test has a machine of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import CannotBuild, Installed, build
from machine import NotHere, debian, machine

SMOKE = Path(__file__).with_name("test_smoke.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest of all begins first: at the end it would run alone."""
    items.sort(key=lambda item: item.path != SMOKE)


@pytest.fixture(scope="session")
def root() -> Path:
    """Where there is one and no container boots, that is no reason to skip."""
    try:
        return debian()
    except NotHere as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def package(root: Path) -> Path:
    try:
        return build()
    except CannotBuild as why:
        pytest.skip(f"no package can be built here: {why}")


@pytest.fixture
def gateway(root: Path, tmp_path: Path) -> Iterator[Installed]:
    """A machine that runs, without Kogge."""
    with machine(tmp_path, root) as one:
        one.boot()
        yield Installed(one)
