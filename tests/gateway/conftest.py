"""What several test files here are given."""

from pathlib import Path

import pytest
from store_tools import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")


@pytest.fixture
def short_goodbyes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted servers do not answer the last status."""
    monkeypatch.setattr("gateway.northbound.presence.GOODBYE_SECONDS", 0.05)
