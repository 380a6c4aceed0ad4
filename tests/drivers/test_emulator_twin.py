"""What makes the board a twin: demodulators, levels, pulses, fine timestamps, networks' words."""

import itertools
from statistics import fmean, pstdev

import pytest
from emulator_host import Clock, Host

from drivers.emulator import Board, Emission, Flight, Uplink, propagation
from drivers.emulator.fifo import RSSI_DRIFT, RSSI_OFFSET

PAYLOAD = bytes(range(20))
CHANNELS = [868_100_000, 868_300_000, 868_500_000, *range(867_100_000, 868_000_000, 200_000)]


def send(host: Host, clock: Clock, uplinks: list[Uplink], ms: float = 5000) -> list[Flight]:
    """Send all at once and wait; in the order in which they ended."""
    done: list[Flight] = []
    for uplink in uplinks:
        host.board.send(uplink, on_done=done.append)
    clock.pass_ms(host.board, ms)
    return done


def modems(data: bytes) -> list[int]:
    """Of all packets in a fetch, none of which has metrics."""
    found = []
    while data:
        found.append(data[5])
        data = data[23 + data[2] :]
    return found


def on_the_air(*sfs: int) -> list[Uplink]:
    return [
        Uplink(PAYLOAD, frequency, sf=sf, snr=-5)
        for sf, frequency in itertools.product(sfs, CHANNELS)
    ]


def test_sixteen_at_once_are_demodulated_and_no_seventeenth(host: Host, clock: Clock) -> None:
    flights = send(host, clock, [*on_the_air(7, 8), Uplink(PAYLOAD, CHANNELS[0], sf=9)])
    lost = [flight for flight in flights if not flight.received]
    assert [flight.reason for flight in lost] == ["no demodulator is free"]
    assert lost[0].uplink.sf == 9
    assert sorted(modems(host.fetch())) == list(range(16))


def test_demodulator_is_free_once_its_packet_is_decoded(host: Host, clock: Clock) -> None:
    for _ in range(3):
        assert all(flight.received for flight in send(host, clock, on_the_air(7, 8)))
        host.fetch()


def test_demodulators_of_lost_packets_are_free_again(host: Host, clock: Clock) -> None:
    uplinks = on_the_air(7, 8)
    assert not any(flight.received for flight in send(host, clock, uplinks + uplinks))
    assert all(flight.received for flight in send(host, clock, uplinks))


def test_reset_frees_the_demodulators(host: Host, clock: Clock) -> None:
    done: list[Flight] = []
    for uplink in on_the_air(11):
        host.board.send(uplink, on_done=done.append)
    host.start_eu868()
    assert all(flight.received for flight in send(host, clock, on_the_air(7, 8)))
    assert {flight.reason for flight in done} == {"the chip was reset"}


def test_half_of_them_know_no_sf11_and_sf12(host: Host, clock: Clock) -> None:
    flights = send(host, clock, [*on_the_air(11), Uplink(PAYLOAD, CHANNELS[0], sf=12)])
    assert [flight.uplink.sf for flight in flights if not flight.received] == [12]
    assert sorted(modems(host.fetch())) == list(range(8))


def test_demodulators_that_are_switched_off_take_nothing(host: Host, clock: Clock) -> None:
    host.write(0x6188, 0x00)
    host.write(0x6189, 0x02)
    send(host, clock, [Uplink(PAYLOAD, CHANNELS[0]), Uplink(PAYLOAD, CHANNELS[1])])
    assert modems(host.fetch()) == [9]
    [flight] = send(host, clock, [Uplink(PAYLOAD, CHANNELS[0], sf=12)])
    assert flight.reason == "no demodulator is free"


def level(host: Host, chain: int) -> float:
    host.modify(0x5811, 0x07, chain)
    return host.read(0x5818)[0] + RSSI_OFFSET + RSSI_DRIFT


def test_quiet_channels_show_the_noise_floor(host: Host) -> None:
    levels = [level(host, 2) for _ in range(200)]
    assert -119 < fmean(levels) < -117
    assert 0.5 < pstdev(levels) < 2
    assert host.read(0x5811)[0] >> 3 == 5  # the selector left its neighbour alone


def test_channel_with_a_packet_is_louder_and_only_that(host: Host, clock: Clock) -> None:
    host.board.send(Uplink(PAYLOAD, 868_300_000, sf=12, rssi=-71))
    clock.pass_ms(host.board, 10)
    levels = [round(level(host, chain)) for chain in range(8)]
    assert levels[1] == -71
    assert all(other < -110 for chain, other in enumerate(levels) if chain != 1)
    clock.pass_ms(host.board, 5000)
    assert level(host, 1) < -110


def test_noise_of_one_seed_is_the_same() -> None:
    def noise(seed: int) -> list[float]:
        host = Host(Board(seed=seed, now_ns=Clock()))
        host.start_eu868()
        return [level(host, chain) for chain in range(8) for _ in range(5)]

    assert noise(1) == noise(1) != noise(2)


def test_path_loss_grows_by_its_exponent() -> None:
    assert propagation.path_loss_db(1000) == 128.95
    assert propagation.path_loss_db(10_000) == pytest.approx(128.95 + 23.2)
    assert propagation.path_loss_db(0.1) == propagation.path_loss_db(1)


def test_place_keeps_its_shadowing_and_places_scatter() -> None:
    drawn = [propagation.shadowing_db(1, metres) for metres in range(2000)]
    assert propagation.shadowing_db(1, 7) == drawn[7] != propagation.shadowing_db(2, 7)
    assert abs(fmean(drawn)) < 0.6
    assert 7.3 < pstdev(drawn) < 8.3


