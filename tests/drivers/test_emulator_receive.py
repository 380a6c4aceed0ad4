"""What reaches the receive buffer, in which bytes, and why the rest does not."""

import base64
from typing import Any

import pytest
from emulator_host import Clock, Host, golden

from drivers.emulator import Board, Flight, Uplink
from drivers.emulator.fifo import CAPACITY, Metadata, packet

PAYLOAD = bytes(range(20))


def fate(host: Host, clock: Clock, *uplinks: Uplink, gap_us: int = 0) -> list[Flight]:
    """Send them, `gap_us` apart, and wait until all are done; in their order."""
    done: dict[int, Flight] = {}
    for place, uplink in enumerate(uplinks):

        def note(flight: Flight, place: int = place) -> None:
            done[place] = flight

        host.board.send(uplink, clock.ns + place * gap_us * 1000, note)
    clock.pass_ms(host.board, 10_000)
    return [done[place] for place in range(len(uplinks))]


def reason(host: Host, clock: Clock, uplink: Uplink) -> str | None:
    [flight] = fate(host, clock, uplink)
    return flight.reason


GOLDEN_RX = golden("rx-eu868.json")["rx"]


@pytest.mark.parametrize("recorded", GOLDEN_RX)
def test_recorded_packets_are_laid_out_to_the_byte(recorded: Any) -> None:
    fifo, expected = bytes.fromhex(recorded["fifo"]), recorded["expected"]
    sf = int(expected["datr"][2:].split("BW")[0])
    meta = Metadata(
        chain=expected["chan"],
        modem=expected["mid"],
        sf=sf,
        coding_rate=int(expected["codr"][2]) - 4,
        crc_present=True,
        crc_wrong=False,
        snr_raw=round(expected["lsnr"] * 4),
        rssi_raw=fifo[9 + fifo[2] + 2],
        ticks=recorded["ticks"],
        frequency_offset=int.from_bytes(fifo[6:9], "little"),
    )
    ours = bytearray(packet(base64.b64decode(expected["data"]), meta))
    deltas = slice(9 + fifo[2] + 4, 9 + fifo[2] + 6)  # RSSI spread within a packet: 0 here
    ours[deltas] = fifo[deltas]
    ours[-1] = sum(ours[:-1]) & 0xFF
    assert ours == fifo


@pytest.mark.parametrize("recorded", GOLDEN_RX)
def test_packet_that_ends_at_the_recorded_tmst_is_received_as_recorded(
    recorded: Any, host: Host, clock: Clock
) -> None:
    expected, fifo = recorded["expected"], bytes.fromhex(recorded["fifo"])
    sf, bandwidth = expected["datr"][2:].split("BW")
    uplink = Uplink(
        base64.b64decode(expected["data"]),
        round(expected["freq"] * 1e6),
        sf=int(sf),
        bandwidth=int(bandwidth) * 1000,
        rssi=expected["rssi"],
        snr=expected["lsnr"],
    )
    start_us = expected["tmst"] - uplink.time_on_air_us
    host.board.send(uplink, host.board.chip.counter.nearest_ns(start_us, clock.ns))
    clock.pass_ms(host.board, 10_000)
    ours = host.fetch()
    t = 9 + fifo[2]
    assert ours[:6] + ours[9:t] == fifo[:6] + fifo[9:t]
    assert ours[t : t + 4] == fifo[t : t + 4]  # flags, SNR, both RSSI
    ticks = int.from_bytes(ours[t + 6 : t + 10], "little")
    assert ticks // 32 == recorded["ticks"] // 32
    assert ours[t + 10 : t + 13] == fifo[t + 10 : t + 13]


def test_packet_stands_in_the_buffer_once_it_is_demodulated(host: Host, clock: Clock) -> None:
    host.board.send(Uplink(PAYLOAD, 868_100_000))
    clock.pass_ms(host.board, 56.576)  # its time on air
    assert host.read(0x58C8, 2) == bytes(2)
    clock.pass_ms(host.board, 0.456)
    assert host.read(0x58C8, 2) == bytes([0, 43])
    assert len(host.fetch()) == 43
    assert host.read(0x58C8, 2) == bytes(2)
    assert host.read(0x4000, 3) == bytes(3)


