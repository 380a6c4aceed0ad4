"""AS923 where no downlink may last longer than 400 ms (RP002-1.0.4 §2.10), and where it may.

Devices are told nothing of it: DownlinkDwellTime is 0 by default (§2.3), RX1 follows that table.
"""

from dataclasses import replace

import pytest
from lorawan_device import hears_join_accept, join_request
from lorawan_network import APP_KEY, DEV_EUI, JOIN_EUI, counted, joined, otaa, packet
from lorawan_street import ADR, Street

from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import data_windows, largest_payload
from gateway.lorawan.mac_state import FACTORY, RxParams
from gateway.lorawan.network import Network
from gateway.lorawan.plan import factory_rx
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.session import KnownState

FREE = REGIONS["AS923-2"]
LIMITED = replace(FREE, downlink_dwell_time=True)
RX = factory_rx(FREE)
HEARD = tuple(FREE.channels[0] + 200_000 * n for n in range(8))
MHDR_AND_MIC = 5


def sizes(sf: int, rx: RxParams = RX, *, limited: bool) -> list[tuple[int, int, int]]:
    """Number, spreading factor and room of each window after an uplink."""
    uplink = replace(packet(b""), frequency=HEARD[0], sf=sf)
    windows = data_windows(LIMITED if limited else FREE, rx, uplink)
    return [(window.number, window.sf, window.room) for window in windows]


@pytest.mark.parametrize("sf", [12, 11])
def test_forbidden_data_rates_are_not_sent_at(sf: int) -> None:
    assert sizes(sf, limited=False) == [(1, sf, 59), (2, 10, 123)]
    assert sizes(sf, limited=True) == [(2, 10, 19)]


@pytest.mark.parametrize(("sf", "free", "limited"), [(10, 123, 19), (9, 123, 61), (8, 250, 133)])
def test_payloads_are_those_of_the_table_with_dwell_time(sf: int, free: int, limited: int) -> None:
    assert sizes(sf, limited=False)[0] == (1, sf, free)
    assert sizes(sf, limited=True)[0] == (1, sf, limited)


def test_offset_that_leads_to_a_forbidden_data_rate_leaves_rx2() -> None:
    offset = replace(RX, rx1_dr_offset=2)
    assert sizes(9, offset, limited=False)[0] == (1, 11, 59)
    assert sizes(9, offset, limited=True) == [(2, 10, 19)]


def test_nothing_that_is_sent_lasts_longer() -> None:
    """Acknowledgements, channels, commands, and the Join-Accept."""
    net = Network([otaa()], KnownState(), LIMITED, counted(), heard=HEARD)
    request = replace(
        packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)), frequency=HEARD[0], sf=10
    )
    answers = [joined(net.receive(request)).answer]
    street = Street(FACTORY, heard=HEARD, region=LIMITED)
    for said in ("", "", "0703", "0703", "0703"):
        got = street.say(said, ADR, frequency=HEARD[0], sf=10, confirmed=True)
        assert street.hears(got).f_ctrl & 0x20
        assert got.answer is not None
        answers.append(got.answer)
    for answer in answers:
        for window in answer.windows:
            size = len(answer.phy_payload)
            assert airtime_us(size, window.sf, window.bandwidth) <= 400_000
            assert size <= max(17, window.room + MHDR_AND_MIC)
    told = hears_join_accept(APP_KEY, 1, answers[0].phy_payload)
    assert told.cf_list == b"", "with its channels a Join-Accept would last 452 ms at SF10"


def test_channels_that_the_join_accept_cannot_tell_are_asked_one_by_one() -> None:
    street = Street(FACTORY, heard=HEARD, region=LIMITED)
    street.say(f_ctrl=ADR, frequency=HEARD[0], sf=10)
    for _ in range(20):
        asked = len(street.disk.mac.requested)
        got = street.say("0703" * asked, ADR, frequency=HEARD[0], sf=10, confirmed=True)
        street.hears(got)
        if len(street.disk.mac.channels) == len(HEARD) - len(FREE.channels):
            break
    assert sorted(hz for _, hz in street.disk.mac.channels) == sorted(set(HEARD) - {*FREE.channels})


def test_network_never_asks_for_a_slower_data_rate_than_it_hears() -> None:
    """So UplinkDwellTime, which is the device's concern, holds whatever it is."""
    for sf in (12, 10):
        street = Street(FACTORY, heard=HEARD[:2], region=FREE)
        heard_at = FREE.data_rate(sf, 125_000)
        assert heard_at is not None
        for _ in range(30):
            got = street.say("", ADR, frequency=HEARD[0], sf=sf, snr=-19.0)
            if got.answer is None:
                continue
            commands = street.hears(got).commands
            assert commands[:1] != b"\x03" or commands[1] >> 4 >= heard_at


def test_largest_payload_is_that_of_the_fastest_data_rate() -> None:
    assert largest_payload(FREE) == largest_payload(LIMITED) == 242
    assert largest_payload(replace(FREE, repeater=True)) == 222
