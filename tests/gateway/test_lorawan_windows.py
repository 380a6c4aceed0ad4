"""Receive windows: what the operator wants, what a device has confirmed, what is used meanwhile."""

from dataclasses import replace

import pytest
from lorawan_days import Days
from lorawan_device import hears_join_accept, join_request
from lorawan_network import (
    ABP,
    ABP_EUI,
    APP_KEY,
    DEV_EUI,
    HEARD,
    JOIN_EUI,
    counted,
    joined,
    otaa,
    packet,
)
from lorawan_street import SETTLED, Street

from drivers.concentrator import TxStatus
from gateway.lorawan.device import Version
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.order import Order
from gateway.lorawan.outcome import DropReason, Uplink
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import KnownState

SF9 = RxParams(0, 869_525_000, 3, 1)
OTHER = RxParams(1, 869_800_000, 3, 5)
"""RX1DROffset 1, RX2 elsewhere at SF9, RX1 after 5 s."""
ASKS_OTHER = "0513" + (8_698_000).to_bytes(3, "little").hex()


def windows(got: Uplink) -> list[tuple[int, int, int]]:
    """Delay in s, frequency and spreading factor of each window of an answer."""
    assert got.answer is not None
    return [(one.delay_us // 10**6, one.frequency, one.sf) for one in got.answer.windows]


REGIONS_OWN = [(1, 868_300_000, 9), (2, 869_525_000, 12)]
WANTED = [(5, 868_300_000, 10), (6, 869_800_000, 9)]


# --- asked of a device that has others ---


@pytest.mark.parametrize(
    "windows", [RxParams(0, 869_525_000, 3, 5), RxParams(2, 868_000_000, 0, 1)]
)
def test_other_windows_than_ours_are_set_and_used_until_confirmed(windows: RxParams) -> None:
    street = Street(replace(SETTLED, rx=windows))
    got = street.say()
    assert got.answer is not None
    assert got.answer.windows[0].delay_us == windows.rx1_delay * 1_000_000
    assert got.answer.windows[1].frequency == windows.rx2_frequency
    told = street.hears(got).commands.hex()
    assert told == ("0500d2ad84" + "0801" * (windows.rx1_delay == 5))
    after = street.say("0507" + "08" * (windows.rx1_delay == 5))
    assert after.answer is not None, "the device repeats its answer until it hears a downlink"
    assert street.hears(after).commands == b""
    assert after.answer.windows[0].delay_us == 1_000_000
    assert after.answer.windows[1].frequency == 869_525_000
    assert street.disk.mac.rx is None


def test_repeated_answer_is_answered_until_it_ends() -> None:
    street = Street()
    for _ in range(3):
        got = street.say("0507")
        assert got.skipped_commands == 1
        assert street.hears(got).commands == b""


def test_crash_before_the_device_answers_a_window_change_keeps_the_old_windows() -> None:
    windows = RxParams(0, 869_525_000, 3, 5)
    street = Street(replace(SETTLED, rx=windows))
    street.told()
    street.restart()
    got = street.say()
    assert got.answer is not None
    assert got.answer.windows[0].delay_us == 5_000_000


def test_wanted_windows_are_asked_and_used_once_confirmed() -> None:
    street = Street(rx=OTHER)
    got = street.say()
    assert windows(got) == REGIONS_OWN
    assert street.hears(got).commands.hex() == ASKS_OTHER + "0805"
    unheard = street.say(confirmed=True)
    assert windows(unheard) == REGIONS_OWN, "without an answer the device has not heard it"
    got = street.say("050708")
    assert windows(got) == WANTED
    assert street.hears(got).commands == b"", "the device repeats itself until it hears a downlink"
    assert windows(street.say(confirmed=True)) == WANTED
    assert street.say().answer is None


def test_half_an_answer_moves_half_the_windows() -> None:
    street = Street(rx=OTHER)
    street.told()
    got = street.say("0507")
    assert windows(got) == [(1, 868_300_000, 10), (2, 869_800_000, 9)]
    street.hears(got)
    assert street.told() == "0805"


def test_repeated_answer_does_not_pass_for_one_to_a_later_request() -> None:
    street = Street(rx=OTHER)
    street.told()
    street.rx = SF9
    street.restart()
    heard = street.say("050708")
    assert street.hears(heard).commands == b"", "the device may not hear this downlink either"
    again = street.say("050708")
    assert windows(again) == WANTED
    assert street.hears(again).commands == b""
    assert street.told() == "0503d2ad840801", "it repeats itself no more: it has heard"


def test_windows_that_are_refused_stay_and_are_not_asked_again() -> None:
    street = Street(rx=SF9)
    street.told()
    refused = street.say("0505")
    assert street.hears(refused).commands == b""
    again = street.say(confirmed=True)
    assert windows(again) == REGIONS_OWN
    assert street.hears(again).commands == b""


def test_confirmed_windows_outlive_a_restart_and_the_operators_next_wish() -> None:
    street = Street(rx=OTHER)
    street.told()
    street.say("050708")
    street.rx = None
    street.restart()
    got = street.say()
    assert windows(got) == WANTED
    assert street.hears(got).commands.hex() == "0500d2ad840801"
    got = street.say("050708")
    assert windows(got) == REGIONS_OWN
    assert street.disk.mac.rx is None


def test_class_c_device_is_not_sent_to_while_nobody_knows_its_rx2() -> None:
    street = Street(device=replace(ABP, device_class="C"), rx=SF9)
    street.told(at=Moment(100.0))
    street.net.downlinks.put(Order("1", ABP_EUI, 1, b"on", confirmed=False), 0.0)
    assert street.net.downlink_now(ABP_EUI, Moment(200.0)).answer is None
    got = street.say("0507", at=Moment(300.0))
    assert windows(got)[1] == (2, 869_525_000, 9)
    assert got.answer is not None
    assert got.answer.downlink is not None
    street.net.downlinks.sent(got.answer.downlink, TxStatus.OK, 302.0)
    street.net.downlinks.put(Order("2", ABP_EUI, 1, b"off", confirmed=False), 0.0)
    now = street.net.downlink_now(ABP_EUI, Moment(400.0)).answer
    assert now is not None
    assert [(one.frequency, one.sf) for one in now.windows] == [(869_525_000, 9)]


def test_device_that_forgot_to_say_that_it_has_moved_is_found_again() -> None:
    """1.0.4, ABP: its windows outlive a power cut, its answers about them do not."""
    days = Days("1.0.4", abp=True, seed=1, loss=0.0, snr=2.0)
    days.speak(confirmed=True)
    days.rx = replace(SF9, rx1_delay=3)
    days.restart()
    days.speak(confirmed=True)
    assert windows_of(days) == days.rx
    days.device.power_cycle()
    for _ in range(40):
        days.speak(confirmed=True)
    days.device.violations.clear()
    for _ in range(10):
        days.speak(confirmed=True)
        assert days.device.acked
    assert days.device.violations == []


def test_device_that_never_says_anything_of_its_windows_hears_all_but_every_other_request() -> None:
    street = Street(rx=OTHER)
    asked, elsewhere = 0, 0
    for _ in range(300):
        got = street.say(confirmed=True)
        assert got.answer is not None
        if windows(got) != REGIONS_OWN:
            elsewhere += 1
        else:
            asked += ASKS_OTHER in street.hears(got).commands.hex()
    assert (asked, elsewhere) == (6, 3), "after 1, 2, 4 … 256 uplinks"


@pytest.mark.parametrize("kind", [0, 2])
def test_rejoin_waits_while_nobody_knows_the_windows(kind: int) -> None:
    days = Days("1.1", abp=False, seed=1, loss=0.0, snr=2.0)
    days.join()
    days.speak(confirmed=False)
    days.rx = replace(SF9, rx1_delay=3)
    days.restart()
    days.speak(confirmed=False)
    before = days.device.activation
    days.send(days.device.rejoin_request(kind))
    assert days.drops == [DropReason.WINDOWS_IN_DOUBT]
    assert days.device.activation is before
    days.speak(confirmed=True)
    days.send(days.device.rejoin_request(kind))
    days.speak(confirmed=True)
    assert days.device.activation is not before
    days.speak(confirmed=True)
    assert (windows_of(days), days.device.violations) == (days.rx, [])


# --- told with a Join-Accept ---


@pytest.mark.parametrize(("rx", "dl_settings", "delay"), [(OTHER, 0x13, 5), (None, 0x00, 1)])
def test_join_accept_tells_the_windows(rx: RxParams | None, dl_settings: int, delay: int) -> None:
    net = Network([otaa()], KnownState(), EU868, counted(), heard=HEARD, rx=rx)
    got = joined(net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1))))
    told = hears_join_accept(APP_KEY, 1, got.answer.phy_payload)
    assert (told.dl_settings, told.rx_delay) == (dl_settings, delay)
    sent = [(one.delay_us // 10**6, one.sf) for one in got.answer.windows]
    assert sent == [(5, 9), (6, 12)], "the answer itself is heard where the region has it"


def test_join_accept_does_not_tell_rx2s_frequency_so_that_is_asked() -> None:
    net = Network([otaa()], KnownState(), EU868, counted(), heard=HEARD, rx=OTHER)
    got = joined(net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1))))
    air = hears_join_accept(APP_KEY, 1, got.answer.phy_payload).air
    first = net.receive(packet(air.uplink(0)))
    assert isinstance(first, Uplink)
    assert windows(first) == [(5, 868_300_000, 10), (6, 869_525_000, 9)]
    assert first.answer is not None
    heard = air.hears(first.answer.phy_payload, 0)
    assert heard is not None
    assert heard.commands.hex() == ASKS_OTHER + "06"


