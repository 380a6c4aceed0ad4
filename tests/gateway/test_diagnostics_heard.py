"""Packets of the last minutes, and the noise that they tell of."""

import pytest

from drivers.concentrator import Crc, RxPacket
from drivers.emulator.propagation import arrival, noise_dbm
from gateway.diagnostics.heard import NOISE_PACKETS, NOISE_SECONDS, Heard, noise


def packet(rssi: float = -80.0, snr: float | None = 8.5, bandwidth: int = 125_000) -> RxPacket:
    return RxPacket(b"", 7, 1, 868_100_000, bandwidth, 7, 1, rssi, snr, Crc.OK)


def test_packets_of_the_last_five_minutes_are_counted() -> None:
    heard = Heard()
    nothing = {"minutes": 5, "packets": 0, "seconds": None, "noise": None, "noise_packets": 0}
    assert heard.told(1000.0) == nothing
    for at, packets in ((1000.0, 2), (1001.0, 1), (1130.0, 4)):
        heard.note([packet()] * packets, at)
    assert heard.told(1131.5) == nothing | {"packets": 7, "seconds": 1.5}
    assert heard.told(1000.0 + 300)["packets"] == 4
    assert heard.told(1000.0 + 3600) == nothing | {"seconds": 3470.0}


def test_a_long_life_needs_no_more_room_than_minutes() -> None:
    heard = Heard()
    for minute in range(1000):
        heard.note([packet(-120.0, -5.0)], minute * 60.0)
    assert len(heard._minutes) <= 6
    assert len(heard._noise) == NOISE_PACKETS
    assert heard.told(999 * 60.0)["packets"] == 5


@pytest.mark.parametrize("bandwidth", [125_000, 250_000, 500_000])
def test_noise_is_what_weak_packets_were_received_in(bandwidth: int) -> None:
    """The emulator makes RSSI and SNR of path loss and noise; back from there to the noise."""
    told = 0
    for metres in range(200, 6000, 100):
        rssi, snr = arrival(metres, 14.0, bandwidth, seed=7)
        found = noise(packet(rssi, snr, bandwidth))
        if snr > 5.0:
            assert found is None
        else:
            assert found == pytest.approx(noise_dbm(125_000), abs=0.01)
            told += 1
    assert told > 10


def test_fsk_and_strong_packets_tell_no_noise() -> None:
    assert noise(packet(-60.0, None)) is None
    assert noise(packet(-60.0, 11.0)) is None


def test_noise_is_the_median_of_the_last_hour() -> None:
    heard = Heard()
    heard.note([packet(-90.0, -20.0)] * 9, 0.0)
    heard.note([packet(-118.0, -20.0), packet(-116.0, -20.0), packet(-60.0, -20.0)], 10.0)
    later = heard.told(10.0 + NOISE_SECONDS)
    assert (later["noise"], later["noise_packets"]) == (-116.0, 3)
    assert heard.told(11.0 + NOISE_SECONDS)["noise"] is None
