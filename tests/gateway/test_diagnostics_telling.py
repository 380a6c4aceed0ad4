"""What happens, in words: who hears what."""

import logging
from collections.abc import Iterator

import pytest
from messages import MOMENT, READING

from gateway.diagnostics import health, telling
from gateway.diagnostics.watch import Onlooker, Watch
from gateway.records import Event


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def onlooker(watch: Watch) -> Iterator[Onlooker]:
    with watch.onlooker() as one:
        yield one


@pytest.mark.parametrize(
    ("state", "reason", "line"),
    [("receiving", "", "radio receiving"), ("fault", "no port", "radio fault: no port")],
)
async def test_state_of_the_radio_is_told_to_systemd_and_the_onlooker(
    state: str,
    reason: str,
    line: str,
    watch: Watch,
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(health, "_notify", told.append)
    telling.radio(watch, state, reason)
    assert told == [f"STATUS={line}"]
    assert await onlooker.next() == {"event": "radio", "state": state, "reason": reason}


@pytest.mark.parametrize(
    ("what", "level"),
    [
        ("connected", logging.INFO),
        ("disconnected", logging.WARNING),
        ("refused", logging.WARNING),
    ],
)
async def test_line_to_the_city_is_told_and_its_faults_are_warnings(
    what: str, level: int, watch: Watch, onlooker: Onlooker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    telling.city(watch, what, "in words")
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [(level, "city in words")]
    assert await onlooker.next() == {"event": "city", "what": what, "reason": "in words"}


async def test_readings_are_told_to_be_safe_and_events_are_not(
    watch: Watch, onlooker: Onlooker
) -> None:
    telling.safe(watch, [Event("radio", MOMENT, {}), READING])
    assert await onlooker.next() == {"event": "safe", "id": READING.id}
