"""D1 whatever is killed, cut or full: some crash trials, and that they can fail.

What happens in one stands in crash_trials/script.py, what is judged in crash_trials/judge.py.
`make crash-trials` does more of the same.
"""

import asyncio
from collections.abc import Sequence

import pytest
from crash_trials.__main__ import scratch
from crash_trials.disk_faults import build
from crash_trials.place import place
from crash_trials.script import LENGTH, Disturbance, Script, script
from crash_trials.trial import Finding, tried

SEED = 20261130
TRIALS = 8
ATTEMPTS = 4

KILL = Disturbance(LENGTH * 0.9, "kill", upon="uplink")
CUT = Disturbance(0.1, "cut", LENGTH)
MUTATED: dict[str, tuple[Disturbance, ...]] = {
    "safe before the commit": (CUT, KILL),
    "delivered without a PUBACK": (Disturbance(0.3, "half-open to broker"), KILL),
    "sessions forgotten": (KILL,),
}


async def trials(scripts: Sequence[Script], mutation: str = "") -> list[Finding]:
    """Up to three at a time."""
    with scratch() as directory:
        library, findings, waiting = build(directory), list[Finding](), iter(scripts)

        async def work(name: str) -> None:
            async with place(directory / name, library) as where:
                for each in waiting:
                    findings.append(await tried(each, where, mutation))

        async with asyncio.TaskGroup() as tasks:
            for name in ("a", "b", "c")[: len(scripts)]:
                tasks.create_task(work(name))
        return findings


def mutated(mutation: str, attempt: int) -> Script:
    """The disk waits until the kill, so that it is missed."""
    return Script(
        seed=f"{mutation} {attempt}",
        disturbances=MUTATED[mutation],
        window=10.0,
        batch_readings=5,
        in_flight=20,
        protocol="auto",
        bounded=False,
        patient=False,
    )


@pytest.mark.realtime
@pytest.mark.xdist_group("crash trials")
async def test_what_was_promised_holds_whatever_is_killed_cut_or_full() -> None:
    findings = await trials([script(SEED, number) for number in range(TRIALS)])
    assert [each for each in findings if not each.is_good] == []
    assert sum(each.safe for each in findings) > 10 * TRIALS
    assert sum(each.answered for each in findings) > TRIALS
    assert sum(each.joined for each in findings) > 0


@pytest.mark.realtime
@pytest.mark.xdist_group("mutations")
@pytest.mark.parametrize("mutation", MUTATED)
async def test_daemon_that_breaks_a_promise_is_found_out(mutation: str) -> None:
    for attempt in range(ATTEMPTS):
        (finding,) = await trials([mutated(mutation, attempt)], mutation)
        if not finding.is_good:
            return
    pytest.fail("it was not")


def test_script_is_its_seed_s_alone() -> None:
    assert script(1, 2) == script(1, 2)
    assert len({script(1, number) for number in range(100)}) == 100
