"""What a network's LinkADRReq and ADR's back-off make of a virtual end device's settings."""

from random import Random

import pytest
from end_device_bench import ABP_1_0

from gateway.demo.device import Device
from gateway.demo.end_device.plan import AU915, EU868, US915, Plan
from gateway.demo.end_device.settings import LinkADR, Settings


def mask(cntl: int, channels: int, dr: int = 5, power: int = 1, nb_trans: int = 1) -> LinkADR:
    return LinkADR(dr, power, channels, cntl, nb_trans)


def told(settings: Settings, *block: LinkADR, adr: bool = True, may_keep: bool = True) -> int:
    return settings.link_adr(block, adr=adr, may_keep=may_keep)


@pytest.mark.parametrize(
    ("plan", "block", "enabled"),
    [
        (EU868, [mask(0, 0b101)], {0, 2}),
        (EU868, [mask(0, 0b001), mask(6, 0)], {0, 1, 2}),
        (US915, [mask(7, 0, 4), mask(0, 0xFF00, 3)], set(range(8, 16))),
        (US915, [mask(5, 0b10, 3)], {*range(8, 16), 65}),
        (US915, [mask(6, 0b1, 3)], {*range(64), 64}),
        (US915, [mask(7, 0b11, 4)], {64, 65}),
        (US915, [mask(4, 0x0F, 3)], {*range(64), 64, 65, 66, 67}),
        (AU915, [mask(7, 0, 6), mask(1, 0x00FF, 5)], set(range(16, 24))),
    ],
)
def test_link_adr_block_is_one_mask(plan: Plan, block: list[LinkADR], enabled: set[int]) -> None:
    settings = Settings(plan)
    assert told(settings, *block) == 0b111
    assert settings.enabled == enabled
    assert settings.dr == block[-1].dr


@pytest.mark.parametrize(
    ("block", "answer"),
    [
        ([mask(0, 0b1000)], 0b100),  # undefined; so no channel carries the data rate
        ([mask(0, 0)], 0b100),
        ([mask(3, 1)], 0b100),
        ([mask(0, 1, dr=7)], 0b101),
        ([mask(0, 1, power=8)], 0b011),
        ([mask(0, 1), mask(0, 1, dr=6)], 0b101),
    ],
)
def test_a_link_adr_block_that_cannot_be_done_changes_nothing(
    block: list[LinkADR], answer: int
) -> None:
    settings = Settings(EU868)
    assert told(settings, *block) == answer
    assert settings == Settings(EU868)


def test_fifteen_keeps_what_is_set_since_1_0_4_only() -> None:
    settings = Settings(EU868)
    assert told(settings, mask(0, 0b111, dr=15, power=15, nb_trans=2)) == 0b111
    assert (settings.dr, settings.tx_power, settings.nb_trans) == (0, 0, 2)
    assert told(settings, mask(0, 0b111, dr=15, power=15), may_keep=False) == 0b001


def test_without_adr_only_channels_and_repetitions_are_the_networks() -> None:
    settings = Settings(EU868)
    assert told(settings, mask(0, 0b1, dr=3, power=4, nb_trans=3), adr=False) == 0b111
    assert (settings.dr, settings.tx_power, settings.nb_trans) == (0, 0, 3)


def test_adr_backoff_restores_power_then_slows_down_then_opens_all_channels() -> None:
    settings = Settings(EU868)
    told(settings, mask(0, 0b1, dr=2, power=5, nb_trans=3))
    seen: list[tuple[int, tuple[int, int, int, int]]] = []
    for unanswered in range(64 + 32 * 6):
        settings.back_off(unanswered)
        state = settings.tx_power, settings.dr, settings.nb_trans, len(settings.enabled)
        if not seen or seen[-1][1] != state:
            seen.append((unanswered, state))
    assert seen == [
        (0, (5, 2, 3, 1)),
        (96, (0, 2, 3, 1)),
        (128, (0, 1, 3, 1)),
        (160, (0, 0, 3, 1)),
        (192, (0, 0, 1, 3)),
    ]


def test_fixed_plans_answer_on_their_own_channels_and_data_rates() -> None:
    device = Device(ABP_1_0, plan=US915, random=Random(3))
    told(device.settings, mask(7, 0, 4), mask(1, 0x0001, 3))
    uplink = device.uplink(1, b"x")
    assert (uplink.frequency, uplink.rate.sf) == (905_500_000, 7)  # channel 16
    rx1, rx2 = device.sent(0)
    assert (rx1.frequency, rx1.sf, rx1.bandwidth) == (923_300_000, 7, 500_000)
    assert (rx2.frequency, rx2.sf, rx2.bandwidth) == (923_300_000, 12, 500_000)