def test_board_has_nothing_to_do_once_the_air_is_quiet(host: Host, clock: Clock) -> None:
    assert host.board.next_ns is None
    host.board.send(Uplink(PAYLOAD, 868_100_000))
    assert host.board.next_ns == clock.ns + (56_576 + 456) * 1000
    clock.pass_ms(host.board, 100)
    assert host.board.next_ns is None


def test_same_seed_and_clock_give_the_same_bytes() -> None:
    def day() -> bytes:
        clock = Clock()
        host = Host(Board(seed=7, now_ns=clock))
        host.start_eu868()
        for place in range(200):
            frequency = 867_100_000 + 200_000 * (place * 7 % 8)
            host.board.send(Uplink(bytes([place]) * (place % 50), frequency, sf=7 + place % 6))
            clock.pass_ms(host.board, 37 * (place % 11))
        return host.request(0) + host.fetch()

    assert day() == day()


def test_crc_state_is_marked(host: Host, clock: Clock) -> None:
    for crc, present, wrong in (("ok", 1, 0), ("bad", 1, 1), ("none", 0, 0)):
        assert reason(host, clock, Uplink(PAYLOAD, 868_100_000, crc=crc)) is None
        data = host.fetch()
        assert (data[4] & 1, data[9 + 20] & 1) == (present, wrong)


@pytest.mark.parametrize(
    ("uplink", "chain", "modem"),
    [
        (Uplink(PAYLOAD, 868_500_000), 2, 2),
        (Uplink(PAYLOAD, 867_100_000, sf=12), 3, 3),
        (Uplink(PAYLOAD, 867_930_000, sf=5), 7, 7),
        (Uplink(PAYLOAD, 868_300_000, bandwidth=250_000), 8, 16),
        (Uplink(PAYLOAD, 868_800_000, modulation="FSK", sf=0, coding_rate=0), 9, 17),
    ],
)
def test_the_matching_chain_hears(
    uplink: Uplink, chain: int, modem: int, host: Host, clock: Clock
) -> None:
    [flight] = fate(host, clock, uplink)
    assert flight.received
    data = host.fetch()
    assert (data[3], data[5]) == (chain, modem)


def test_fsk_ticks_and_rssi(host: Host, clock: Clock) -> None:
    uplink = Uplink(PAYLOAD, 868_800_000, modulation="FSK", sf=0, coding_rate=0, rssi=3.5)
    [flight] = fate(host, clock, uplink)
    data = host.fetch()
    assert data[9 + 20 + 2] == 140  # §4.5: reported as 4 dBm
    ticks = int.from_bytes(data[9 + 20 + 6 : 9 + 20 + 10], "little")
    assert ticks // 32 - 7 == host.board.counter_us(flight.end_ns)


@pytest.mark.parametrize(
    ("uplink", "why"),
    [
        (Uplink(PAYLOAD, 869_525_000), "no channel at 869525000 Hz with 125000 Hz"),
        (Uplink(PAYLOAD, 868_145_000), "no channel"),
        (Uplink(PAYLOAD, 868_100_000, bandwidth=500_000), "no channel"),
        (Uplink(PAYLOAD, 868_300_000, bandwidth=250_000, sf=8), "listens to SF7 only"),
        (Uplink(PAYLOAD, 868_100_000, modulation="FSK", sf=0), "no FSK channel"),
        (Uplink(PAYLOAD, 868_800_000, modulation="FSK", bit_rate=10_000), "50000 bit/s only"),
    ],
)
def test_nothing_hears_what_no_chain_is_set_to(
    uplink: Uplink, why: str, host: Host, clock: Clock
) -> None:
    assert why in (reason(host, clock, uplink) or "")
    assert host.fetch() == b""