def test_rssi_never_falls_below_the_noise_while_snr_does() -> None:
    rssi, snr = propagation.arrival(20_000, 14, 125_000, seed=0)
    assert -118.1 < rssi < -110
    assert snr < 0
    assert propagation.arrival(20_000, 14, 500_000, seed=0)[1] == pytest.approx(
        snr - 6.02, abs=0.01
    )
    assert propagation.arrival(1, 14, 125_000, seed=0)[1] == propagation.HIGHEST_SNR_DB


@pytest.mark.parametrize(("sf", "floor"), propagation.SNR_FLOOR.items())
def test_each_spreading_factor_has_its_floor(
    sf: int, floor: float, host: Host, clock: Clock
) -> None:
    heard = Uplink(PAYLOAD, CHANNELS[0], sf=sf, snr=floor, fades=True)
    weak = Uplink(PAYLOAD, CHANNELS[0], sf=sf, snr=floor - 0.1, fades=True)
    [flight] = send(host, clock, [heard])
    assert flight.received
    [flight] = send(host, clock, [weak])
    assert (flight.reason or "").startswith(f"too weak: SNR {floor - 0.1:.1f} dB, SF{sf} needs")


@pytest.mark.parametrize("public", [True, False])
def test_each_network_hears_its_own(public: bool, host: Host, clock: Clock) -> None:
    host.write(0x588E, *((6, 8) if public else (2, 4)))
    ours = [Uplink(PAYLOAD, CHANNELS[0], sf=sf, public=public) for sf in (5, 7, 12)]
    theirs = [Uplink(PAYLOAD, CHANNELS[1], sf=sf, public=not public) for sf in (7, 12)]
    flights = send(host, clock, ours + theirs)
    assert {flight.uplink.public for flight in flights if flight.received} == {public}
    assert sum(flight.received for flight in flights) == 3


def test_no_pulse_no_count(host: Host, clock: Clock) -> None:
    clock.pass_ms(host.board, 3000)
    assert host.read(0x6101, 4) == bytes(4)


def test_pulse_latches_the_count(host: Host, clock: Clock) -> None:
    clock.pass_ms(host.board, 1234)
    host.board.pulse()
    now = host.read(0x6105, 4)
    clock.pass_ms(host.board, 1)
    assert host.read(0x6101, 4) == now != bytes(4)
    host.write(0x6100, 0)
    host.board.pulse()
    assert host.read(0x6101, 4) == now


def test_pulses_come_every_second(clock: Clock) -> None:
    host = Host(Board(now_ns=clock, pps=True))
    host.start_eu868()
    counts = []
    for _ in range(3):
        clock.pass_ms(host.board, 1000)
        counts.append(int.from_bytes(host.read(0x6101, 4), "big"))
    assert [later - earlier for earlier, later in itertools.pairwise(counts)] == [32_000_000] * 2
    assert host.board.next_ns == (clock.ns // 10**9 + 1) * 10**9


def test_transmission_triggered_by_pulse_leaves_at_it(host: Host, clock: Clock) -> None:
    emissions: list[Emission] = []
    host.board.on_emission = emissions.append
    host.write(0x5220, 0x1D)
    host.write(0x5260, 0x47)
    host.write(0x5261, 0x01)
    host.write(0x5205, 0, 0)
    host.modify(0x5200, 4, 4)
    clock.pass_ms(host.board, 5000)
    assert host.read(0x5211) == b"\x91"
    host.board.pulse()
    assert [emission.begin_ns for emission in emissions] == [clock.ns]


def start_fine(clock: Clock, seed: int = 0) -> Host:
    host = Host(Board(chip="sx1303", seed=seed, now_ns=clock))
    host.start_eu868()
    host.write(0x58C0, 0)
    host.write(0x58C1, 32)
    host.modify(0x58B3, 0x0F, 0x08)
    return host


def test_fine_timestamps_come_with_metrics(clock: Clock) -> None:
    host = start_fine(clock)
    send(host, clock, [Uplink(PAYLOAD, CHANNELS[0]), Uplink(b"", CHANNELS[1])])
    entries = split(host.fetch())
    assert [(payload, len(metrics)) for _, payload, metrics in entries] == [
        (b"", 16),
        (PAYLOAD, 56),
    ]
    assert any(metric for _, _, metrics in entries for metric in metrics)


def split(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Modem, payload and metrics of each packet; its checksum is right and nothing is left."""
    found = []
    while data:
        size, tail = data[2], 9 + data[2]
        end = tail + 13 + 2 * data[tail + 12]
        assert data[end] == sum(data[:end]) & 0xFF
        found.append((data[5], data[9:tail], data[tail + 13 : end]))
        assert len(found[-1][1]) == size
        data = data[end + 1 :]
    return found


def test_packet_demodulated_twice_stands_twice(clock: Clock) -> None:
    host = start_fine(clock)
    host.write(0x608C, 0x3F)
    send(host, clock, [Uplink(PAYLOAD, CHANNELS[3])])
    first, second = split(host.fetch())
    assert (first[0], first[1], len(first[2])) == (3, PAYLOAD, 56)
    assert (second[1], second[2]) == (PAYLOAD, b"")
    assert second[0] != 3
    send(host, clock, [Uplink(PAYLOAD, CHANNELS[3], sf=12)])
    assert len(split(host.fetch())) == 1


def test_metrics_are_of_the_seed() -> None:
    def fetched(seed: int) -> bytes:
        clock = Clock()
        host = start_fine(clock, seed)
        send(host, clock, [Uplink(PAYLOAD, CHANNELS[0])])
        return host.fetch()

    assert fetched(1) == fetched(1) != fetched(2)
