"""Faults on demand: what each does to what the host sees, and what heals it."""

import itertools

import pytest
from emulator_host import Clock, Host, frame

from drivers.emulator import Board, Flight, Uplink

UPLINK = Uplink(bytes(range(20)), 868_100_000)
SIZE = 43  # of that packet in the receive buffer


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