@pytest.mark.parametrize(
    ("address", "value", "why"),
    [
        (0x5605, 0x07, "GLOBAL_EN"),
        (0x5605, 0x0D, "multi-SF modems are off"),
        (0x5821, 0xFE, "correlator of chain 0"),
        (0x5822, 0xFB, "SF7 is not enabled"),
        (0x588E, 2, "sync word"),
        (0x5784, 0x04, "no channel"),
        (0x5800, 0x1E, "no channel"),
        (0x5780, 0x14, "AGC"),
        (0x6080, 0x24, "arbiter"),
    ],
)
def test_switches_on_the_way_switch_off(
    address: int, value: int, why: str, host: Host, clock: Clock
) -> None:
    uplink = Uplink(PAYLOAD, 868_100_000)
    assert reason(host, clock, uplink) is None
    host.write(address, value)
    assert why in (reason(host, clock, uplink) or "")


def test_private_network_hears_no_public_packet(host: Host, clock: Clock) -> None:
    host.write(0x588E, 2, 4)
    uplinks = [Uplink(PAYLOAD, 868_100_000, sf=sf) for sf in (5, 6, 7, 12)]
    assert [reason(host, clock, uplink) is None for uplink in uplinks] == [True, True, False, False]


def test_overlapping_packets_destroy_each_other(host: Host, clock: Clock) -> None:
    uplink = Uplink(PAYLOAD, 868_100_000)
    first, second = fate(host, clock, uplink, uplink, gap_us=50_000)
    assert (first.reason, second.reason) == ("collision", "collision")
    assert host.fetch() == b""


@pytest.mark.parametrize("strong_first", [True, False])
def test_six_db_more_survive_a_collision(strong_first: bool, host: Host, clock: Clock) -> None:
    strong = Uplink(PAYLOAD, 868_100_000, rssi=-80)
    weak = Uplink(PAYLOAD, 868_100_000, rssi=-86)
    uplinks = (strong, weak) if strong_first else (weak, strong)
    flights = fate(host, clock, *uplinks, gap_us=1000)
    survived = [flight.uplink for flight in flights if flight.received]
    assert survived == [strong]


@pytest.mark.parametrize(
    "other",
    [
        Uplink(PAYLOAD, 868_300_000),
        Uplink(PAYLOAD, 868_100_000, sf=8),
        Uplink(PAYLOAD, 868_300_000, bandwidth=250_000),
    ],
)
def test_other_channel_or_spreading_factor_does_not_disturb(
    other: Uplink, host: Host, clock: Clock
) -> None:
    assert all(f.received for f in fate(host, clock, Uplink(PAYLOAD, 868_100_000), other))


def test_packets_one_after_the_other_both_arrive(host: Host, clock: Clock) -> None:
    uplink = Uplink(PAYLOAD, 868_100_000)
    assert all(f.received for f in fate(host, clock, uplink, uplink, gap_us=56_576))
    data = host.fetch()
    assert data[:2] == data[43:45] == b"\xa5\xc0"


def test_full_buffer_loses_the_packet(host: Host, clock: Clock) -> None:
    big = Uplink(bytes(233), 868_100_000)
    flights = fate(host, clock, *[big] * 17, gap_us=400_000)
    assert [f.received for f in flights] == [True] * 16 + [False]
    assert flights[-1].reason == "the receive buffer is full"
    assert int.from_bytes(host.read(0x58C8, 2), "big") == CAPACITY


def test_chip_reset_loses_what_is_on_the_air(host: Host, clock: Clock) -> None:
    done: list[Flight] = []
    host.board.send(Uplink(PAYLOAD, 868_100_000), on_done=done.append)
    host.reset()
    clock.pass_ms(host.board, 100)
    assert done[0].reason == "the chip was reset"


def test_fine_timestamps_are_latched_early(clock: Clock) -> None:
    host = Host(Board(chip="sx1303", now_ns=clock))
    host.start_eu868()
    host.write(0x58C0, 0)
    [flight] = fate(host, clock, Uplink(PAYLOAD, 868_100_000))
    data = host.fetch()
    ticks = int.from_bytes(data[35:39], "little")
    payload_symbols = 35  # ⌈(8·20 + 16 − 28 + 8 + 20)/28⌉·5
    correction = payload_symbols * 1024 - 18
    assert data[29] & 0x10
    assert abs(ticks // 32 + correction - host.board.counter_us(flight.end_ns)) <= 1
