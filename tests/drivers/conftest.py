"""What several test files of the emulator are given: a board, whose time the test passes."""

import pytest
from emulator_host import Clock, Host

from drivers.emulator import Board


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(now_ns=clock)


@pytest.fixture
def host(board: Board) -> Host:
    """As it is after a start in EU868."""
    host = Host(board)
    host.start_eu868()
    return host
