"""The way of an uplink: on disk before it is answered, and a reading whatever its payload."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import messages
import pytest
from lorawan_device import hears_join_accept, join_request
from lorawan_network import AIR, APP_KEY, DEV_EUI, JOIN_EUI, packet
from uplinks_bench import GAUGE, Bench, data, idle, listening

from gateway.errors import StoreError
from gateway.lorawan.frame import FCtrl
from gateway.northbound.formats import json
from gateway.records import Event


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with listening() as one:
        yield one


async def test_unanswered_uplink_is_live_at_once(bench: Bench) -> None:
    bench.uplinks.heard(packet(data(0)))
    assert bench.done == ["added"]
    assert [session.dev_eui for session in bench.buffer.touched] == [GAUGE.dev_eui]
    assert bench.buffer.touched[0].f_cnt_up == 0
    assert bench.answers == []


async def test_reading_is_dated_by_the_end_of_its_packet(bench: Bench) -> None:
    bench.uplinks.heard(replace(packet(data(0)), ended_at=12.46))
    (reading,) = bench.readings
    assert reading.moment.monotonic_s == 12.46
    assert reading.moment.at == pytest.approx(1_777_636_799.96, abs=1e-6)


async def test_device_is_told_the_time_at_which_its_uplink_ended(bench: Bench) -> None:
    """LoRaWAN 1.0.4 §5.9; GPS time begins in 1980, and is 18 leap seconds ahead by now."""
    await bench.hear(replace(packet(data(0, f_opts=b"\x0d")), ended_at=12.46))
    heard = AIR.hears(bench.answers[0].phy_payload, 0)
    assert heard is not None
    seconds = (1_777_636_799 - 315_964_800 + 18).to_bytes(4, "little")
    assert b"\x0d" + seconds + bytes((int(0.96 * 256),)) in heard.commands


async def test_answer_leaves_only_after_its_commit(bench: Bench) -> None:
    bench.buffer.disk.clear()
    await bench.hear(packet(data(0, confirmed=True)))
    assert bench.done == ["keeping"], "no answer, and not in the forwarder's hands either"
    bench.buffer.disk.set()
    await idle()
    _, changes, answered = bench.done
    assert answered == "answered"
    assert [session.dev_eui for session in changes.sessions] == [GAUGE.dev_eui]
    assert changes.sessions[0].f_cnt_down_reserved > 0
    assert len(bench.readings) == 1


async def test_receiving_goes_on_while_an_answer_waits_for_the_disk(bench: Bench) -> None:
    bench.buffer.disk.clear()
    await bench.hear(packet(data(0, confirmed=True)), packet(data(1)))
    assert bench.done == ["keeping", "added"]
    bench.buffer.disk.set()


async def test_failed_commit_ends_the_process_and_nothing_is_answered() -> None:
    async def hear() -> None:
        async with asyncio.TaskGroup() as tasks:
            bench = Bench(tasks, GAUGE)
            answers.append(bench.answers)
            bench.buffer.fault = StoreError("disk full")
            bench.uplinks.heard(packet(data(0, confirmed=True)))

    answers: list[object] = []
    with pytest.raises(ExceptionGroup) as ended:
        await hear()
    assert ended.group_contains(StoreError)
    assert answers == [[]]


async def test_ack_that_was_not_heard_is_sent_again_without_a_second_reading(
    bench: Bench,
) -> None:
    frame = data(0, confirmed=True)
    await bench.hear(packet(frame), packet(frame))
    heard = [AIR.hears(answer.phy_payload, n) for n, answer in enumerate(bench.answers)]
    assert [downlink and downlink.f_ctrl & 0xF0 for downlink in heard] == [
        FCtrl.ADR | FCtrl.ACK
    ] * 2
    assert len(bench.readings) == 1
    assert (bench.uplinks.counts["readings"], bench.uplinks.counts["repeated"]) == (1, 1)


async def test_join_is_on_disk_before_its_accept_and_becomes_an_event(bench: Bench) -> None:
    bench.buffer.disk.clear()
    await bench.hear(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 7)))
    assert bench.done == ["keeping"]
    bench.buffer.disk.set()
    await idle()
    _, changes, answered = bench.done
    assert answered == "answered"
    assert [join.dev_nonce for join in changes.joins] == [7]
    accepted = hears_join_accept(APP_KEY, 7, bench.answers[0].phy_payload)
    (event,) = bench.buffer.records
    assert isinstance(event, Event)
    assert event.type == "join"
    assert event.detail["device"] == f"{DEV_EUI:016x}"
    assert event.detail["dev_addr"] == f"{accepted.air.dev_addr:08x}"
    messages.check("events", json.events(messages.EUI, [event], lambda moment: moment))
    assert bench.uplinks.counts["joins"] == 1


async def test_join_tells_how_many_dev_nonces_are_spent(bench: Bench) -> None:
    with bench.watch.onlooker() as onlooker:
        for dev_nonce in (7, 9):
            await bench.hear(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, dev_nonce)))
        told = [await onlooker.next() for _ in range(2)]
    events = [one for one in bench.buffer.records if isinstance(one, Event)]
    assert [event.detail["dev_nonces"] for event in events] == [1, 2]
    assert [one["dev_nonces"] for one in told] == [1, 2]


async def test_refused_join_becomes_an_event_that_says_why(bench: Bench) -> None:
    await bench.hear(packet(join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 7)))
    (event,) = bench.buffer.records
    assert isinstance(event, Event)
    assert event.type == "join_refused"
    assert (event.detail["device"], event.detail["cause"]) == (f"{DEV_EUI:016x}", "bad_mic")
    assert "AppKey differs" in str(event.detail["reason"])
    messages.check("events", json.events(messages.EUI, [event], lambda moment: moment))


@pytest.mark.parametrize(("tell_foreign_joins", "told"), [(True, 32), (False, 0)])
async def test_foreign_joins_are_counted_and_told_of_a_little_or_not_at_all(
    tell_foreign_joins: bool, told: int
) -> None:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, GAUGE, tell_foreign_joins=tell_foreign_joins)
        for n in range(200):
            bench.uplinks.heard(packet(join_request(b"?" * 16, JOIN_EUI, n % 100, n)))
        assert len(bench.buffer.records) == told
        assert bench.uplinks.counts["joins_refused"] == 200


async def test_joined_device_is_heard_in_its_new_session(bench: Bench) -> None:
    await bench.hear(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 7)))
    air = hears_join_accept(APP_KEY, 7, bench.answers[0].phy_payload).air
    await bench.hear(packet(air.uplink(0, b"\1")))
    assert [reading.device for reading in bench.readings] == [f"{DEV_EUI:016x}"]
    assert bench.done[-1] != "added", "the first uplink in a session is committed with it"


@pytest.mark.parametrize("frame", [data(0, b"", None), data(0, b"\xff", 0), data(0, b"", 0)])
async def test_frame_without_payload_is_no_reading_but_touches_the_session(
    bench: Bench, frame: bytes
) -> None:
    await bench.hear(packet(frame))
    assert bench.buffer.records == []
    assert [session.f_cnt_up for session in bench.buffer.touched] == [0]
    assert bench.uplinks.counts["without_payload"] == 1
