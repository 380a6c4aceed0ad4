"""The air and the gateway's fate: what is lost, comes twice, comes late; and when the box dies.

- One frame in twenty is lost, each way; what comes too weak or while the gateway sends is lost too.
- Copies: of a second demodulator, late ones that others overtake, frames that somebody recorded and
  plays back up to hours later, and frames with a bit turned. A device that may begin anew is not
  played back: that cannot be told from a reset, and is why `reset_f_cnt` has to be allowed.
- The gateway dies mostly inside a commit, between written and synced; one death in three is a power
  cut, after which nothing is known of the time for a while. What its chip was given goes out, if
  only the process died; the next life starts the chip anew.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random

from drivers.concentrator import Crc, RxPacket, TxPacket
from gateway.demo.device import Uplink as Frame
from gateway.demo.end_device.plan import Rate, airtime_us
from gateway.lorawan.order import Order
from gateway.lorawan.outcome import Outcome, Uplink
from gateway.lorawan.session import Session
from gateway.simulation.agenda import SECOND, Agenda
from gateway.simulation.box import Box
from gateway.simulation.city import City
from gateway.simulation.disk import Disk
from gateway.simulation.judge import Judge
from gateway.simulation.place import PLACES
from gateway.simulation.population import end_device, entry
from gateway.simulation.said import Said, nothing_said
from gateway.simulation.street import LONGEST_US, Street
from gateway.simulation.wall import Wall

LOSS, COPIED, DELAYED, REPLAYED, ALTERED = 0.05, 0.02, 0.01, 0.004, 0.002
LATENCY_US, COPY_LATER_US = 4_000, 900
DELAY_S, REPLAY_S = (0.05, 3.0), (60, 20 * 3600)
FADING_DB, TX_POWER_STEP_DB = 2.0, 2.0
FLOOR_SF12_DB, FLOOR_STEP_DB = -20.0, 2.5
KILLS_PER_DAY, POWER_CUTS = 10, 0.33
COMMITS_PER_UPLINK = 0.5
DOWN_S, REBOOT_S = (1, 20), (30, 120)
COMMIT_AND_A_BIT = 1.3
"""A kill comes within this much of a commit's time."""


