"""Faults on demand: what each does to what the host sees, and what heals it."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from emulator_host import Clock, Host, frame
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulator import Board, FaultError, Faults, Flight, Uplink
from drivers.emulator.faults import KINDS, POWER, RESET
from drivers.emulator.wire import carry, delay

UPLINK = Uplink(bytes(range(20)), 868_100_000)
SIZE = 43  # of that packet in the receive buffer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(now_ns=clock)


@pytest.fixture
def host(board: Board) -> Host:
    host = Host(board)
    host.start_eu868()
    return host


def hears(host: Host, clock: Clock) -> str | None:
    """Why the board does not receive a packet sent now."""
    done: list[Flight] = []
    host.board.send(UPLINK, on_done=done.append)
    clock.pass_ms(host.board, 100)
    return done[0].reason


def arm(host: Host, clock: Clock, in_us: int = 10_000) -> None:
    """Schedule a transmission."""
    host.write(0x5220, 0x1D)
    host.write(0x5260, 0x47)
    host.write(0x5261, 0x01)
    ticks = (host.board.counter_us() + in_us) * 32 % 2**32
    host.write(0x5201, *ticks.to_bytes(4, "big"))
    host.modify(0x5200, 2, 0)
    host.modify(0x5200, 2, 2)


def tx_status(host: Host) -> int:
    return host.read(0x5211)[0]


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


def test_chip_reset_behind_the_hosts_back(host: Host, clock: Clock) -> None:
    clock.pass_ms(host.board, 5000)
    uptime = host.request(1)[:4]
    host.board.faults.begin("chip_reset")
    assert host.board.faults.active == []
    assert host.read(0x5605) == b"\x00"
    assert host.read(0x6105, 4) == bytes(4)
    assert host.read(0x0000, 16) == bytes(16)
    assert host.request(1)[:4] == uptime
    assert hears(host, clock)


@pytest.mark.parametrize("name", ["agc_stuck", "deaf", "counter_stopped"])
@pytest.mark.parametrize("healer", ["end", "reset"])
def test_silent_until_ended_or_reset(name: str, healer: str, host: Host, clock: Clock) -> None:
    assert hears(host, clock) is None
    host.board.faults.begin(name)
    assert hears(host, clock)
    if healer == "end":
        host.board.faults.end(name)
    else:
        host.start_eu868()
    assert host.board.faults.active == []
    assert hears(host, clock) is None


def test_packet_under_way_is_lost_when_the_board_falls_silent(host: Host, clock: Clock) -> None:
    done: list[Flight] = []
    host.board.send(UPLINK, on_done=done.append)
    host.board.faults.begin("deaf")
    clock.pass_ms(host.board, 100)
    assert done[0].reason == "the chip is deaf"


def test_stuck_arbiter_shows_in_status_and_both_parity_flags(host: Host) -> None:
    host.board.faults.begin("agc_stuck")
    assert host.read(0x5780, 2) == b"\x11\x14"
    assert host.read(0x6080)[0] & 1
    assert host.modify(0x5780, 0x08, 0)[0] & 1
    host.board.faults.end("agc_stuck")
    assert host.read(0x5780, 2) == b"\x10\x00"


def test_deaf_board_looks_healthy(host: Host) -> None:
    places = [(0x5200, 0x600), (0x5819, 0x800)]  # but for 0x5818, which shows noise
    before = [host.read(*place) for place in places]
    host.board.faults.begin("deaf")
    assert before == [host.read(*place) for place in places]


@pytest.mark.parametrize(("core", "flags"), [("agc", (1, 0)), ("arb", (0, 1))])
def test_parity_flag_of_one_core(core: str, flags: tuple[int, int], host: Host) -> None:
    host.board.faults.begin("parity", core=core)
    assert (host.read(0x5780)[0] & 1, host.read(0x6080)[0] & 1) == flags
    host.reset()
    assert (host.read(0x5780)[0] & 1, host.read(0x6080)[0] & 1) == (0, 0)


def test_every_crc_is_wrong(host: Host, clock: Clock) -> None:
    host.board.faults.begin("bad_crc")
    assert hears(host, clock) is None
    assert host.fetch()[9 + 20] & 1


def test_count_stands_and_goes_on_as_if_it_had_not(host: Host, clock: Clock) -> None:
    host.board.faults.begin("counter_stopped")
    first = host.read(0x6105, 4)
    arm(host, clock)
    clock.pass_ms(host.board, 1000)
    assert host.read(0x6105, 4) == first
    assert tx_status(host) == 0x91
    host.board.faults.end("counter_stopped")
    ahead = int.from_bytes(host.read(0x6105, 4), "big") - int.from_bytes(first, "big")
    assert ahead == 32_000_000


def test_transmission_that_never_starts_can_be_taken_back(host: Host, clock: Clock) -> None:
    host.board.faults.begin("tx_stuck")
    arm(host, clock)
    clock.pass_ms(host.board, 5000)
    assert tx_status(host) == 0x91
    host.write(0x5200, 0)
    assert tx_status(host) == 0x80
    arm(host, clock)
    clock.pass_ms(host.board, 11)
    assert tx_status(host) in (0x30, 0x60)


@pytest.mark.parametrize("healer", ["end", "reset"])
def test_transmission_that_never_ends_takes_a_reset(healer: str, host: Host, clock: Clock) -> None:
    host.board.faults.begin("tx_stuck", emitting=True)
    arm(host, clock)
    clock.pass_ms(host.board, 100_000)
    host.write(0x5200, 0)
    assert tx_status(host) == 0x60
    assert hears(host, clock) == "the board was transmitting"
    if healer == "end":
        host.board.faults.end("tx_stuck")
    else:
        host.start_eu868()
    assert tx_status(host) == 0x80
    assert hears(host, clock) is None


@pytest.mark.parametrize(("core", "base"), [("agc", 0), ("arb", 0x2000)])
def test_program_reads_back_with_one_wrong_bit(core: str, base: int, host: Host) -> None:
    whole = [host.read(start, 4096) for start in range(0, 0x4000, 4096)]
    host.board.faults.begin("firmware_mismatch", core=core)
    damaged = [host.read(start, 4096) for start in range(0, 0x4000, 4096)]
    [place] = [
        at
        for at, (a, b) in enumerate(zip(b"".join(whole), b"".join(damaged), strict=True))
        if a != b
    ]
    assert base <= place < base + 0x2000
    host.reset()
    assert [fault["name"] for fault in host.board.faults.active] == ["firmware_mismatch"]


@pytest.mark.parametrize("value", [0xFF, 0x00])
def test_wrong_chip_reads_one_value_everywhere(value: int, host: Host) -> None:
    host.board.faults.begin("wrong_chip", value=value)
    assert host.read(0x5606) == bytes([value])
    assert host.radio(0, 0xC0, b"\x00") == bytes([value])
    assert host.modify(0x5605, 0x01, 0x00)[0] == value
    host.board.faults.end("wrong_chip")
    assert host.read(0x5605) == b"\x0f"


def test_wrong_radio_never_reaches_standby(host: Host) -> None:
    host.board.faults.begin("wrong_radio", radio=1)
    host.radio(1, 0x80, b"\x00")
    assert host.radio(1, 0xC0, b"\x00") == b"\x00"
    assert host.radio(0, 0xC0, b"\x00") == b"\x5a"


@pytest.mark.parametrize(("core", "status"), [("agc", 0x5781), ("arb", 0x6081)])
def test_status_of_a_core_never_comes(core: str, status: int, host: Host) -> None:
    host.board.faults.begin("late_status", core=core)
    control, base = (0x5780, 0) if core == "agc" else (0x6080, 0x2000)
    host.load(control, base, bytes(8192))
    assert host.read(status) == b"\x00"
    host.board.faults.end("late_status")
    assert host.read(status) == b"\x01"


def test_byte_count_is_torn_once(host: Host, clock: Clock) -> None:
    host.board.faults.begin("torn_count")
    assert host.read(0x58C8, 2) == bytes(2)  # nothing there: nothing to tear
    for _ in range(7):
        hears(host, clock)
    counts = [int.from_bytes(host.read(0x58C8, 2), "big") for _ in range(2)]
    assert counts == [256, 7 * SIZE]


def test_checksum_is_wrong_as_often_as_asked(host: Host, clock: Clock) -> None:
    host.board.faults.begin("bad_checksum", count=2)
    for wrong in (True, True, False):
        hears(host, clock)
        data = host.fetch()
        assert (sum(data[:-1]) & 0xFF != data[-1]) is wrong


def test_garbage_stands_before_a_packet(host: Host, clock: Clock) -> None:
    host.board.faults.begin("fifo_garbage", size=9)
    hears(host, clock)
    hears(host, clock)
    data = host.fetch()
    assert data.find(b"\xa5\xc0") == 9
    assert len(data) == 9 + 2 * SIZE


def test_healthy_oddities(host: Host, clock: Clock) -> None:
    for name in ("constant_id", "agc_0x0f", "late_tx_status"):
        host.board.faults.begin(name)
    assert host.board.feed(frame(1, request_id=7))[0] == 0
    assert host.read(0x5781) == b"\x0f"
    assert hears(host, clock) is None
    arm(host, clock)
    assert [tx_status(host) for _ in range(2)] == [0x80, 0x91]
    clock.pass_ms(host.board, 11)
    assert tx_status(host) in (0x30, 0x60)


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


def test_faults_of_one_seed_are_the_same() -> None:
    def bytes_of(seed: int) -> bytes:
        clock = Clock()
        host = Host(Board(seed=seed, now_ns=clock))
        host.start_eu868()
        host.board.faults.begin("fifo_garbage", share=0.5)
        host.board.faults.begin("bad_checksum", share=0.5)
        for _ in itertools.repeat(None, 20):
            hears(host, clock)
        return host.fetch()

    assert bytes_of(1) == bytes_of(1) != bytes_of(2)


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
