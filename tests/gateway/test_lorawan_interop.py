"""Network and scheduler against the demo's end device, an independent reading of LoRaWAN.

Time is the concentrator's counter alone; it starts shortly before it wraps.
"""

import pytest
from lorawan_network import ABP, AIR, APP_KEY, DEV_EUI, HEARD, JOIN_EUI, counted, otaa

from drivers.concentrator import COUNTER_MODULUS, Crc, RxPacket, TxStatus
from gateway.demo import device as far
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.scheduler import Scheduler
from gateway.lorawan.session import KnownState

ABP_KEYS = far.Keys(
    ABP.dev_eui, dev_addr=AIR.dev_addr, nwk_s_key=AIR.nwk_s_key, app_s_key=AIR.app_s_key
)


class Street:
    """One device, one gateway; an answer is ready `busy_us` after its uplink ended."""

    def __init__(self, keys: far.Keys, busy_us: int) -> None:
        self.device = far.Device(keys)
        self.network = Network([ABP, otaa()], KnownState(), EU868, counted(), heard=HEARD)
        self.scheduler, self.busy_us = Scheduler(), busy_us
        self.now = COUNTER_MODULUS - 3_000_000

    def send(self, uplink: far.Uplink, sf: int) -> far.Heard | None:
        """On the air, up, answered, down; what the device heard."""
        ends, frequency = self.now, 868_100_000
        self.device.sent(ends, frequency, sf)
        heard = RxPacket(
            uplink.phy_payload, ends, 1, frequency, 125_000, sf, 1, -99.0, -3.0, Crc.OK
        )
        outcome = self.network.receive(heard)
        assert not isinstance(outcome, Drop), outcome
        self.now = (self.now + 60_000_000) % COUNTER_MODULUS
        if outcome.answer is None:
            return None
        placed = self.scheduler.place(outcome.answer, ends, 1, (ends + self.busy_us) % 2**32)
        assert placed.status is TxStatus.OK
        due = self.scheduler.next_due_us()
        assert due is not None
        ((packet, _),) = self.scheduler.due(due)
        assert packet.counter_us is not None
        downlink = far.Downlink(
            packet.payload, packet.counter_us, 0, packet.frequency, packet.sf, packet.inverted
        )
        return self.device.hear(downlink)


@pytest.mark.parametrize("sf", range(7, 13))
@pytest.mark.parametrize("busy_us", [30_000, 1_500_000])
def test_device_hears_each_ack_in_rx1_or_rx2(sf: int, busy_us: int) -> None:
    street = Street(ABP_KEYS, busy_us)
    for _ in range(3):
        heard = street.send(street.device.uplink(5, b"level", confirmed=True), sf)
        assert heard is far.Heard.ACCEPTED
        assert street.device.acked


@pytest.mark.parametrize("busy_us", [30_000, 5_500_000])
def test_device_joins_in_rx1_or_rx2_and_goes_on_in_its_session(busy_us: int) -> None:
    street = Street(far.Keys(DEV_EUI, JOIN_EUI, APP_KEY), busy_us)
    for _ in range(2):
        assert street.send(street.device.join_request(), 10) is far.Heard.JOINED
        assert len(street.device.channels) == 8
        street.busy_us = 30_000
        confirmed = street.device.uplink(5, b"full", confirmed=True)
        assert street.send(confirmed, 7) is far.Heard.ACCEPTED
        assert street.send(street.device.uplink(5, b"full"), 7) is None
        street.busy_us = busy_us
