"""One ABP device of 1.0.x on the air: what it says and hears, and the network's disk.

Commands are the bytes that they are on the air, in hex (TS001-1.0.4 §5).
"""

from collections.abc import Iterable
from dataclasses import replace

from lorawan_device import Downlink
from lorawan_network import ABP, ABP_ADDR, ABP_EUI, AIR, EXTRA, HEARD, counted, packet, uplink

from gateway.lorawan.device import Device
from gateway.lorawan.mac_state import Mac, RxParams
from gateway.lorawan.moment import UNTIMED, Moment
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Uplink
from gateway.lorawan.region import Region
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import KnownState, Session

ADR, ADR_ACK_REQ, ACK = 0x80, 0x40, 0x20
SETTLED = Mac(channels=EXTRA, status_asked=0)
KEYS = (b"N" * 16, b"N" * 16, b"N" * 16, b"A" * 16)


def session(mac: Mac) -> Session:
    return Session(ABP_EUI, bytes.fromhex("01ab12cd00"), ABP_ADDR, *KEYS, mac=mac)


class Street:
    """One device on the air; its counters, and the network's disk as the commits made it."""

    def __init__(
        self,
        mac: Mac = SETTLED,
        device: Device = ABP,
        heard: Iterable[int] = HEARD,
        region: Region = EU868,
        rx: RxParams | None = None,
    ) -> None:
        """`rx` are the windows that the operator wants; without it the region's."""
        self.device, self.heard, self.region, self.rx = device, tuple(heard), region, rx
        self.disk = session(mac)
        self.f_cnt, self.f_cnt_down = 0, -1
        self.restart()

    def restart(self) -> None:
        known = KnownState((replace(self.disk),))
        self.net = Network(
            [self.device], known, self.region, counted(), heard=self.heard, rx=self.rx
        )

    def say(
        self,
        f_opts: str = "",
        f_ctrl: int = 0,
        *,
        snr: float | None = 8.5,
        sf: int = 9,
        at: Moment = UNTIMED,
        confirmed: bool = False,
        again: bool = False,
        port_0: str | None = None,
        frequency: int | None = None,
    ) -> Uplink:
        self.f_cnt += not again
        commands = bytes.fromhex(f_opts)
        frame = AIR.uplink(
            self.f_cnt,
            b"x" if port_0 is None else bytes.fromhex(port_0),
            1 if port_0 is None else 0,
            f_ctrl=f_ctrl,
            f_opts=commands,
            confirmed=confirmed,
        )
        heard = replace(packet(frame), snr=snr, sf=sf)
        if frequency is not None:
            heard = replace(heard, frequency=frequency)
        got = uplink(self.net.receive(heard, at))
        for one in got.changes.sessions:
            self.disk = replace(one)
        return got

    def hears(self, got: Uplink) -> Downlink:
        assert got.answer is not None
        assert got.changes.sessions, "what is answered is committed"
        low = got.answer.phy_payload[6] | got.answer.phy_payload[7] << 8
        assert low > self.f_cnt_down, "no downlink counter comes twice"
        self.f_cnt_down = low
        downlink = AIR.hears(got.answer.phy_payload, low)
        assert downlink is not None
        return downlink

    def told(self, f_opts: str = "", f_ctrl: int = 0, **more: object) -> str:
        """The MAC commands that the answer to an uplink carries, hex; "" without an answer."""
        got = self.say(f_opts, f_ctrl, **more)  # type: ignore[arg-type]
        return "" if got.answer is None else self.hears(got).commands.hex()
