"""What several test files here are given."""

from pathlib import Path

import pytest
from store_tools import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")
