"""The faults of a concentrator, as trials: begun at a running gateway, and the time until it heals.

A trial says what the fault is, in which words the daemon must tell it, and within which time a
reading must be received again. The clock runs from the fault's beginning; where a fault stays until
it is ended (`stays`), from its end, for a daemon cannot heal what is still broken.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from faulty_post import RX1_BEGUN, Post, Told, now

ON_FOR = 2.0  # seconds for which a healthy oddity is watched
REPEATS = 7  # of a confirmed uplink that nobody acknowledges, as a device repeats it
MARGIN = 10.0  # seconds beyond a limit for which a trial goes on, to tell by how much it is missed


@dataclass(frozen=True)
class Trial:
    """`told`: a pattern of the daemon's reason. `at_start`: it shows only when the chip is started,
    so the chip is reset as well. `warm_up`: seconds for which the street has spoken before."""

    fault: str
    told: str
    limit: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "chip"
    stays: bool = False
    at_start: bool = False
    ended_by: str = ""
    warm_up: float = 0.0

    @property
    def name(self) -> str:
        return name(self.fault, self.parameters)


@dataclass(frozen=True)
class Healthy:
    """What looks like a fault and is none: nothing may be started anew for it.

    `costs` is how many packets it takes with it by itself."""

    fault: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    costs: int = 0

    @property
    def name(self) -> str:
        return name(self.fault, self.parameters)


@dataclass(frozen=True)
class Stuck:
    """A transmission that sticks: the next one must go out, or, where only a reset of the chip
    ends it, one within `limit` seconds."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    limit: float | None = None

    @property
    def name(self) -> str:
        return name("tx_stuck", self.parameters)


def name(fault: str, parameters: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key} {value}" for key, value in parameters.items())
    return f"{fault} ({inside})" if inside else fault


@dataclass
class Row:
    """One line of the report; `wiped`: packets that were in the chip's memory when it
    had to be started anew; `missed` says what was not as promised."""

    fault: str
    told: str = ""
    back: float | None = None
    limit: str = ""
    wiped: int = 0
    missed: str = ""


AnyTrial: TypeAlias = Trial | Healthy | Stuck


async def run(post: Post, trial: AnyTrial) -> Row:
    """One trial. What goes wrong stands in its row."""
    row = Row(trial.name)
    try:
        match trial:
            case Trial():
                await _heals(post, trial, row)
            case Healthy():
                await _is_healthy(post, trial, row)
            case Stuck():
                await _sends_again(post, trial, row)
    except AssertionError as error:
        row.missed = str(error)
    finally:
        post.running.faults.heal()
    return row


async def _heals(post: Post, trial: Trial, row: Row) -> None:
    row.limit = f"{trial.limit:g} s"
    await asyncio.sleep(trial.warm_up)
    await post.settled()
    before = (await post.daemon.status())["radio"]
    said, heard, began = len(post.told), set(post.sent), now()
    await _begin(post, trial)
    pattern = re.compile(trial.told)
    fault = await post.says(said, lambda word: _is_fault(word, pattern), trial.limit + MARGIN)
    row.told = fault.reason
    if trial.stays:
        began = now()
        _end(post, trial)
    up = await post.says(
        post.told.index(fault), lambda word: word.state == "receiving", trial.limit + MARGIN
    )
    row.back = await post.reading_sent_after(up.at, 10) - began
    after = (await post.daemon.status())["radio"]
    assert row.back <= trial.limit, f"back after {row.back:.1f} s"
    assert after["restarts"] > before["restarts"], "no restart was counted"
    kinds = trial.kind.split("|")
    assert any(after["faults"].get(kind, 0) > before["faults"].get(kind, 0) for kind in kinds), (
        f"not counted as {trial.kind}: {after['faults']}"
    )
    assert after["last_fault_at"] is not None
    meanwhile = {key for key, at in post.sent.items() if at < up.at} - heard
    post.wiped |= meanwhile - post.arrived.keys()
    row.wiped = len(post.wiped & meanwhile)
    await post.settled()


async def _begin(post: Post, trial: Trial) -> None:
    post.running.faults.begin(trial.fault, **trial.parameters)
    if trial.at_start:
        post.running.faults.begin("chip_reset")


def _end(post: Post, trial: Trial) -> None:
    if trial.ended_by:
        post.running.faults.begin(trial.ended_by)
    else:
        post.running.faults.end(trial.fault)


def _is_fault(word: Told, pattern: re.Pattern[str]) -> bool:
    return word.state == "fault" and pattern.search(word.reason) is not None


async def _acknowledged_in_the_end(post: Post) -> bool:
    """A device repeats itself: a packet may be what a fault costs, a busy machine may be late."""
    for _ in range(1 + REPEATS):
        if await post.acknowledged():
            return True
    return False


async def _is_healthy(post: Post, trial: Healthy, row: Row) -> None:
    row.told, row.limit = "", "no restart"
    await post.settled()
    before, said = (await post.daemon.status())["radio"], len(post.told)
    heard = set(post.sent)
    post.running.faults.begin(trial.fault, **trial.parameters)
    answered = await _acknowledged_in_the_end(post)
    await asyncio.sleep(ON_FOR)
    after = (await post.daemon.status())["radio"]
    assert post.told[said:] == [], f"the daemon said {post.told[said:]}"
    assert after["starts"] == before["starts"], "it was started anew"
    assert answered, "no acknowledgement was on the air"
    meanwhile = set(post.sent) - heard
    await asyncio.sleep(1)
    lost = meanwhile - post.arrived.keys()
    assert len(lost) <= trial.costs, f"lost are {sorted(lost)}"
    assert len(meanwhile - lost) > 0
    post.wiped |= lost
    await post.settled()


async def _sends_again(post: Post, trial: Stuck, row: Row) -> None:
    row.limit = f"{trial.limit:g} s" if trial.limit else "the next packet"
    await post.settled()
    said, heard = len(post.told), set(post.sent)
    assert await _acknowledged_in_the_end(post), "there was no acknowledgement before the fault"
    post.running.faults.begin("tx_stuck", **trial.parameters)
    began = now()
    assert not await post.acknowledged(RX1_BEGUN), "the transmission did not stick"
    if trial.limit is None:
        assert await _acknowledged_in_the_end(post), "the next transmission did not go out"
    else:
        while not await post.acknowledged(RX1_BEGUN):
            assert now() - began < trial.limit, "no transmission goes out"
    row.back = now() - began
    assert row.back <= (trial.limit or row.back), f"back after {row.back:.1f} s"
    post.wiped |= set(post.sent) - heard - post.arrived.keys() if trial.limit else set()
    await post.settled()
    drops = (await post.daemon.status())["radio"]["damaged"]
    counted = {key: drops[key] for key in ("never_sent", "overran") if key in drops}
    words = [word.reason for word in post.told[said:] if word.state == "fault"]
    row.told = words[-1] if words else f"TX status past its end: {counted}"
    assert words or counted, "it was not counted"
    assert trial.limit or not words, "it was started anew"
