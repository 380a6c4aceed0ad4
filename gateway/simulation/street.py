"""What the end devices do all day: measure, speak, listen, repeat, lose their power, join again.

- Each speaks at least hourly; a tenth of its uplinks is confirmed; now and then it asks the time.
- It loses its power once a week, between two uplinks, and goes on with what its version keeps.
- It joins as often as the join back-off allows, of 1.1 also out of its session (Rejoin-Request),
  and speaks again soon where the network has more.
- Its windows are in its own time: the gateway's counter is never looked at.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from drivers.concentrator import COUNTER_MODULUS, TxPacket
from gateway.demo.device import Downlink, Heard, Uplink
from gateway.demo.end_device.backoff import quiet_us
from gateway.demo.end_device.plan import airtime_us
from gateway.simulation.agenda import HOUR, SECOND, Agenda
from gateway.simulation.city import City
from gateway.simulation.judge import Judge
from gateway.simulation.population import WEEK, EndDevice
from gateway.simulation.said import Said
from gateway.simulation.wall import true_unix_s

PAUSE_S, JOIN_PAUSE_S, SOON_S = (3000, 3560), (5, 60), (2, 30)
CONFIRMED, ASKS_TIME, REJOINS = 0.1, 0.01, 0.01
LONGEST_US = 2_800_000
"""No uplink lasts longer: 64 bytes at SF12."""
WINDOWS_US = 4 * SECOND
"""From RX1's opening until a downlink that began in RX2 is over, at the slowest data rate."""
GPS_EPOCH_S, LEAP_S, TIME_OFF_S = 315_964_800, 18, 0.5

Carry = Callable[[Said, Uplink, int], None]
"""Takes what has just left an antenna to the gateway, as well as the air can; when it began."""