class World:
    """`devices` and a gateway; `run` moves them until the end."""

    def __init__(self, devices: int, seed: int, region: str = "EU868") -> None:
        self._random, self._place = Random(seed), PLACES[region]
        random = self._random
        self.agenda = Agenda()
        self.judge = Judge(self.agenda, self._place.bands)
        self._disk = Disk(self.agenda, Random(random.randbytes(8)))
        self._disk.saved, self._disk.commit_began = self.judge.saved, self._commit_began
        self._wall = Wall(self.agenda, Random(random.randbytes(8)))
        population = [end_device(n, random, self._place) for n in range(devices)]
        self._entries = [entry(one) for one in population]
        self._by_dev_eui = {one.dev_eui: one for one in population}
        city_random, street_random = (Random(random.randbytes(8)) for _ in range(2))
        self.city = City(population, self.agenda, self.judge, city_random, self._order)
        self._disk.told = self.city.told
        self.street = Street(
            population, self.agenda, self.judge, self.city, street_random, self._carry
        )
        self._sending: deque[tuple[int, int]] = deque()
        self._chip_session = 0
        self._chip_ended = -1
        """When the last chip session ended: nothing programmed before goes out any more."""
        self._share_of_kills = min(0.2, KILLS_PER_DAY / (devices * 24 * COMMITS_PER_UPLINK))
        self.kills = 0
        self._box = self._started()

    def run(self, until: int) -> None:
        self.agenda.run(until)

    def close(self) -> None:
        self.city.close()

    # the gateway

    def _started(self) -> Box:
        self._chip_session += 1
        return Box(
            self._place,
            self._entries,
            self._disk,
            self.agenda,
            self._wall,
            Random(self._random.randbytes(8)),
            self._chip_session,
            self._programmed,
            self._unasked,
        )

    def _commit_began(self, ends: int) -> None:
        """Now and then the process does not live to see its commit."""
        if not self._happens(self._share_of_kills):
            return
        now, box = self.agenda.now, self._box
        within = round(COMMIT_AND_A_BIT * (ends - now))
        self.agenda.at(now + self._random.randrange(within), lambda: self._kill(box))

    def _kill(self, box: Box) -> None:
        if not box.alive:
            return
        box.kill()
        self.kills += 1
        self.judge.killed()
        power_cut = self._happens(POWER_CUTS)
        if power_cut:
            self._chip_ended = self.agenda.now
            self._wall.power_cut()
        self._later(REBOOT_S if power_cut else DOWN_S, self._restart)

    def _restart(self) -> None:
        self._chip_ended = self.agenda.now
        self._box = self._started()
        self.city.connected()

    def _order(self, order: Order) -> None:
        """The city's broker keeps what it cannot deliver (`City.connected`)."""
        if self._box.alive:
            self._box.order(order, lambda: self.city.kept(order))

    def _unasked(self, session: Session) -> Said:
        return nothing_said(self._by_dev_eui[session.dev_eui], session.id)

    def _programmed(self, packet: TxPacket, start: int, said: Said) -> None:
        """The chip has it, and sends it by itself."""
        programmed = self.agenda.now
        self.city.given(packet, said)

        def begins() -> None:
            if self._chip_ended >= programmed:
                return
            rate = Rate(packet.sf, packet.bandwidth, 0)
            end = start + airtime_us(len(packet.payload), rate, crc=packet.crc)
            self._sending.append((start, end))
            self.judge.on_air(packet, start, end, said)
            if not self._happens(LOSS):
                self.agenda.at(end, lambda: self.street.hear(packet, start, end, said))

        self.agenda.at(start, begins)

    # the air

    def _carry(self, said: Said, uplink: Frame, start: int) -> None:
        """It ends now: heard, or not, or more than once."""
        now = self.agenda.now
        packet = self._demodulated(said, uplink)
        if packet is None or self._happens(LOSS) or self._deaf(start, now):
            return
        late_us = LATENCY_US
        if self._happens(DELAYED):
            late_us += round(self._random.uniform(*DELAY_S) * SECOND)
        self._deliver(said, packet, now, late_us)
        if self._happens(COPIED):
            ended = now + self._random.randrange(3)
            self._deliver(said, packet, ended, late_us + COPY_LATER_US)
        if self._happens(ALTERED):
            self._later(REPLAY_S, lambda: self._alter(said, packet))
        if self._happens(REPLAYED) and not said.one.begins_anew:
            again = replace(said)
            self._later(REPLAY_S, lambda: self._replay(again, packet))

    def _demodulated(self, said: Said, uplink: Frame) -> RxPacket | None:
        """What a demodulator makes of it; None where none listens, or it is too weak."""
        fading = self._random.gauss(0, FADING_DB) - TX_POWER_STEP_DB * uplink.power
        sf, bandwidth, _ = uplink.rate
        snr, rssi = said.one.snr + fading, said.one.rssi + fading
        if snr < FLOOR_SF12_DB + FLOOR_STEP_DB * (12 - sf):
            return None
        payload, frequency = uplink.phy_payload, uplink.frequency
        if frequency not in self._place.heard:
            return None
        return RxPacket(payload, 0, 0, frequency, bandwidth, sf, 1, rssi, snr, Crc.OK)

    def _deaf(self, start: int, end: int) -> bool:
        """Whether the gateway was sending meanwhile."""
        while self._sending and self._sending[0][1] < end - LONGEST_US:
            self._sending.popleft()
        return any(began < end and start < ended for began, ended in self._sending)

    def _deliver(self, said: Said, packet: RxPacket, ended: int, late_us: int) -> None:
        def arrives() -> None:
            outcome = self._heard(said, packet, ended)
            if outcome is not None:
                self.judge.fresh(said, outcome)
            if isinstance(outcome, Uplink):
                self.city.taken(said.one)

        self.agenda.at(self.agenda.now + late_us, arrives)

    def _replay(self, said: Said, packet: RxPacket) -> None:
        outcome = self._heard(said, packet, self.agenda.now)
        if outcome is not None:
            self.judge.replayed(said, outcome)

    def _alter(self, said: Said, packet: RxPacket) -> None:
        size = len(packet.payload)
        turned = 1 << self._random.randrange(8 * size)
        whole = int.from_bytes(packet.payload, "little") ^ turned
        altered = replace(packet, payload=whole.to_bytes(size, "little"))
        outcome = self._heard(said, altered, self.agenda.now)
        if outcome is not None:
            self.judge.altered(outcome)

    def _heard(self, said: Said, packet: RxPacket, ended: int) -> Outcome | None:
        """What the gateway makes of it; None while it is down, or was when that ended."""
        if not self._box.alive or ended <= self._chip_ended:
            return None
        return self._box.heard(packet, ended, said)

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _later(self, between_s: tuple[float, float], do: Callable[[], None]) -> None:
        wait_s = self._random.uniform(*between_s)
        self.agenda.at(self.agenda.now + round(wait_s * SECOND), do)
