"""The network and one of the demo's end devices for days, with loss and restarts.

The device is an independent reading of LoRaWAN; `violations` is what it holds against the network.
The network's disk knows what was committed, no more.
"""

from dataclasses import replace
from random import Random

from lorawan_network import ABP, AIR, APP_KEY, DEV_EUI, HEARD, JOIN_EUI, counted

from drivers.concentrator import Crc, RxPacket
from gateway.demo import device as far
from gateway.lorawan.device import Device, Version
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import Join, KnownState, Rejoin, Session

NWK_KEY = b"n" * 16
FLOOR = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}


def pair(version: Version, abp: bool) -> tuple[Device, far.Keys]:
    if abp:
        keys = far.Keys(
            ABP.dev_eui, dev_addr=AIR.dev_addr, nwk_s_key=AIR.nwk_s_key, app_s_key=AIR.app_s_key,
            lorawan=version,
        )  # fmt: skip
        return replace(ABP, lorawan=version), keys
    nwk_key = NWK_KEY if version == "1.1" else None
    device = Device(
        DEV_EUI, "far", lorawan=version, join_eui=JOIN_EUI, app_key=APP_KEY, nwk_key=nwk_key
    )
    return device, far.Keys(DEV_EUI, JOIN_EUI, APP_KEY, nwk_key=nwk_key or b"", lorawan=version)


class Days:
    """One device, heard at `snr` dB; a share of `loss` is lost each way."""

    def __init__(
        self,
        version: Version,
        abp: bool,
        seed: int,
        loss: float,
        snr: float,
        rx: RxParams | None = None,
    ) -> None:
        """`rx` are the windows that the operator wants; without it the region's."""
        self.rx = rx
        self.random, self.loss, self.snr = Random(seed), loss, snr
        self.entry, keys = pair(version, abp)
        self.device = far.Device(keys, adr=True, random=Random(seed))
        self.sessions: dict[bytes, Session] = {}
        self.joins: tuple[Join, ...] = ()
        self.rejoins: dict[int, Rejoin] = {}
        self.now_us = 0
        self.readings: set[str] = set()
        self.drops: list[DropReason] = []
        self.restart()

    def restart(self) -> None:
        sessions = tuple(replace(one) for one in self.sessions.values())
        known = KnownState(sessions, self.joins, rejoins=tuple(self.rejoins.values()))
        self.net = Network([self.entry], known, EU868, counted(), heard=HEARD, rx=self.rx)

    def send(self, uplink: far.Uplink) -> None:
        self.now_us += 60_000_000
        end, rate = self.now_us % 2**32, uplink.rate
        self.device.sent(end)
        snr = self.snr - 2 * uplink.power + self.random.gauss(0, 1.5)
        if self.random.random() < self.loss or snr < FLOOR[rate.sf]:
            return
        packet = RxPacket(
            uplink.phy_payload, end, 1, uplink.frequency, rate.bandwidth, rate.sf, 1, -99.0, snr,
            Crc.OK,
        )  # fmt: skip
        moment = Moment(self.now_us / 1e6, 1_790_000_000 * 10**9 + self.now_us * 1000)
        outcome = self.net.receive(packet, moment)
        if isinstance(outcome, Drop):
            self.drops.append(outcome.reason)
            return
        for _, ended in outcome.changes.ended:
            del self.sessions[ended]
        self.sessions |= {one.id: replace(one) for one in outcome.changes.sessions}
        self.joins += outcome.changes.joins
        self.rejoins |= {one.dev_eui: one for one in outcome.changes.rejoins}
        if not isinstance(outcome, Joined) and not outcome.retransmission:
            assert outcome.reading_id not in self.readings
            self.readings.add(outcome.reading_id)
        if outcome.answer is None or self.random.random() < self.loss:
            return
        window = self.random.choice(outcome.answer.windows)
        start, phy_payload = (end + window.delay_us) % 2**32, outcome.answer.phy_payload
        self.device.hear(
            far.Downlink(phy_payload, start, 0, window.frequency, window.sf, inverted=True)
        )

    def speak(self, confirmed: bool) -> None:
        self.send(self.device.uplink(5, b"level", confirmed))
        while (again := self.device.repetition()) is not None:
            self.send(again)

    def join(self) -> None:
        while self.device.activation is None:
            self.send(self.device.join_request())