class Street:
    """Moves the devices; `hear` gives one of them its answer."""

    def __init__(
        self,
        devices: list[EndDevice],
        agenda: Agenda,
        judge: Judge,
        city: City,
        random: Random,
        carry: Carry,
    ) -> None:
        self._agenda, self._judge, self._city = agenda, judge, city
        self._random, self._carry = random, carry
        self._said: dict[int, Said] = {}
        """What each device said last, by its number."""
        self.devices, self.uplinks = devices, 0
        for one in devices:
            agenda.at(random.randrange(HOUR), partial(self._wake, one))

    def hear(self, packet: TxPacket, start: int, end: int, said: Said) -> None:
        """A downlink that was on the air from `start` to `end`, at the device that it is for."""
        one, mac = said.one, said.one.mac
        if not self._listens(said, start, end):
            return
        changes, violations = mac.commands.adr_changes, len(mac.violations)
        downlink = Downlink(
            packet.payload,
            start % COUNTER_MODULUS,
            end % COUNTER_MODULUS,
            packet.frequency,
            packet.sf,
            packet.inverted,
            packet.bandwidth,
            one.snr,
        )
        heard = mac.hear(downlink)
        if heard is Heard.ACCEPTED:
            self._judge.adr_changes += mac.commands.adr_changes - changes
            self._check_time(one)
            self._city.heard(one)
        elif heard is not Heard.JOINED:
            self._judge.violated(f"{one.name} does not take its answer: {heard}")
        for text in mac.violations[violations:]:
            self._judge.violated(f"{one.name}: {text}")

    def _listens(self, said: Said, start: int, end: int) -> bool:
        one, session = said.one, said.one.mac.activation
        if not said.unasked:  # else the answer to what somebody else has played back
            return said is self._said.get(one.number)
        assert said.key is not None
        in_session = session is not None and session.id == said.key[1]
        return in_session and one.mac.listens_always and not one.spoke_between(start, end)

    def _wake(self, one: EndDevice) -> None:
        """Time for a reading, or to join."""
        if self._agenda.now >= one.power_cycle_at:
            one.power_cycle_at += WEEK
            one.power_cycle()
        must_join, session = one.mac.join_state(), one.mac.activation
        if must_join or session is None:
            self._join(one)
        elif session.minor and one.mac.keys.otaa and self._random.random() < REJOINS:
            self._rejoin(one, session.id)
        else:
            self._report(one, session.id)

    def _report(self, one: EndDevice, session: bytes) -> None:
        if self._random.random() < ASKS_TIME:
            one.mac.ask_time()
        payload = one.payload()
        uplink = one.mac.uplink(2, payload, self._random.random() < CONFIRMED)
        assert uplink.f_cnt is not None
        self.uplinks += 1
        self._city.spoke(one, uplink.phy_payload)
        key = one.dev_eui, session, uplink.f_cnt
        self._transmit(one, uplink, Said(one, uplink.phy_payload, key, 2, payload))

    def _join(self, one: EndDevice) -> None:
        """A Join-Request, when the back-off allows one."""
        now = self._agenda.now
        wait_us = one.backoff.wait_us(now, LONGEST_US)
        if wait_us:
            self._agenda.at(now + wait_us, partial(self._wake, one))
            return
        uplink = one.mac.join_request()
        one.backoff.spend(now, airtime_us(len(uplink.phy_payload), uplink.rate, crc=True))
        said = Said(one, uplink.phy_payload, None, nonce=one.mac.joining.dev_nonce)
        self._transmit(one, uplink, said)

    def _rejoin(self, one: EndDevice, session: bytes) -> None:
        """1.1: a new session out of the one it has."""
        kind = self._random.randrange(3)
        joining = one.mac.joining
        count = joining.rj_count1 if kind == 1 else joining.rj_count0
        uplink = one.mac.rejoin_request(kind)
        said = Said(one, uplink.phy_payload, None, join_type=kind, nonce=count, session=session)
        self._transmit(one, uplink, said)

    def _transmit(self, one: EndDevice, uplink: Uplink, said: Said) -> None:
        self._said[one.number] = said
        start = one.began_at = self._agenda.now
        end = start + airtime_us(len(uplink.phy_payload), uplink.rate, crc=True)
        self._agenda.at(end, lambda: self._ended(one, uplink, said, start))

    def _ended(self, one: EndDevice, uplink: Uplink, said: Said, start: int) -> None:
        """It has left the antenna: the device opens its windows."""
        now = one.ended_at = self._agenda.now
        rx1, _ = one.mac.sent(now % COUNTER_MODULUS)
        opens_in = (rx1.opens_us - now) % COUNTER_MODULUS
        self._agenda.at(now + opens_in + WINDOWS_US, lambda: self._closed(one, said))
        self._carry(said, uplink, start)

    def _closed(self, one: EndDevice, said: Said) -> None:
        """Both windows have passed: repeat, go on, or sleep."""
        mac = one.mac
        repetition = mac.repetition()
        if repetition is not None:
            again = said.again(repetition.phy_payload)
            self._after(mac.ack_timeout_s(), lambda: self._transmit(one, repetition, again))
            return
        if mac.activation is None:
            pause = JOIN_PAUSE_S
        else:
            pause = SOON_S if said.key is None or mac.wants_to_speak else PAUSE_S
        quiet = quiet_us(LONGEST_US, mac.settings.max_duty_cycle) / SECOND
        self._after(max(quiet, self._random.uniform(*pause)), partial(self._wake, one))

    def _check_time(self, one: EndDevice) -> None:
        """DeviceTimeAns tells the time at which that uplink ended."""
        told = one.mac.commands.gps_time
        if told is None:
            return
        one.mac.commands.gps_time = None
        unix_s = told[0] + told[1] / 256 + GPS_EPOCH_S - LEAP_S
        off_s = unix_s - true_unix_s(one.ended_at)
        if abs(off_s) > TIME_OFF_S:
            self._judge.violated(f"{one.name} was told a time {off_s:.3f} s off")

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        self._agenda.at(self._agenda.now + round(seconds * SECOND), do)
