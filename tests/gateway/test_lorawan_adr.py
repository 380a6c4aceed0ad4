"""ADR against Semtech's published description, worked by hand, and on simulated channels."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lorawan.adr import (
    HISTORY_SIZE,
    Decision,
    Heard,
    History,
    Limits,
    Link,
    decide,
    follow,
)

# EU868: SF12 … SF7 at 125 kHz and their demodulation floors, powers 0 … 7
FLOORS = {0: -20.0, 1: -17.5, 2: -15.0, 3: -12.5, 4: -10.0, 5: -7.5}
EIRP = tuple(16.0 - 2 * index for index in range(16))
EU868 = Limits(min_dr=0, max_dr=5, max_tx_power=7, required_snr=FLOORS, eirp=EIRP)


def history(snr: float, count: int = HISTORY_SIZE, gap: int = 0) -> History:
    """`count` frames, the best at `snr`; `gap` frames are missing before the last."""
    heard = History()
    for f_cnt in range(count - 1):
        heard = heard.add(f_cnt, snr - 1 - f_cnt % 3)
    return heard.add(count - 1 + gap, snr)


@pytest.mark.parametrize(
    ("snr", "link", "expected"),
    [
        # margin = snr + 20 - 10 (DR0); steps = margin / 3, towards zero
        (-10.0, Link(0), Link(0)),
        (-7.1, Link(0), Link(0)),
        (-7.0, Link(0), Link(1)),
        (-4.0, Link(0), Link(2)),
        (5.0, Link(0), Link(5)),
        # 17 / 3: five steps for the data rate; 18 / 3: one is left for the power
        (7.9, Link(0), Link(5, 0)),
        (8.0, Link(0), Link(5, 1)),
        # 33 / 3: 5 and 6; 40 / 3: the power has no more
        (23.0, Link(0), Link(5, 6)),
        (30.0, Link(0), Link(5, 7)),
        # DR3: floor -12.5, so -2.5 is just enough
        (-2.5, Link(3), Link(3)),
        (0.5, Link(3), Link(4)),
        (6.5, Link(3, 2), Link(5, 3)),
        # DR5: floor -7.5, so 2.5 is just enough
        (2.5, Link(5, 4), Link(5, 4)),
        (5.5, Link(5, 4), Link(5, 5)),
        # short of it: -2.9 is nothing yet, -3 one step of power, -9 three; never a slower rate
        (-0.4, Link(5, 4), Link(5, 4)),
        (-0.5, Link(5, 4), Link(5, 3)),
        (-6.5, Link(5, 4), Link(5, 1)),
        (-6.5, Link(5, 1), Link(5, 0)),
        (-20.0, Link(5, 0), Link(5, 0)),
    ],
)
def test_steps_by_hand(snr: float, link: Link, expected: Link) -> None:
    decision = decide(history(snr), link, EU868)
    assert decision.link == expected
    assert decision.command == (expected != link)


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        # of 20 + missing frames: 0 %, 4.8 %, 9.1 %, 13 %, 29 %, 31 %
        (0, (1, 1, 2)),
        (1, (1, 1, 2)),
        (2, (1, 2, 3)),
        (3, (2, 3, 3)),
        (8, (2, 3, 3)),
        (9, (3, 3, 3)),
        (60_000, (3, 3, 3)),
    ],
)
def test_nb_trans_by_the_published_table(missing: int, expected: tuple[int, ...]) -> None:
    for now, then in zip((1, 2, 3), expected, strict=True):
        link = Link(5, 0, now)
        decision = decide(history(3.0, gap=missing), link, EU868)
        assert decision.link == Link(5, 0, then)
        assert decision.command == (now != then)


def test_loss_is_the_share_of_what_was_sent() -> None:
    assert History().loss == 0
    assert History().add(7, 0.0).loss == 0
    assert history(0, gap=20).loss == pytest.approx(0.5)


def test_history_keeps_the_last_twenty() -> None:
    heard = History().add(0, 50.0)
    for f_cnt in range(1, 30):
        assert heard.full == (f_cnt >= 20)
        heard = heard.add(f_cnt, -5.0)
    assert heard.frames[0] == Heard(10, -5.0)
    assert (len(heard.frames), heard.best_snr) == (HISTORY_SIZE, -5.0)


@pytest.mark.parametrize("f_cnt", [4, 5])
def test_replayed_frame_cannot_enter_the_history(f_cnt: int) -> None:
    with pytest.raises(ValueError, match=f"f_cnt {f_cnt} after 5"):
        History().add(5, -10.0).add(f_cnt, 20.0)


def test_first_uplink_may_make_it_faster_but_not_louder() -> None:
    assert decide(history(5.0, count=1), Link(0), EU868).link == Link(5)
    assert decide(history(-20.0, count=19), Link(5, 4), EU868).link == Link(5, 4)
    assert decide(history(-20.0, count=20), Link(5, 4), EU868).link == Link(5, 0)


def test_few_frames_do_not_alter_nb_trans() -> None:
    assert decide(history(3.0, count=19, gap=100), Link(5), EU868).link == Link(5)
    assert decide(history(3.0, count=19), Link(5, 0, 3), EU868).link == Link(5, 0, 3)


@pytest.mark.parametrize("snr", [-30.0, 30.0])
@pytest.mark.parametrize("link", [Link(0), Link(7, 15, 9)])
def test_device_without_the_adr_bit_is_never_commanded(snr: float, link: Link) -> None:
    for ack_req in (False, True):
        decision = decide(history(snr), link, EU868, adr=False, adr_ack_req=ack_req)
        assert decision == Decision(link, False, "the device adapts by itself (ADR bit off)")


def test_device_that_asks_is_told_its_settings_again() -> None:
    decision = decide(history(3.0), Link(5, 2), EU868, adr_ack_req=True)
    assert (decision.link, decision.command) == (Link(5, 2), True)
    assert decision.reason.endswith("it asks whether it is heard (ADRACKReq): told once more")


def test_device_that_slowed_down_starts_again_from_there() -> None:
    assert follow(Link(5, 3, 2), heard_dr=5) == Link(5, 3, 2)
    assert follow(Link(5, 3, 2), heard_dr=4) == Link(4, 0, 1)
    assert decide(History().add(90, -12.0), follow(Link(5, 3), 0), EU868).link == Link(0)


def test_lost_answer_to_a_request_shows_in_the_data_rate() -> None:
    requested = Link(5, 3)
    assert follow(Link(0), heard_dr=5, requested=requested) == requested
    assert follow(Link(0), heard_dr=0, requested=requested) == Link(0)
    assert follow(Link(2), heard_dr=1, requested=requested) == Link(1)


def test_narrower_limits_bring_a_device_back() -> None:
    narrow = replace(EU868, min_dr=1, max_dr=3, max_tx_power=2)
    # at DR3 the floor is -12.5: nothing to spare, nothing short
    assert decide(history(-2.5), Link(5, 7), narrow).link == Link(3, 2)
    assert decide(History(), Link(0), narrow).link == Link(1)


def test_fsk_has_no_floor_and_is_left_alone() -> None:
    limits = replace(EU868, max_dr=7)
    decision = decide(history(9.0), Link(7, 1), limits)
    assert (decision.link, decision.command) == (Link(7, 1), False)
    assert "DR7 has no LoRa demodulation floor" in decision.reason


def test_reason_is_in_plain_words() -> None:
    assert decide(history(8.0), Link(0), EU868).reason == (
        "best SNR of 20 uplinks 8.0 dB, -20.0 dB needed, 10.0 dB kept in hand: "
        "18.0 dB to spare; 0% lost: DR0 → DR5, TXPower 0 → TXPower 1 (14 dBm)"
    )
    assert decide(history(-6.5, count=1), Link(5, 4), EU868).reason == (
        "best SNR of 1 uplink -6.5 dB, -7.5 dB needed, 10.0 dB kept in hand: "
        "9.0 dB short; 0% lost: stays (power up and NbTrans wait for 20)"
    )
    assert decide(History(), Link(0), EU868).reason == "nothing heard with these settings yet"


SNRS = st.floats(-30, 40)
LINKS = st.builds(Link, st.integers(0, 15), st.integers(0, 15), st.integers(0, 15))


@st.composite
def histories(draw: st.DrawFn) -> History:
    heard, f_cnt = History(), -1
    for snr, gap in draw(st.lists(st.tuples(SNRS, st.integers(1, 9)), max_size=25)):
        f_cnt += gap
        heard = heard.add(f_cnt, snr)
    return heard


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    low, high = sorted(draw(st.tuples(st.integers(0, 5), st.integers(0, 5))))
    return Limits(low, high, draw(st.integers(0, 15)), FLOORS, EIRP, draw(st.floats(0, 30)))


@given(histories(), LINKS, limits())
def test_decision_never_leaves_the_limits(heard: History, link: Link, allowed: Limits) -> None:
    after = decide(heard, link, allowed).link
    assert allowed.min_dr <= after.dr <= allowed.max_dr
    assert 0 <= after.tx_power <= allowed.max_tx_power
    assert 1 <= after.nb_trans <= 3
    if link.dr <= allowed.max_dr:
        assert after.dr >= link.dr


@given(histories(), LINKS, limits(), st.floats(0, 30))
def test_better_snr_is_never_slower_nor_louder(
    heard: History, link: Link, allowed: Limits, better: float
) -> None:
    stronger = History(tuple(Heard(one.f_cnt, one.snr + better) for one in heard.frames))
    before, after = (decide(one, link, allowed).link for one in (heard, stronger))
    assert after.dr >= before.dr
    assert after.tx_power >= before.tx_power
    assert after.nb_trans == before.nb_trans


@given(st.lists(SNRS, min_size=1, max_size=19), SNRS, LINKS)
def test_more_uplinks_never_make_it_slower(snrs: list[float], one_more: float, link: Link) -> None:
    heard = History()
    for f_cnt, snr in enumerate(snrs):
        heard = heard.add(f_cnt, snr)
    few, more = (decide(one, link, EU868).link for one in (heard, heard.add(99, one_more)))
    assert more.dr >= few.dr


class Street:
    """A device whose SNR at full power fades around a mean; each TXPower index takes 2 dB."""

    def __init__(self, seed: int, snr: float, fading: float, loss: float = 0.0) -> None:
        self.random = Random(seed)
        self.snr, self.fading, self.loss = snr, fading, loss
        self.link, self.heard, self.f_cnt = Link(0), History(), 0
        self.settings: list[Link] = []

    def run(self, uplinks: int) -> "Street":
        """Every command arrives; what is sent is lost at random, or when below the floor."""
        for _ in range(uplinks):
            self.f_cnt += 1
            tries = [self._arrives() for _ in range(self.link.nb_trans)]
            arrived = [snr for snr in tries if snr is not None]
            if arrived:
                self._decide(arrived[0])
            self.settings.append(self.link)
        return self

    def _arrives(self) -> float | None:
        snr = self.random.gauss(self.snr - 2 * self.link.tx_power, self.fading)
        lost = self.random.random() < self.loss or snr < FLOORS[self.link.dr]
        return None if lost else snr

    def _decide(self, snr: float) -> None:
        self.heard = self.heard.add(self.f_cnt, snr)
        decision = decide(self.heard, self.link, EU868)
        if decision.command:
            self.link, self.heard = decision.link, History()


def changes(settings: list[Link]) -> int:
    return sum(one != other for one, other in pairwise(settings))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("snr", [-15.0, -8.0, 0.0, 8.0, 20.0])
def test_fading_channel_converges_and_does_not_oscillate(seed: int, snr: float) -> None:
    settled = Street(seed, snr, fading=2.0).run(2000).settings[500:]
    powers = [link.tx_power for link in settled]
    assert max(powers) - min(powers) <= 1
    # one rare peak may still make it faster, once; the network never makes it slower
    assert len({link.dr for link in settled}) <= 2
    assert changes([replace(link, nb_trans=1) for link in settled]) <= len(settled) / 150


@pytest.mark.parametrize("seed", range(5))
def test_near_device_ends_fast_and_quiet_far_one_slow_and_loud(seed: int) -> None:
    near = Street(seed, 20.0, fading=2.0).run(200).link
    assert near.dr == 5
    assert near.tx_power >= 6
    far = Street(seed, -14.0, fading=2.0).run(200).link
    assert far.dr <= 1
    assert far.tx_power == 0


@pytest.mark.parametrize("seed", range(5))
def test_lossy_channel_gets_repetitions_and_delivers(seed: int) -> None:
    street = Street(seed, 0.0, fading=1.0, loss=0.35).run(400)
    assert max(link.nb_trans for link in street.settings) >= 2
    clear = Street(seed, 0.0, fading=1.0).run(400)
    assert {link.nb_trans for link in clear.settings} == {1}
