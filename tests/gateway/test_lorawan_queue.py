"""The downlink queue: its order, and the rules of each result."""

import pytest
from queue_bench import DEVICE, NOW, OTHER, REJOINED, ROOM, SESSION, order, told

from drivers.concentrator import TxStatus
from gateway.lorawan import correlations
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.order import NOTHING, Order, Queued, Result, State, Verdict
from gateway.lorawan.queue import ATTEMPTS, PER_DEVICE, DownlinkQueue


def queue_with(*orders: Order) -> DownlinkQueue:
    found = DownlinkQueue()
    for one in orders:
        assert found.put(one, NOW).results == ()
    return found


def next_of(found: DownlinkQueue, room: int = ROOM, now: float | None = NOW) -> Queued:
    queued, step = found.next_for(DEVICE, room, now)
    assert step == NOTHING
    assert queued is not None
    return queued


def handed_over(found: DownlinkQueue, f_cnt: int = 7) -> Queued:
    queued = next_of(found)
    (row,) = found.hand_over(queued, SESSION, f_cnt).downlinks
    return row


def test_highest_priority_goes_first_then_the_oldest() -> None:
    found = queue_with(order("a"), order("b", priority=5), order("c", priority=5), order("d"))
    went = []
    for f_cnt in range(4):
        queued = handed_over(found, f_cnt)
        found.sent(queued.number, TxStatus.OK)
        went.append(queued.order.correlation)
    assert went == ["b", "c", "a", "d"]
    assert found.next_for(DEVICE, ROOM, NOW) == (None, NOTHING)


def test_downlinks_of_other_devices_stay_theirs() -> None:
    found = queue_with(order("a", OTHER))
    assert found.next_for(DEVICE, ROOM, NOW) == (None, NOTHING)
    assert found.waiting() == [OTHER]


def test_unconfirmed_downlink_ends_when_it_was_sent() -> None:
    found = queue_with(order())
    queued = handed_over(found)
    step = found.sent(queued.number, TxStatus.OK)
    assert told(step) == [("a", "OK", 7, True)]
    assert [row.state for row in step.downlinks] == [State.DONE]
    assert len(found) == 0


@pytest.mark.parametrize(
    ("session", "acknowledged", "status"),
    [(SESSION, 7, "ACKED"), (SESSION, None, "NOT_ACKED"), (REJOINED, 7, "NOT_ACKED")],
)
def test_confirmed_downlink_ends_with_the_next_uplink(
    session: bytes, acknowledged: int | None, status: str
) -> None:
    found = queue_with(order(confirmed=True))
    queued = handed_over(found)
    assert told(found.sent(queued.number, TxStatus.OK)) == [("a", "OK", 7, False)]
    assert told(found.heard(DEVICE, session, acknowledged)) == [("a", status, 7, True)]
    assert found.heard(DEVICE, session, acknowledged) == NOTHING


def test_ack_is_for_one_confirmed_downlink_only() -> None:
    found = queue_with(order("a", confirmed=True), order("b", confirmed=True), order("c"))
    first = handed_over(found)
    found.sent(first.number, TxStatus.OK)
    assert next_of(found).order.correlation == "c"
    found.heard(DEVICE, SESSION, 7)
    assert next_of(found).order.correlation == "b"


def test_nothing_overtakes_what_may_have_to_go_again() -> None:
    found = queue_with(order("open"), order("close"))
    first = handed_over(found)
    assert found.next_for(DEVICE, ROOM, NOW) == (None, NOTHING)
    found.sent(first.number, TxStatus.COLLISION_PACKET)
    assert next_of(found).order.correlation == "open"


def test_downlink_waits_for_its_moment() -> None:
    found = queue_with(order("later", at=NOW + 60, priority=9), order("now"))
    assert next_of(found).order.correlation == "now"
    assert found.has_more(DEVICE, NOW, next_of(found)) is False
    assert next_of(found, now=None).order.correlation == "now"
    assert next_of(found, now=NOW + 60).order.correlation == "later"


@pytest.mark.parametrize(
    ("at", "expires_at", "now", "reason"),
    [
        (NOW, None, NOW, "had passed"),
        (NOW + 60, None, None, "does not know the time"),
        (NOW + 60, NOW + 60, NOW, "expire before"),
    ],
)
def test_downlink_with_an_impossible_moment_is_refused(
    at: float, expires_at: float | None, now: float | None, reason: str
) -> None:
    (result,) = DownlinkQueue().put(order(at=at, expires_at=expires_at), now).results
    assert (result.status, result.final) == (Verdict.REFUSED, True)
    assert reason in (result.reason or "")


def test_timed_downlink_that_comes_again_after_its_moment_is_the_same_one() -> None:
    found = queue_with(order(at=NOW + 60))
    assert found.put(order(at=NOW + 60), NOW + 61) == NOTHING


def test_refused_transmission_is_tried_again_and_then_ends() -> None:
    found = queue_with(order())
    results = []
    for f_cnt in range(ATTEMPTS):
        queued = handed_over(found, f_cnt)
        results += told(found.sent(queued.number, TxStatus.COLLISION_PACKET))
    assert results == [
        ("a", "COLLISION_PACKET", 0, False),
        ("a", "COLLISION_PACKET", 1, False),
        ("a", "COLLISION_PACKET", 2, True),
    ]
    assert len(found) == 0


def test_downlink_that_may_have_left_is_not_sent_again() -> None:
    found = queue_with(order("a"), order("b", confirmed=True))
    first = handed_over(found)
    (result,) = found.sent(first.number, None).results
    assert (result.status, result.final) == (Verdict.NOT_ACKED, True)
    assert "nobody knows" in (result.reason or "")
    second = handed_over(found, 8)
    assert found.sent(second.number, None).results == ()
    assert told(found.heard(DEVICE, SESSION, 8)) == [("b", "ACKED", 8, True)]


