"""The city: it orders two downlinks per device and week, and judges what becomes of them.

Rules, from what the devices know, what the chip was given and what the city was told on disk:

- An order is on disk when it is acknowledged. Until then the city repeats it, sometimes after, too:
  its correlation is what it is known by.
- Each has exactly one final result, and none is forgotten.
- The chip is given each at most once, none after its final result or long after its expiry; a
  device reads each at most once, as it was ordered.
- ACKED is what its device has acknowledged, OK what the chip was given, NOT_ACKED anything that is
  no longer known; every other final result is of one that never left.
- A downlink says by FPending whether another waits.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from random import Random

from drivers.concentrator import TxPacket, TxStatus
from gateway.demo.end_device.activation import ACK, F_PENDING
from gateway.demo.frames import MType
from gateway.lorawan.order import Order, Result, Verdict
from gateway.simulation.agenda import HOUR, SECOND, Agenda
from gateway.simulation.judge import Judge, is_application
from gateway.simulation.population import WEEK, EndDevice
from gateway.simulation.said import Said
from gateway.simulation.wall import true_unix_s

CONFIRMED, TOGETHER, EXPIRES, REPEATED, LARGE = 0.5, 0.5, 0.5, 0.05, 0.1
TOGETHER_S, EXPIRES_S, REPEATED_S = (0, 30), (600, 2 * 86_400), (1, 300)
SIZES, LARGE_SIZES = (4, 40), (100, 222)
FORGOTTEN = 30
"""Uplinks of a device after which what waits for it has been forgotten."""
KNOWN_S = 30
"""An order that came so long ago is known when a downlink is composed."""
CLOCK_OFF_S, ON_ITS_WAY_S = 0.5, 20

Deliver = Callable[[Order], None]


@dataclass(slots=True)
class Fate:
    """An order and what became of it; moments in µs."""

    order: Order
    ordered_at: int
    kept_at: int | None = None
    given: bool = False
    heard: bool = False
    acknowledged: bool = False
    chances: int = 0
    final: TxStatus | Verdict | None = None


class City:
    """`deliver` hands an order to the gateway, if that is there."""

    def __init__(
        self,
        devices: Collection[EndDevice],
        agenda: Agenda,
        judge: Judge,
        random: Random,
        deliver: Deliver,
    ) -> None:
        self._agenda, self._judge, self._random, self._deliver = agenda, judge, random, deliver
        self._fates: dict[str, Fate] = {}
        self._open: dict[int, list[Fate]] = {one.dev_eui: [] for one in devices}
        self._owed: dict[int, Fate] = {}
        self._unread: Counter[int] = Counter()
        self._known_from = 0
        self.results: Counter[str] = Counter()
        self.at_once_s: list[float] = []
        """How long class C devices have waited."""
        for one in devices:
            self._plan_week(one)

    def _plan_week(self, one: EndDevice) -> None:
        now, random = self._agenda.now, self._random
        first = random.randrange(WEEK)
        together = round(random.uniform(*TOGETHER_S) * SECOND)
        second = first + together if random.random() < TOGETHER else random.randrange(WEEK)
        for at in (first, second):
            self._agenda.at(now + at, partial(self._order, one))
        self._agenda.at(now + WEEK, partial(self._plan_week, one))

    def _order(self, one: EndDevice) -> None:
        random, number = self._random, len(self._fates)
        size = random.randint(*(LARGE_SIZES if random.random() < LARGE else SIZES))
        expires_at = None
        if random.random() < EXPIRES:
            expires_at = true_unix_s(self._agenda.now) + random.uniform(*EXPIRES_S)
        order = Order(
            correlation=str(number),
            dev_eui=one.dev_eui,
            f_port=random.randint(1, 223),
            payload=number.to_bytes(4, "big") + random.randbytes(size - 4),
            confirmed=random.random() < CONFIRMED,
            priority=random.randrange(3),
            expires_at=expires_at,
        )
        fate = self._fates[order.correlation] = Fate(order, self._agenda.now)
        self._open[one.dev_eui].append(fate)
        self._deliver(order)

    def connected(self) -> None:
        """A gateway is there again: what it has not acknowledged comes again."""
        self._known_from = self._agenda.now
        for fate in self._fates.values():
            if fate.kept_at is None:
                self._deliver(fate.order)

    def kept(self, order: Order) -> None:
        """The gateway acknowledges that it has the order; now and then that is lost."""
        fate = self._fates[order.correlation]
        if fate.kept_at is None:
            fate.kept_at = self._agenda.now
        if self._random.random() < REPEATED:
            later = round(self._random.uniform(*REPEATED_S) * SECOND)
            self._agenda.at(self._agenda.now + later, partial(self._deliver, order))

    def told(self, results: Collection[Result]) -> None:
        """Results that are on disk."""
        for result in results:
            if result.final:
                self._ended(self._fates[result.order.correlation], result.status)

    def _ended(self, fate: Fate, status: TxStatus | Verdict) -> None:
        if fate.final is not None:
            self._violated(fate, f"ends as {fate.final}, and as {status}")
        else:
            self._open[fate.order.dev_eui].remove(fate)
        fate.final = status
        self.results[status] += 1
        match status:
            case Verdict.ACKED:
                wrong = not fate.acknowledged
            case TxStatus.OK:
                wrong = fate.order.confirmed or not (fate.given or self._was_unread(fate))
            case Verdict.NOT_ACKED:
                wrong = False
            case Verdict.EXPIRED:
                wrong = fate.given or not self._has_expired(fate, CLOCK_OFF_S)
            case _:
                wrong = fate.given
        if wrong:
            self._violated(fate, f"cannot be {status}")

    def given(self, packet: TxPacket, said: Said) -> None:
        """The chip has taken a downlink."""
        data = packet.payload[0] >> 5 in (MType.UNCONFIRMED_DOWN, MType.CONFIRMED_DOWN)
        if not data or not is_application(packet.payload):
            return
        frame = said.one.mac.reads(packet.payload)
        fate = None if frame is None else self._fate(frame.payload)
        if frame is None:  # the device is in another session by now
            self._unread[said.one.dev_eui] += 1
            return
        if fate is None:
            self._judge.violated(f"{said.one.name} is sent what nobody has ordered")
            return
        if fate.given:
            self._violated(fate, "is sent twice")
        if fate.final is not None:
            self._violated(fate, f"is sent after it ended as {fate.final}")
        if self._has_expired(fate, -ON_ITS_WAY_S):
            self._violated(fate, "is sent though it has expired")
        fate.given = True
        if self._others_wait(said.one) and not frame.f_ctrl & F_PENDING:
            self._violated(fate, "does not say by FPending that another waits")

    def _was_unread(self, fate: Fate) -> bool:
        """Whether its device was given something that it could not read, and nobody else here."""
        self._unread[fate.order.dev_eui] -= 1
        return self._unread[fate.order.dev_eui] >= 0

    def _others_wait(self, one: EndDevice) -> bool:
        since = self._agenda.now - KNOWN_S * SECOND
        return any(
            fate.kept_at is not None
            and self._known_from < fate.kept_at < since
            and fate.order.expires_at is None
            and not fate.given
            for fate in self._open[one.dev_eui]
        )

    def heard(self, one: EndDevice) -> None:
        """A device has taken a downlink: what it read."""
        mac = one.mac
        for f_port, payload in mac.received:
            fate = self._fate(payload)
            if fate is None or (fate.order.f_port, fate.order.payload) != (f_port, payload):
                self._judge.violated(f"{one.name} reads {f_port} {payload.hex()}")
                continue
            if fate.heard:
                self._violated(fate, "is read twice")
            fate.heard = True
            if mac.device_class == "C":
                self.at_once_s.append((self._agenda.now - fate.ordered_at) / SECOND)
            if fate.order.confirmed:
                self._owed[one.number] = fate
        mac.received.clear()

    def spoke(self, one: EndDevice, phy_payload: bytes) -> None:
        """A device sends a data frame: an ACK in it is for what it has heard last."""
        fate = self._owed.pop(one.number, None)
        if fate is not None and phy_payload[5] & ACK:
            fate.acknowledged = True

    def taken(self, one: EndDevice) -> None:
        """An uplink of the device is there, and may be answered."""
        for fate in self._open[one.dev_eui]:
            fate.chances += fate.kept_at is not None
            if fate.chances == FORGOTTEN:
                self._violated(fate, "is forgotten")

    def close(self) -> None:
        """The month is over: all that is older than an hour is at the gateway."""
        for fate in self._fates.values():
            if fate.kept_at is None and fate.ordered_at < self._agenda.now - HOUR:
                self._violated(fate, "was never acknowledged")

    def _fate(self, payload: bytes) -> Fate | None:
        return self._fates.get(str(int.from_bytes(payload[:4], "big")))

    def _has_expired(self, fate: Fate, off_s: float) -> bool:
        expires_at = fate.order.expires_at
        return expires_at is not None and expires_at <= true_unix_s(self._agenda.now) + off_s

    def _violated(self, fate: Fate, text: str) -> None:
        self._judge.violated(f"order {fate.order.correlation} {text}")
