"""Faults on demand: their names and parameters, and what they do to the wire."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from emulator_host import Host
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulator import Board, FaultError, Faults
from drivers.emulator.faults import KINDS, POWER, RESET
from drivers.emulator.wire import carry, delay


def test_active_tells_names_and_all_parameters(board: Board) -> None:
    board.faults.begin("lose", share=0.5)
    board.faults.begin("parity", core="arb")
    board.faults.begin("lose", count=2)
    assert board.faults.active == [
        {"name": "lose", "count": 2, "share": 1.0},
        {"name": "parity", "core": "arb"},
    ]
    board.faults.heal()
    assert board.faults.active == []
    assert not board.faults


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("fire", {}, "there are lose, corrupt"),
        (None, {}, "no such fault"),
        (["lose"], {}, "no such fault"),
        ("lose", {"count": 0}, '"count" must be'),
        ("lose", {"count": 1.5}, '"count" must be'),
        ("lose", {"count": True}, '"count" must be'),
        ("corrupt", {"share": 1.1}, "from 0 to 1"),
        ("corrupt", {"share": float("nan")}, "from 0 to 1"),
        ("split", {"size": 0}, "from 1 to 4096"),
        ("delay", {"seconds": -1}, "from 0 to 86400"),
        ("delay", {"seconds": "1"}, "from 0 to 86400"),
        ("parity", {"core": "cpu"}, "agc or arb"),
        ("parity", {"core": ["agc"]}, "agc or arb"),
        ("wrong_chip", {"value": False}, "255 or 0"),
        ("wrong_radio", {"radio": 2}, "0 or 1"),
        ("tx_stuck", {"emitting": 1}, "true or false"),
        ("plug", {"link": 7}, "the name of a link"),
        ("plug", {"link": "\ud800"}, "the name of a link"),
        ("plug", {"link": "a\0b"}, "the name of a link"),
        ("deaf", {"count": 1}, "this fault takes none"),
        ("lose", {"self": 1}, "takes count, share"),
        ("unplug", {}, "on no cable"),
        ("plug", {}, "on no cable"),
    ],
)
def test_nonsense_is_refused_and_says_what_is_possible(
    name: Any, parameters: dict[str, Any], why: str, board: Board
) -> None:
    with pytest.raises(FaultError, match=why):
        board.faults.begin(name, **parameters)
    assert board.faults.active == []


def test_end_of_what_is_not_on_does_nothing(board: Board) -> None:
    board.faults.end("deaf")
    with pytest.raises(FaultError, match="no such fault"):
        board.faults.end("fire")


@given(
    st.sampled_from([*KINDS, "", "fire"]),
    st.dictionaries(
        st.sampled_from(["count", "share", "size", "seconds", "core", "radio", "link", "name"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()),
    ),
)
def test_any_parameters_are_taken_or_refused(name: str, parameters: dict[str, Any]) -> None:
    faults = Faults(0)
    try:
        faults.begin(name, **parameters)
    except FaultError:
        assert not faults


def test_count_is_used_up_and_share_hits_by_the_seed() -> None:
    faults = Faults(1)
    faults.begin("lose", count=2)
    assert [bool(faults.strike("lose")) for _ in range(4)] == [True, True, False, False]
    assert not faults
    hits = []
    for seed in (1, 1, 2):
        faults = Faults(seed)
        faults.begin("lose", share=0.3)
        hits.append([bool(faults.strike("lose")) for _ in range(200)])
    assert hits[0] == hits[1] != hits[2]
    assert 30 < sum(hits[0]) < 90


ANSWER = bytes(range(50))


def carried(name: str, **parameters: Any) -> list[bytes]:
    faults = Faults(3)
    faults.begin(name, **parameters)
    return carry(faults, ANSWER)


def test_wire_loses_damages_splits_and_delays() -> None:
    assert carried("lose") == []
    [corrupt] = carried("corrupt")
    assert sum(a != b for a, b in zip(corrupt, ANSWER, strict=True)) == 1
    [garbage] = carried("garbage")
    assert len(garbage) == 50
    assert garbage != ANSWER
    assert [len(piece) for piece in carried("split", size=20)] == [20, 20, 10]
    assert b"".join(carried("split")) == ANSWER
    faults = Faults(0)
    assert (carry(faults, ANSWER), delay(faults)) == ([ANSWER], 0)
    faults.begin("delay", seconds=2)
    assert delay(faults) == 2


def test_agc_shows_0x0f_only_after_its_handshake(board: Board) -> None:
    host = Host(board)
    board.faults.begin("agc_0x0f")
    host.start_eu868()
    assert host.read(0x5781) == b"\x0f"
    host.load(0x5780, 0, bytes(8192))
    assert host.read(0x5781) == b"\x01"


@pytest.mark.parametrize(("cause", "healers"), [(RESET, {RESET}), (POWER, {RESET, POWER})])
def test_what_a_reset_and_power_heal_is_what_the_table_says(
    cause: str, healers: set[str], board: Board
) -> None:
    names = [name for name in KINDS if name not in ("unplug", "plug", "chip_reset")]
    for name in names:
        board.faults.begin(name)
    board.faults.lift(cause)
    left = [fault["name"] for fault in board.faults.active]
    assert left == [name for name in names if not healers & set(KINDS[name].healed_by)]
    assert 0 < len(left) < len(names)


def test_documented_faults_are_these_with_their_parameters_and_healers() -> None:
    text = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|(.*)\|$", text, re.MULTILINE)
    told = {
        name: (dict(re.findall(r"`(\w+)` = ([^,|]+?)(?:,|$)", takes.strip())), healers.strip())
        for name, takes, healers in rows
    }
    assert told == {
        name: (
            {key: json.dumps(parameter.default) for key, parameter in kind.parameters.items()},
            ", ".join(kind.healed_by),
        )
        for name, kind in KINDS.items()
    }