def test_downlink_that_does_not_fit_is_refused_with_the_size_that_does() -> None:
    found = queue_with(order("a", payload=bytes(52)), order("b", payload=bytes(51)))
    queued, step = found.next_for(DEVICE, 51, NOW)
    assert queued is not None
    assert queued.order.correlation == "b"
    assert told(step) == [("a", "REFUSED", None, True)]
    assert step.results[0].reason == "52 bytes, and 51 fit at the device's data rate"


def test_expired_downlink_is_not_sent() -> None:
    found = queue_with(order("a", expires_at=NOW + 10), order("b"))
    queued, step = found.next_for(DEVICE, ROOM, NOW + 10)
    assert queued is not None
    assert queued.order.correlation == "b"
    assert told(step) == [("a", "EXPIRED", None, True)]


def test_expired_downlink_is_told_of_without_an_uplink() -> None:
    found = queue_with(order("a", expires_at=NOW + 10), order("b", expires_at=NOW + 20))
    assert found.expire(NOW + 9) == NOTHING
    assert told(found.expire(NOW + 10)) == [("a", "EXPIRED", None, True)]
    assert len(found) == 1


def test_what_was_handed_over_does_not_expire() -> None:
    found = queue_with(order(expires_at=NOW + 10))
    handed_over(found)
    assert found.expire(NOW + 11) == NOTHING


def test_downlink_that_may_have_expired_waits_until_the_time_is_known() -> None:
    found = DownlinkQueue()
    assert found.put(order(expires_at=NOW - 10), None).results == ()
    assert found.next_for(DEVICE, ROOM, None) == (None, NOTHING)
    assert found.expire(None) == NOTHING
    assert told(found.expire(NOW)) == [("a", "EXPIRED", None, True)]


def test_stale_order_is_refused() -> None:
    refused = DownlinkQueue().put(order(expires_at=NOW - 1), NOW)
    assert told(refused) == [("a", "REFUSED", None, True)]


def test_command_that_comes_again_when_it_is_stale_is_still_the_same() -> None:
    found = queue_with(order(expires_at=NOW + 1))
    assert found.put(order(expires_at=NOW + 1), NOW + 2) == NOTHING


def test_pending_says_whether_another_would_go() -> None:
    found = queue_with(order("a", confirmed=True), order("b", confirmed=True))
    first = next_of(found)
    assert found.has_more(DEVICE, NOW, first), "the device may fetch it with an uplink that ACKs"
    second = found.put(order("c", expires_at=NOW + 1), NOW).downlinks[0]
    found.sent(handed_over(found).number, TxStatus.OK)
    found.heard(DEVICE, SESSION, 7)
    found.sent(handed_over(found, 8).number, TxStatus.OK)
    assert found.has_more(DEVICE, NOW, None)
    assert not found.has_more(DEVICE, NOW, second)
    assert not found.has_more(DEVICE, NOW + 1, None)
    assert not found.has_more(DEVICE, None, None)


def test_seventeenth_downlink_finds_the_queue_full() -> None:
    found = queue_with(*[order(str(n)) for n in range(PER_DEVICE)])
    assert told(found.put(order("more"), NOW)) == [("more", "QUEUE_FULL", None, True)]
    assert found.put(order("theirs", OTHER), NOW).results == ()
    assert found.put(order("more"), NOW) == NOTHING, "the same command once more"


def test_command_that_comes_again_is_not_queued_again() -> None:
    found = queue_with(order())
    assert found.put(order(), NOW) == NOTHING
    queued = handed_over(found)
    assert found.put(order(), NOW) == NOTHING
    found.sent(queued.number, TxStatus.OK)
    assert found.put(order(), NOW) == NOTHING
    assert len(found) == 0


def test_correlations_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlations, "REMEMBERED", 1)
    found = DownlinkQueue()
    found.put(order("waits", OTHER), NOW)
    for name in "abc":
        found.put(order(name), NOW)
        found.sent(handed_over(found).number, TxStatus.OK)
    again = {name: found.put(order(name), NOW) == NOTHING for name in ("c", "b", "waits", "a")}
    assert again == {"c": True, "b": True, "waits": True, "a": False}


def test_what_came_as_another_command_is_no_order() -> None:
    known = Correlations()
    found = DownlinkQueue(correlations=known)
    known.came("a")
    assert found.put(order("a"), NOW) == NOTHING
    known.forget("a")
    assert found.put(order("a"), NOW) != NOTHING
    assert known.knows("a")


def test_restart_ends_what_nobody_knows_and_keeps_what_waits() -> None:
    rows = [
        Queued(1, order("waits")),
        Queued(2, order("sent"), State.HANDED_OVER, 0, SESSION, 7),
        Queued(3, order("asked", confirmed=True), State.HANDED_OVER, 0, SESSION, 8),
        Queued(4, order("gone", OTHER)),
        Queued(5, order("over"), State.DONE),
    ]
    found = DownlinkQueue(rows)
    step = found.recover({DEVICE})
    assert told(step) == [("sent", "NOT_ACKED", 7, True), ("gone", "REFUSED", None, True)]
    assert next_of(found).order.correlation == "waits"
    assert told(found.heard(DEVICE, SESSION, 8)) == [("asked", "ACKED", 8, True)]
    assert found.put(order("over"), NOW) == NOTHING
    assert found.put(order("new"), NOW).downlinks[0].number == 6


def test_result_of_what_is_no_longer_known_changes_nothing() -> None:
    assert DownlinkQueue().sent(1, TxStatus.OK) == NOTHING
    found = queue_with(order())
    assert found.sent(1, TxStatus.OK) == NOTHING
    assert Result(order(), TxStatus.OK).final
