"""A day of a city's traffic under a virtual clock: in seconds, and the same for the same seed."""

import hashlib
import random
from collections import Counter

from emulator_host import Clock, Host

from drivers.emulator import Board, Flight, Uplink, propagation

DEVICES, PACKETS, DAY_S = 200, 30, 86_400
CHANNELS = [868_100_000, 868_300_000, 868_500_000, *range(867_100_000, 868_000_000, 200_000)]


class Day:
    """All devices of a city, from midnight to midnight; what the host read, and what was lost."""

    def __init__(self, seed: int) -> None:
        self.clock = Clock()
        self.board = Board(seed=seed, now_ns=self.clock)
        self.fates: Counter[str] = Counter()
        self.read = hashlib.sha256()
        self.received = 0
        self._seed = seed

    def _note(self, flight: Flight) -> None:
        reason = flight.reason or "received"
        self.fates["too weak" if reason.startswith("too weak") else reason] += 1

    def run(self) -> None:
        host = Host(self.board)
        host.start_eu868()
        self.board.faults.begin("bad_checksum", share=0.001)
        begin = self.clock.ns
        for at_ms, uplink in self._traffic():
            self.clock.ns = begin + at_ms * 1_000_000
            self.board.send(uplink, on_done=self._note)
            self._fetch(host)
        self.clock.pass_ms(self.board, 10_000)
        self._fetch(host)

    def _fetch(self, host: Host) -> None:
        data = host.fetch()
        self.read.update(data)
        self.received += data.count(b"\xa5\xc0")

    def _traffic(self) -> list[tuple[int, Uplink]]:
        """The same devices every day, whatever the seed: only their ways to the board differ."""
        city = random.Random("a city")
        traffic = []
        for _ in range(DEVICES):
            distance, sf = city.uniform(50, 6000), city.choice(range(7, 13))
            rssi, snr = propagation.arrival(distance, 14, 125_000, self._seed)
            for _ in range(PACKETS):
                frequency = city.choice(CHANNELS)
                payload = city.randbytes(city.randrange(13, 40)).replace(b"\xa5", b"\x00")
                uplink = Uplink(payload, frequency, sf=sf, rssi=rssi, snr=snr, fades=True)
                traffic.append((city.randrange(DAY_S * 1000), uplink))
        return sorted(traffic, key=lambda sent: sent[0])


def day(seed: int) -> Day:
    one = Day(seed)
    one.run()
    return one


def test_day_of_traffic_is_the_same_for_one_seed_and_another_for_another() -> None:
    one, again, other = day(1), day(1), day(2)
    assert one.read.digest() == again.read.digest() != other.read.digest()
    assert one.fates == again.fates != other.fates
    assert one.fates.total() == DEVICES * PACKETS
    assert one.received == one.fates["received"]
    assert set(one.fates) == {"received", "too weak", "collision"}
    assert one.fates["received"] > DEVICES * PACKETS / 2
    assert 0 < one.fates["collision"] < 300
