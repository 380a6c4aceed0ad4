"""What of its counter a session is first heard with."""

import pytest
from lorawan_network import ABP, AIR, network, packet, reason, uplink

from gateway.lorawan.outcome import DropReason


@pytest.mark.parametrize("f_cnt", [0, 65_535, 65_536, 200_000, 589_822])
def test_abp_device_that_has_counted_for_years_is_heard_at_once(f_cnt: int) -> None:
    net = network([ABP])
    assert uplink(net.receive(packet(AIR.uplink(f_cnt)))).f_cnt == f_cnt
    assert uplink(net.receive(packet(AIR.uplink(f_cnt + 1)))).f_cnt == f_cnt + 1
    assert reason(net.receive(packet(AIR.uplink(f_cnt)))) is DropReason.REPLAY


def test_first_counter_has_a_bound() -> None:
    assert reason(network([ABP]).receive(packet(AIR.uplink(589_824)))) is DropReason.BAD_MIC
