"""One device of the demo, an independent reading of LoRaWAN, and its network."""

from dataclasses import dataclass, field, replace

import pytest
from lorawan_network import (
    ABP,
    network,
    uplink,
)

from drivers.concentrator import Crc, RxPacket, TxStatus
from gateway.demo import device as far
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.order import Order
from gateway.lorawan.outcome import Uplink

KEYS = far.Keys(ABP.dev_eui, dev_addr=ABP.dev_addr or 0, nwk_s_key=b"N" * 16, app_s_key=b"A" * 16)
KEYS_1_1 = replace(
    KEYS, lorawan="1.1", s_nwk_s_int_key=b"S" * 16, nwk_s_enc_key=b"E" * 16, nwk_s_key=b"F" * 16
)
ABP_1_1 = replace(
    ABP,
    lorawan="1.1",
    nwk_s_key=None,
    f_nwk_s_int_key=b"F" * 16,
    s_nwk_s_int_key=b"S" * 16,
    nwk_s_enc_key=b"E" * 16,
)
SECOND = 1_000_000
UNIX_S = 1_790_000_000
BOTH = pytest.mark.parametrize(("keys", "entry"), [(KEYS, ABP), (KEYS_1_1, ABP_1_1)])


@dataclass
class Street:
    """One device and its network; `now` in seconds."""

    keys: far.Keys = field(default_factory=lambda: KEYS)
    entry: Device = ABP
    now: float = 100.0

    def __post_init__(self) -> None:
        self.network: Network = network([self.entry])
        self.device = far.Device(self.keys, device_class=self.entry.device_class)

    @property
    def moment(self) -> Moment:
        return Moment(self.now, round((UNIX_S + self.now) * 1e9))

    def order(self, name: str = "a", **changes: object) -> None:
        order = replace(Order(name, ABP.dev_eui, 10, b"open"), **changes)  # type: ignore[arg-type]
        assert self.network.downlinks.put(order, None).results == ()

    def speaks(self, *, confirmed: bool = False, sf: int = 7) -> Uplink:
        self.device.settings.dr = 12 - sf
        sent = self.device.uplink(2, b"level", confirmed)
        self.device.sent(self.counter)
        heard = RxPacket(
            sent.phy_payload, self.counter, 1, sent.frequency, 125_000, sf, 1, -99.0, 5.0, Crc.OK
        )
        return uplink(self.network.receive(heard, self.moment))

    @property
    def counter(self) -> int:
        return round(self.now * SECOND) % 2**32

    def hears(self, answer: Answer | None, window: int = 0) -> far.Heard:
        """In one of the answer's windows."""
        assert answer is not None
        into = answer.windows[window]
        at = (self.counter + into.delay_us) % 2**32
        heard = self.device.hear(
            far.Downlink(answer.phy_payload, at, 0, into.frequency, into.sf, inverted=True)
        )
        assert self.device.violations == []
        return heard

    def sent(self, answer: Answer | None, status: TxStatus = TxStatus.OK) -> list[str]:
        assert answer is not None
        assert answer.downlink is not None
        step = self.network.downlinks.sent(answer.downlink, status)
        return [result.status for result in step.results]

    def listens(self) -> Answer | None:
        return self.network.downlink_now(ABP.dev_eui, self.moment).answer
