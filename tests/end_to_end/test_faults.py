"""Every fault of the concentrator heals by itself, in its time, and is told (docs/healing.md).

The trials of one lane share a gateway and come one after the other, as faults do; the lanes run
beside each other. `make test-faults` prints the table.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_trials import AnyTrial, Healthy, Row, Stuck, Trial, run
from faulty_post import post

from drivers.emulator import Running

NO_ANSWER = "no answer to command"
CORES = ({"core": "agc"}, {"core": "arb"})
LANE_SECONDS = 270.0
LEARNT = 20.0  # seconds after which the daemon knows the rhythm of the street

LANES: dict[str, tuple[AnyTrial, ...]] = {
    "cable": (
        Trial("unplug", "port", 10, kind="link", stays=True, ended_by="plug"),
        Trial("lose", NO_ANSWER, 10, kind="link|mcu"),
        Trial("stall", NO_ANSWER, 10, kind="link|mcu", stays=True),
        Trial("garbage", ".", 10, {"count": 1}, kind="link|mcu"),
        Trial("garbage", ".", 10, kind="link|mcu", stays=True),
        Trial("corrupt", ".", 10, {"share": 0.3}, kind="link|mcu|chip", stays=True),
        Trial("delay", NO_ANSWER, 10, {"seconds": 1.5}, kind="link|mcu", stays=True),
    ),
    "chip": (
        Trial("chip_reset", "reset|counter|switched off", 10),
        Trial("counter_stopped", "counter", 10),
        Trial("agc_stuck", "stalled", 60),
        *(Trial("parity", "parity", 60, core) for core in CORES),
        Stuck(),
        Stuck({"emitting": True}, limit=10),
    ),
    "start": (
        *(
            Trial("firmware_mismatch", "image reads back", 10, core, stays=True, at_start=True)
            for core in CORES
        ),
        *(
            Trial("wrong_chip", "^(?!the chip)", 10, {"value": value}, stays=True, at_start=True)
            for value in (255, 0)
        ),
        Trial("wrong_radio", "radio", 10, stays=True, at_start=True),
        Trial("late_status", "status", 10, stays=True, at_start=True),
    ),
    "deaf": (Trial("deaf", "silent reception", 60, kind="silence", warm_up=LEARNT),),
    "noise": (Trial("bad_crc", "silent reception|CRC", 60, kind="silence|chip", warm_up=LEARNT),),
    "healthy": (
        Healthy("constant_id"),
        Healthy("agc_0x0f"),
        Healthy("late_tx_status"),
        Healthy("split", {"size": 1}),
        Healthy("torn_count"),
        Healthy("bad_checksum", costs=1),
        Healthy("fifo_garbage"),
    ),
}
TRIALS = {trial.name: trial for lane in LANES.values() for trial in lane}
HEALTHY_FROM_THE_START = ("constant_id", "agc_0x0f", "late_tx_status")

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.xdist_group("faults"),
]


def oddly_healthy(running: Running) -> None:
    for fault in HEALTHY_FROM_THE_START:
        running.faults.begin(fault)


async def lane(directory: Path, name: str) -> dict[str, Row]:
    """What became of each trial of a lane; a lane that ends early says so in the rest."""
    rows: dict[str, Row] = {}
    begin: Callable[[Running], None] = oddly_healthy if name == "healthy" else lambda _: None
    try:
        async with asyncio.timeout(LANE_SECONDS), post(directory, begin) as one:
            for trial in LANES[name]:
                rows[trial.name] = await run(one, trial)
    except* (AssertionError, OSError) as group:
        for trial in LANES[name]:
            rows.setdefault(trial.name, Row(trial.name, missed=f"no trial: {group.exceptions}"))
    return rows


async def all_lanes(directory: Path, names: list[str]) -> dict[str, Row]:
    lanes = await asyncio.gather(*(lane(directory / name, name) for name in names))
    return {name: row for each in lanes for name, row in each.items()}


def wanted(request: pytest.FixtureRequest) -> list[str]:
    """The lanes of the trials that this run has chosen."""
    chosen = {
        item.callspec.params.get("name")
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    }
    return [name for name, trials in LANES.items() if chosen & {trial.name for trial in trials}]


@pytest.fixture(scope="module")
def rows(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Row]]:
    found = asyncio.run(all_lanes(tmp_path_factory.mktemp("faults"), wanted(request)))
    yield found
    plugins = request.config.pluginmanager
    terminal, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    if terminal is not None and capture is not None:  # a worker of pytest-xdist has no terminal
        with capture.global_and_fixture_disabled():
            terminal.write_line("\n" + "\n".join(table(list(found.values()))))


def table(rows: list[Row]) -> list[str]:
    """The report of `make test-faults`."""
    lines = [("fault", "back after", "limit", "wiped", "result", "detected by (the reason told)")]
    for row in rows:
        back = "" if row.back is None else f"{row.back:.1f} s"
        lines.append(
            (
                row.fault,
                back,
                row.limit,
                str(row.wiped or ""),
                "MISSED" if row.missed else "ok",
                row.told,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(5)] + [0]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    ]


@pytest.mark.parametrize("name", TRIALS)
def test_fault_heals_in_its_time_and_is_told(rows: dict[str, Row], name: str) -> None:
    assert not rows[name].missed, rows[name].missed
