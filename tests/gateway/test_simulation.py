"""A small virtual life of the street, and whether its judge sees what is broken on purpose."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from _pytest.monkeypatch import MonkeyPatch

from drivers.concentrator import TxPacket
from gateway.air.duty_cycle import DutyCycle
from gateway.cli.simulate import REGIONS as REGION_NAMES
from gateway.lorawan import queue, uplink
from gateway.lorawan.order import NOTHING, State, Step, Verdict
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.region import SubBand
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.scheduler import Scheduler
from gateway.lorawan.session import KnownState
from gateway.simulation import city, population, street, world
from gateway.simulation.agenda import DAY, HOUR
from gateway.simulation.box import Box
from gateway.simulation.disk import Disk
from gateway.simulation.month import Report, simulate
from gateway.simulation.place import PLACES
from gateway.simulation.world import World


def life(days: int = 2, devices: int = 30, seed: int = 1) -> Report:
    return simulate(days, devices, seed)


def told(what: str, days: int = 2, devices: int = 30) -> bool:
    """Whether that is among the violations of some days."""
    world = World(devices, 1)
    for hour in range(0, 24 * days, 3):
        world.run(hour * HOUR)
        if any(what in text for text in world.judge.violations):
            return True
    return False


def test_nothing_happens_that_may_not() -> None:
    report = life(8, 30, 2)
    assert report.violation_list == []
    assert report.violations == 0
    assert report.uplinks >= 8 * 24 * 30
    assert report.joins > 24
    assert report.downlinks > report.uplinks // 15
    assert report.kills > 20


def test_abp_device_that_may_begin_anew_does_so() -> None:
    world = World(30, 1)
    world.run(9 * DAY)
    begun = {key for key in world.judge.readings.values() if key[1] == bytes.fromhex("00c0000201")}
    assert {one.begins_anew for one in world.street.devices} == {False, True}
    assert len(begun) > 24
    assert world.judge.violations == []


def test_devices_speak_the_version_that_they_are_of() -> None:
    street = [population.end_device(n, Random(1), PLACES["EU868"]) for n in range(70)]
    assert {one.mac.keys.lorawan for one in street} == {"1.0.2", "1.0.3", "1.0.4", "1.1"}
    world = World(70, 3)
    world.run(12 * HOUR)
    for said in world.street._said.values():
        mac = said.one.mac
        if mac.activation is not None:
            assert mac.activation.minor == (mac.keys.lorawan == "1.1")
            if mac.activation.f_cnt_up > 6 and said.one.snr > 0:
                assert not mac.commands.announces, "RekeyInd and ResetInd are confirmed by now"


@pytest.mark.parametrize("region", ["US915", "AU915", "AS923-1"])
def test_other_regions_are_served_alike(region: str) -> None:
    world, place = World(20, 1, region), PLACES[region]
    world.run(3 * DAY)
    world.close()
    assert world.judge.violations == []
    assert world.judge.joins >= 16
    macs = [one.mac for one in world.street.devices if one.mac.activation is not None]
    assert len(macs) >= 18
    heard = [mac for mac in macs if mac.activation and mac.activation.f_cnt_up > 20]
    assert {frequency for mac in heard for frequency in mac.channels} == set(place.heard)


@pytest.mark.parametrize(
    ("region", "changes"),
    [
        ("US915", {"downlink_channels": REGIONS["US915"].downlink_channels[::-1]}),
        ("AU915", {"rx1_data_rates": REGIONS["US915"].rx1_data_rates + ((8, 8, 8, 8),) * 2}),
        ("AS923-1", {"rx2_frequency": 923_400_000}),
        ("AS923-1", {"sub_bands": (SubBand(915_000_000, 928_000_000, 16.0, 1.0),)}),
    ],
)
def test_wrong_table_of_a_region_is_seen(
    region: str, changes: dict[str, Any], monkeypatch: MonkeyPatch
) -> None:
    place = PLACES[region]
    wrong = replace(place, region=replace(place.region, **changes))
    monkeypatch.setitem(PLACES, region, wrong)
    if "sub_bands" in changes:
        monkeypatch.setattr(street, "CONFIRMED", 1.0)
        monkeypatch.setattr(street, "PAUSE_S", (20, 40))
    world = World(20, 1, region)
    world.run(DAY // 4)
    assert world.judge.violations


def test_every_place_that_can_be_asked_for_is_there() -> None:
    assert set(REGION_NAMES) == set(PLACES)


def test_one_seed_is_one_life() -> None:
    first, again = (replace(life(1, seed=5), real_time_factor=0) for _ in range(2))
    assert first == again
    assert first.uplinks != life(1, seed=6).uplinks


@pytest.fixture
def busy(monkeypatch: MonkeyPatch) -> None:
    """All uplinks are confirmed and come every half a minute: the airtime does not suffice."""
    monkeypatch.setattr(street, "CONFIRMED", 1.0)
    monkeypatch.setattr(street, "PAUSE_S", (20, 40))
    monkeypatch.setattr(world, "COMMITS_PER_UPLINK", 60)


def busy_hours(hours: int = 3) -> World:
    world = World(20, 1)
    world.run(hours * HOUR)
    return world


@pytest.mark.usefixtures("busy")
def test_airtime_suffices_because_answers_are_left_out() -> None:
    world = busy_hours()
    assert world.judge.violations == []
    assert 100 < world.judge.downlinks < 0.6 * world.street.uplinks


@pytest.mark.usefixtures("busy")
def test_a_gateway_that_ignores_the_duty_cycle_is_seen(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(DutyCycle, "allows", lambda *_: True)
    assert any("within an hour" in text for text in busy_hours().judge.violations)


@pytest.mark.usefixtures("busy")
def test_a_gateway_that_forgets_its_airtime_is_seen(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(world, "KILLS_PER_DAY", 200)
    after_a_kill(monkeypatch, lambda known: replace(known, airtime=()))
    assert any("within an hour" in text for text in busy_hours().judge.violations)


def after_a_kill(monkeypatch: MonkeyPatch, spoilt: Callable[[KnownState], KnownState]) -> None:
    load = Disk.load
    monkeypatch.setattr(Disk, "load", lambda disk: spoilt(load(disk)))


def test_an_f_cnt_down_that_starts_anew_after_a_kill_is_seen(monkeypatch: MonkeyPatch) -> None:
    def anew(known: KnownState) -> KnownState:
        sessions = (replace(one, f_cnt_down=0, f_cnt_down_reserved=0) for one in known.sessions)
        return replace(known, sessions=tuple(sessions))

    after_a_kill(monkeypatch, anew)
    assert told("is sent after")
    assert told("FCntDown was used before")


def test_a_lost_session_is_seen(monkeypatch: MonkeyPatch) -> None:
    after_a_kill(monkeypatch, lambda known: replace(known, sessions=()))
    assert told("is not heard any more")


def test_forgotten_joins_are_seen(monkeypatch: MonkeyPatch) -> None:
    after_a_kill(monkeypatch, lambda known: KnownState(airtime=known.airtime))
    monkeypatch.setattr(population, "WEEK", DAY // 2)
    monkeypatch.setattr(street, "WEEK", DAY // 2)
    assert told("was used twice")


@pytest.mark.parametrize("late_us", [2_000, -2_000])
def test_an_answer_beside_its_window_is_seen(monkeypatch: MonkeyPatch, late_us: int) -> None:
    place = Scheduler.place

    def beside(scheduler: Scheduler, answer: Any, ended_us: int, session: int, now: int) -> Any:
        return place(scheduler, answer, ended_us + late_us, session, now)

    monkeypatch.setattr(Scheduler, "place", beside)
    assert told("no window open then")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"frequency": 868_950_000}, "another frequency"),
        ({"inverted": False}, "polarity"),
        ({"power": 20}, "dBm"),
        ({"bandwidth": 250_000}, "another data rate"),
    ],
)
def test_a_transmission_with_wrong_figures_is_seen(
    monkeypatch: MonkeyPatch, changes: dict[str, Any], what: str
) -> None:
    programmed = World._programmed

    def wrong(self: World, packet: TxPacket, start: int, said: Any) -> None:
        programmed(self, replace(packet, **changes), start, said)

    monkeypatch.setattr(World, "_programmed", wrong)
    assert told(what)


def test_an_accepted_replay_is_seen(monkeypatch: MonkeyPatch) -> None:
    def forgetful(known: KnownState) -> KnownState:
        sessions = (replace(one, f_cnt_up=-1) for one in known.sessions)
        return replace(known, sessions=tuple(sessions))

    after_a_kill(monkeypatch, forgetful)
    monkeypatch.setattr(world, "REPLAYED", 0.1)
    assert told("came twice")


def test_a_wrong_reading_id_is_seen(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "reading_id", lambda session, f_cnt: session.id.hex() + str(f_cnt))
    assert told("has the id")


def test_an_answer_before_its_commit_is_seen(monkeypatch: MonkeyPatch) -> None:
    write = Disk.write

    def at_once(disk: Disk, written: Any, then: Callable[[], None]) -> None:
        write(disk, written, lambda: None)
        then()

    monkeypatch.setattr(Disk, "write", at_once)
    monkeypatch.setattr("gateway.simulation.disk.USUAL_S", (1.2, 1.8))
    assert told("is acknowledged and not on disk")


def test_a_dead_session_that_is_kept_out_of_the_commit_is_seen(monkeypatch: MonkeyPatch) -> None:
    """An answered uplink whose session is not written: the counter would go back."""
    write = Disk.write

    def without(disk: Disk, written: Any, then: Callable[[], None]) -> None:
        changes = replace(written.changes, sessions=())
        write(disk, replace(written, changes=changes), then)

    monkeypatch.setattr(Disk, "write", without)
    assert life().violations > 0


@pytest.fixture
def ordering(monkeypatch: MonkeyPatch) -> None:
    """The city orders as much in two hours as it does in a week."""
    monkeypatch.setattr(city, "WEEK", 2 * HOUR)


@pytest.mark.usefixtures("ordering")
def test_downlinks_end_in_every_way_and_come_at_once_to_class_c() -> None:
    world = World(40, 1)
    world.run(DAY // 2)
    world.close()
    results, waited = world.city.results, sorted(world.city.at_once_s)
    assert world.judge.violations == []
    assert {"OK", "ACKED", "NOT_ACKED", "EXPIRED", "REFUSED"} <= set(results)
    assert results["ACKED"] > 2 * results["NOT_ACKED"]
    assert results["OK"] > 100
    assert waited[len(waited) // 2] < 5


@pytest.mark.usefixtures("ordering")
@pytest.mark.parametrize(
    ("method", "instead", "what"),
    [
        ("hand_over", lambda queue, queued, *_: NOTHING, "is sent twice"),
        ("sent", lambda queue, *_: NOTHING, "is forgotten"),
        ("has_more", lambda queue, dev_eui, now, beside: beside is None, "by FPending"),
        ("_judged", lambda queue, queued, *_: queue._end(queued, Verdict.ACKED, None), "be ACKED"),
        ("expire", lambda queue, _: expire_all(queue), "cannot be EXPIRED"),
        ("recover", lambda queue, _: send_again(queue), "is sent twice"),
    ],
)
def test_a_queue_that_errs_is_seen(
    monkeypatch: MonkeyPatch, method: str, instead: Any, what: str
) -> None:
    monkeypatch.setattr(DownlinkQueue, method, instead)
    monkeypatch.setattr(city, "FORGOTTEN", 6)
    assert told(what)


def expire_all(found: DownlinkQueue) -> Step:
    step = NOTHING
    for queued in found._all():
        if queued.state is State.WAITING:
            step += found._expired(queued)
    return step


def send_again(found: DownlinkQueue) -> Step:
    step = NOTHING
    for queued in found._all():
        if queued.state is not State.WAITING:
            step += found._keep(replace(queued, state=State.WAITING))
    return step


@pytest.mark.usefixtures("ordering")
def test_a_downlink_that_is_sent_after_its_expiry_is_seen(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "has_expired", lambda order, now: False)
    assert told("though it has expired")


@pytest.mark.usefixtures("ordering")
def test_forgotten_orders_are_seen(monkeypatch: MonkeyPatch) -> None:
    after_a_kill(monkeypatch, lambda known: replace(known, downlinks=()))
    monkeypatch.setattr(city, "FORGOTTEN", 6)
    assert told("is forgotten")


@pytest.mark.usefixtures("ordering")
def test_an_order_that_is_taken_twice_is_seen(monkeypatch: MonkeyPatch) -> None:
    put = DownlinkQueue.put

    def again(found: DownlinkQueue, order: Any, now: float | None) -> Step:
        found._correlations._last.clear()
        return put(found, order, now)

    monkeypatch.setattr(DownlinkQueue, "put", again)
    assert told("ends as OK, and as")


def test_box_takes_the_networks_word_for_nothing(monkeypatch: MonkeyPatch) -> None:
    """A gateway that is deaf for good is not a good one."""
    heard = Box.heard

    def deaf(box: Box, packet: Any, ended: int, said: Any) -> Any:
        return heard(box, replace(packet, payload=b"\x40" + packet.payload[1:5]), ended, said)

    monkeypatch.setattr(Box, "heard", deaf)
    assert told("may not join")
