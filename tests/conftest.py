"""Options of this test suite, and its watch over the event loop."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

# pytest's time-out measures time, on any machine: Hypothesis would also count what it computes
# once in a fresh checkout, the tables of Unicode for st.text()
settings.register_profile("kogge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kogge")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden",
        action="append",
        default=[],
        metavar="DIR",
        help="compare also with every *.json golden file below DIR (may be repeated)",
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """What runs in real time runs on one worker, one after the other, unless it says where."""
    if item.get_closest_marker("realtime") and not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group("real time"))


@pytest.fixture(scope="session", autouse=True)
def nothing_blocks_the_event_loop() -> Iterator[None]:
    """A blocking call of ours while a loop runs in the same thread raises BlockingError."""
    with blockbuster_ctx(["gateway", "drivers"]):
        yield
