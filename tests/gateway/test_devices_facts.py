"""What is remembered of devices: bounded, and nobody pushes ours out."""

import tracemalloc
from dataclasses import replace
from math import inf, nan

import pytest
from lorawan_network import packet

from gateway.devices.facts import OURS, STRANGERS, UPLINKS, DeviceFacts
from gateway.lorawan.outcome import Drop, DropReason

EUI = 0x70B3D57ED0000001
ANY = packet(b"\x40")


def test_last_uplinks_are_kept_oldest_first() -> None:
    facts = DeviceFacts()
    for f_cnt in range(UPLINKS + 6):
        facts.uplink(EUI, f_cnt, replace(ANY, rssi=-80.0 - f_cnt, snr=9.5), 100.0 + f_cnt)
    heard = facts.of(EUI).heard()
    assert [one.f_cnt for one in heard] == list(range(6, UPLINKS + 6))
    assert heard[0] == (106.0, 6, -86.0, 9.5, 9, 868_300_000)
    assert facts.of(EUI + 1).heard() == []


@pytest.mark.parametrize("rssi", [nan, inf, -inf, 1e9, -1e9])
def test_whatever_a_board_says_has_room(rssi: float) -> None:
    facts = DeviceFacts()
    facts.uplink(EUI, 2**32 - 1, replace(ANY, rssi=rssi, snr=None), -0.1)
    (heard,) = facts.of(EUI).heard()
    assert (heard.f_cnt, heard.at, heard.snr) == (2**32 - 1, 0.0, None)
    assert -3277 < heard.rssi < 3277


def test_refusals_are_counted_by_reason_newest_first() -> None:
    facts = DeviceFacts()
    for at in (1.0, 2.0):
        facts.refused(Drop(DropReason.BAD_MIC, dev_eui=EUI, says="MIC wrong"), ANY, at)
    facts.refused(Drop(DropReason.JOIN_CLOSED, dev_eui=EUI), ANY, 3.0)
    facts.refused(Drop(DropReason.BAD_MIC, dev_addr=7), ANY, 4.0)
    facts.refused(Drop(DropReason.BAD_MIC, dev_addr=8), ANY, 5.0)
    facts.refused(Drop(DropReason.DUPLICATE, dev_eui=EUI), ANY, 6.0)
    facts.refused(Drop(DropReason.BAD_CRC), ANY, 7.0)
    found = facts.refusals(EUI, {7})
    assert [(one.reason, one.by_address, one.count) for one in found] == [
        (DropReason.BAD_MIC, True, 1),
        (DropReason.JOIN_CLOSED, False, 1),
        (DropReason.BAD_MIC, False, 2),
    ]
    assert (found[2].first_at, found[2].last_at) == (1.0, 2.0)


def test_a_flood_of_strangers_pushes_nothing_of_ours_out() -> None:
    facts = DeviceFacts()
    facts.refused(Drop(DropReason.BAD_MIC, dev_eui=EUI), ANY, 0.0)
    for n in range(5 * (OURS + STRANGERS)):
        facts.refused(Drop(DropReason.UNKNOWN_DEVICE, dev_addr=n), ANY, float(n))
    assert len(facts.refusals(EUI, ())) == 1
    assert len(facts.refusals(0, range(10**6))) == STRANGERS


def test_removed_device_is_forgotten() -> None:
    facts = DeviceFacts()
    facts.joined(EUI, 1.0)
    facts.joined(EUI + 1, 1.0)
    facts.keep_only([EUI])
    assert (facts.of(EUI).joins, facts.of(EUI + 1).joins) == (1, 0)


def test_thousand_devices_and_a_flood_fit_a_mebibyte() -> None:
    facts = DeviceFacts()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for eui in range(EUI, EUI + 1000):
        for f_cnt in range(UPLINKS + 1):
            facts.uplink(eui, f_cnt, ANY, f_cnt * 600.0)
        facts.joined(eui, 1.5)
    for n in range(2 * OURS):
        facts.refused(Drop(DropReason.BAD_MIC, dev_eui=EUI + n, says="MIC wrong"), ANY, n + 0.5)
        facts.refused(Drop(DropReason.UNKNOWN_DEVICE, dev_addr=n), ANY, n + 0.5)
    took = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert took <= 1 << 20, took
