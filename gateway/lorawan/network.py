"""The LoRaWAN network server: one received packet in, what became of it out.

Rules:

- Pure: randomness and time are arguments. Strangers' bytes never raise.
- Memory runs ahead of the disk: `receive` has already altered its sessions when the caller commits
  `changes`. A failed commit therefore has to end the process; it starts again from the disk,
  where nothing stands that an answer has not yet promised. The other way round nothing is lost:
  an answer leaves only after its commit (D1a).
- While the disk refuses (D1c) there are no joins, no ABP device begins anew, and what the city has
  sent waits: each of them would be done twice if it were forgotten.
- NetID 0 is one of the two that private networks may use without asking.
- A device that left devices.toml is not heard any more; what the store keeps of it stays there.
  `describe` takes another devices.toml while everything goes on.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from drivers.concentrator import Crc, RxPacket
from gateway.lorawan import class_c
from gateway.lorawan.activation import Activation
from gateway.lorawan.activations import Activations
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.device import Device
from gateway.lorawan.frame import MType
from gateway.lorawan.join import JoinServer
from gateway.lorawan.join_control import JoinControl
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.moment import UNTIMED, Moment
from gateway.lorawan.nonces import Nonces
from gateway.lorawan.outcome import Drop, DropReason, Immediate, Outcome
from gateway.lorawan.plan import Plan
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.region import Region
from gateway.lorawan.rejoin import receive_rejoin
from gateway.lorawan.session import Changes, KnownState, Session
from gateway.lorawan.uplink import receive_uplink

PRIVATE_NET_ID = 0x000000


class Network:
    """All devices of this gateway: their sessions, and the nonces of their joins."""

    def __init__(
        self,
        devices: Iterable[Device],
        known: KnownState,
        region: Region,
        random_bytes: Callable[[int], bytes],
        net_id: int = PRIVATE_NET_ID,
        heard: Collection[int] = (),
        join_control: JoinControl | None = None,
        rx: RxParams | None = None,
        correlations: Correlations | None = None,
    ) -> None:
        """`heard` are the frequencies of this gateway's channels: joining devices are told them.

        `rx` are the windows that devices are to open; without it the region's. `devices` is what is
        described now, by DevEUI: whoever holds on to it sees it change. `correlations` are of all
        commands.
        """
        self.devices = {device.dev_eui: device for device in devices}
        self._plan = Plan.of(region, heard, rx)
        self._activations = Activations(self.devices.values(), known)
        self.downlinks = DownlinkQueue(known.downlinks, region.silence, correlations)
        nonces = Nonces(known.joins, known.rejoins)
        self._join_server = JoinServer(
            self.devices, nonces, self._plan, net_id, random_bytes, join_control
        )

    def everything(self) -> Changes:
        """All that a database has to know of devices, should it have lost some of it."""
        return replace(
            self._join_server.nonces.everything(),
            sessions=self._activations.sessions(),
            downlinks=self.downlinks.everything(),
        )

    def disk_fails(self, fails: bool) -> None:
        """Nothing can be kept for now; or again it can."""
        self._join_server.disk_fails = self._activations.disk_fails = fails
        self.downlinks.disk_fails = fails

    def describe(self, devices: Iterable[Device]) -> None:
        """These are the devices from now on. What stays as it is notices nothing."""
        described = {device.dev_eui: device for device in devices}
        for dev_eui in self.devices.keys() - described.keys():
            self._activations.forget(dev_eui)
        for dev_eui, device in described.items():
            if self.devices.get(dev_eui) != device:
                self._activations.describe(device)
        self.devices.clear()
        self.devices.update(described)

    def sessions(self, dev_eui: int) -> list[Activation]:
        """The session that a device uses, and those in which it was not heard yet."""
        return self._activations.of_dev_eui(dev_eui)

    def unused_sessions(self, dev_eui: int) -> list[Session]:
        """Those that are kept, but do not fit devices.toml."""
        return self._activations.aside(dev_eui)

    def adr_reason(self, dev_eui: int) -> str:
        """What ADR makes of a device, for people to read; "" as long as it was not heard."""
        found = self._activations.of_dev_eui(dev_eui)
        return next((one.adr_reason for one in found if not one.session.pending), "")

    def dev_nonces(self, dev_eui: int) -> int:
        """How many DevNonces a device has spent; 65 536 are all."""
        return self._join_server.nonces.spent(dev_eui)

    def downlink_now(self, dev_eui: int, moment: Moment) -> Immediate:
        """What a device that listens all the time can be sent at once; as `receive`, altered."""
        for activation in self._activations.of_dev_eui(dev_eui):
            if class_c.listens(activation, moment):
                answer, step = class_c.downlink_now(activation, moment, self._plan, self.downlinks)
                sessions = (activation.session,) if answer else ()
                changes = Changes(sessions, downlinks=step.downlinks)
                return Immediate(answer, changes, step.results)
        return Immediate(None, Changes(), ())

    def stands(self, number: int, moment: Moment) -> bool:
        """Whether what `downlink_now` has composed of this downlink may still be sent."""
        queued = self.downlinks.handed_over(number)
        if queued is None:
            return False
        found = self._activations.of_dev_eui(queued.order.dev_eui)
        mine = (one for one in found if one.session.id == queued.session)
        return any(class_c.stands(one, queued, moment) for one in mine)

    def receive(self, packet: RxPacket, moment: Moment = UNTIMED) -> Outcome:
        """Judge one packet off the air, which ended at `moment`; sessions that it alters are
        altered in place.
        """
        if packet.crc is not Crc.OK:
            return Drop(DropReason.BAD_CRC if packet.crc is Crc.BAD else DropReason.NO_CRC)
        if not packet.payload:
            return Drop(DropReason.MALFORMED)
        match packet.payload[0] >> 5:
            case MType.JOIN_REQUEST:
                return self._join_server.receive(packet, self._activations, moment.monotonic_s)
            case MType.UNCONFIRMED_DATA_UP | MType.CONFIRMED_DATA_UP:
                return receive_uplink(packet, moment, self._activations, self._plan, self.downlinks)
            case MType.REJOIN_REQUEST:
                return receive_rejoin(self._join_server, packet, self._activations)
        return Drop(DropReason.NOT_AN_UPLINK)