# --- an independent device ---


def windows_of(days: Days) -> RxParams:
    """What the device itself is set to."""
    has = days.device.settings
    return RxParams(has.rx1_dr_offset, has.rx2_frequency, has.rx2_dr, has.rx_delay_s)


@pytest.mark.parametrize("rx", [SF9, OTHER])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("version", "abp"), [("1.0.3", False), ("1.0.4", False), ("1.1", False), ("1.0.4", True)]
)
def test_device_hears_all_that_is_sent_while_its_windows_move(
    version: Version, abp: bool, rx: RxParams, seed: int
) -> None:
    """They are wanted, wanted no more, and wanted again; it objects to what misses its windows."""
    days = Days(version, abp, seed, loss=0.1, snr=2.0)
    days.join()
    for wanted in (rx, None, rx):
        days.rx = wanted
        days.restart()
        for n in range(60):
            days.speak(confirmed=n % 5 == 0)
    assert days.device.violations == []
    assert windows_of(days) == rx


@pytest.mark.parametrize("version", ["1.0.3", "1.1"])
def test_device_that_joins_has_the_wanted_windows(version: Version) -> None:
    days = Days(version, abp=False, seed=1, loss=0.1, snr=2.0, rx=OTHER)
    for _ in range(4):
        days.device.power_cycle()
        days.join()
        for _ in range(20):
            days.speak(confirmed=True)
    has = days.device.settings
    assert days.device.violations == []
    assert (has.rx1_dr_offset, has.rx2_frequency, has.rx2_dr, has.rx_delay_s) == (
        1,
        869_800_000,
        3,
        5,
    )
