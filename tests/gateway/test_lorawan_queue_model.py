"""The downlink queue against a model that dies at every point."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from queue_bench import DEVICE, NOW, SESSION

from drivers.concentrator import TxStatus
from gateway.lorawan.order import Order, Queued, State, Step
from gateway.lorawan.queue import DownlinkQueue

STATUSES = st.sampled_from([TxStatus.OK, TxStatus.TOO_LATE, TxStatus.DUTY_CYCLE_OVERFLOW, None])
NOW_AND_THEN = st.integers(0, 5).map(lambda n: n == 5)


class Model(RuleBasedStateMachine):
    """A city, a device, the air and a disk; any commit may be the last thing a run has done.

    Whatever the queue says goes to the disk in one piece, or, when the run dies first, not at all.
    A command is repeated until it was on disk: that is when it is acknowledged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, Queued] = {}
        self.finals: Counter[str] = Counter()
        self.on_air: Counter[str] = Counter()
        self.orders: dict[str, Order] = {}
        self.unacknowledged: dict[str, Order] = {}
        self.now, self.f_cnt = NOW, 0
        self.flying: list[Queued] = []  # committed as handed over, its result not yet on disk
        self.queue = DownlinkQueue()

    def commit(self, step: Step, dies: bool) -> bool:
        """Whether it is on disk; else the run has died before."""
        if dies:
            self.start_again()
            return False
        self.rows |= {row.number: row for row in step.downlinks}
        self.finals.update(one.order.correlation for one in step.results if one.final)
        return True

    def start_again(self) -> None:
        self.flying = []
        self.queue = DownlinkQueue(self.rows.values())
        self.commit(self.queue.recover({DEVICE}), dies=False)

    @rule(
        confirmed=st.booleans(),
        priority=st.integers(0, 2),
        life=st.sampled_from([None, None, None, -1, 2, 5]),
        size=st.sampled_from([1, 51, 100]),
        dies=NOW_AND_THEN,
    )
    def city_sends(
        self, confirmed: bool, priority: int, life: int | None, size: int, dies: bool
    ) -> None:
        name = str(len(self.orders))
        expires_at = None if life is None else self.now + life
        sent = Order(name, DEVICE, 1, bytes(size), confirmed, priority, expires_at)
        self.orders[name] = self.unacknowledged[name] = sent
        self.command_comes(sent, dies)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), dies=NOW_AND_THEN)
    def broker_sends_again(self, data: st.DataObject, dies: bool) -> None:
        self.command_comes(self.orders[data.draw(st.sampled_from(sorted(self.orders)))], dies)

    def command_comes(self, sent: Order, dies: bool) -> None:
        if self.commit(self.queue.put(sent, self.now), dies):
            self.unacknowledged.pop(sent.correlation, None)

    @rule(
        room=st.sampled_from([51, 222]),
        untimed=NOW_AND_THEN,
        dies=NOW_AND_THEN,
        acknowledges=st.booleans(),
    )
    def device_speaks(self, room: int, untimed: bool, dies: bool, acknowledges: bool) -> None:
        """Its uplink is answered with a downlink, if one may go."""
        awaited = [row.f_cnt for row in self.rows.values() if row.state is State.AWAITS_ACK]
        acknowledged = awaited[0] if acknowledges and awaited else None
        step = self.queue.heard(DEVICE, SESSION, acknowledged)
        queued, refused = self.queue.next_for(DEVICE, room, None if untimed else self.now)
        step += refused
        if queued is not None:
            self.f_cnt += 1
            step += self.queue.hand_over(queued, SESSION, self.f_cnt)
        if self.commit(step, dies) and queued is not None:
            self.flying.append(step.downlinks[-1])

    @precondition(lambda self: self.flying)
    @rule(status=STATUSES, dies_before=NOW_AND_THEN, dies_after=NOW_AND_THEN)
    def radio_sends(self, status: TxStatus | None, dies_before: bool, dies_after: bool) -> None:
        if dies_before:
            self.start_again()
            return
        flying = self.flying.pop(0)
        if status in (TxStatus.OK, None):  # None: it may have left
            self.on_air[flying.order.correlation] += 1
        self.commit(self.queue.sent(flying.number, status), dies_after)

    @rule(seconds=st.integers(1, 4), dies=NOW_AND_THEN)
    def time_passes(self, seconds: int, dies: bool) -> None:
        self.now += seconds
        self.commit(self.queue.expire(self.now), dies)

    @invariant()
    def no_downlink_is_sent_twice(self) -> None:
        assert max(self.on_air.values(), default=0) <= 1

    @invariant()
    def no_downlink_has_two_final_results(self) -> None:
        assert max(self.finals.values(), default=0) <= 1

    @invariant()
    def one_confirmed_downlink_awaits_its_ack(self) -> None:
        open_ = [one for one in self.rows.values() if one.state in ("handed_over", "awaits_ack")]
        assert sum(one.order.confirmed for one in open_) <= 1

    def teardown(self) -> None:
        """In the end every command that was acknowledged, and every other, has one final result."""
        for sent in list(self.unacknowledged.values()):
            self.command_comes(sent, dies=False)
        for _ in range(4 * len(self.orders) + 4):
            while self.flying:
                self.radio_sends(TxStatus.OK, dies_before=False, dies_after=False)
            self.device_speaks(222, untimed=False, dies=False, acknowledges=True)
        assert self.finals == Counter(list(self.orders))
        self.no_downlink_is_sent_twice()
        assert len(self.queue) == 0


Model.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestCrashAtEveryPoint = Model.TestCase
