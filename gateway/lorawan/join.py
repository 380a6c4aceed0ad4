"""Over-the-air activation: which Join-Requests are accepted, and the session that they open.

Rules:

- The device is known by DevEUI, speaks with the JoinEUI of devices.toml, and its MIC fits.
- Its DevNonce is fresh (`gateway.lorawan.nonces`). JoinNonce is never used again: the join is on
  disk before its answer leaves.
- DevAddr is random under the NetID, and no other session has it as long as one is free.
- The session stays pending until its first uplink, and ends no other before that: its Join-Accept
  may be lost, its request an old one that was held back (`gateway.lorawan.activations`).
- The same Join-Request from a second demodulator is a `duplicate`, no misuse of a DevNonce.
- Who may join at all is asked last (`gateway.lorawan.join_control`); rejoins go on.
- While nothing can be kept (`disk_fails`) there is no join and no rejoin: one that is forgotten
  would be accepted once more (D1c).
- To a device of 1.1 we are a 1.1 network: its Join-Accept has OptNeg.
- Why one is refused is said for people to read: who stands before a device that does not join has
  only that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.concentrator import RxPacket
from gateway.lorawan.activation import Activation
from gateway.lorawan.activations import Activations, otaa_session_id
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer, join_windows
from gateway.lorawan.join_control import SAYS, JoinControl
from gateway.lorawan.keys import joined_keys
from gateway.lorawan.mac_state import Mac, RxParams
from gateway.lorawan.nonces import Nonces
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.plan import Plan
from gateway.lorawan.session import Changes, Join, Rejoin, Session
from native import join as frames
from native import join_1_1 as frames_1_1

RISING_DEV_NONCE = ("1.0.4", "1.1")
JOIN_REQUEST = 0xFF
"""JoinReqType of a Join-Request; a Rejoin-Request's is its type (LoRaWAN 1.1 §6.2.3)."""

NWK_ID_BITS = (6, 6, 9, 11, 12, 13, 15, 17)
"""Width of NwkID in a DevAddr by NetID type; the type's prefix stands before it (TS002-1.1.0)."""


@dataclass(frozen=True, slots=True)
class Admission:
    """An accepted request: what the session that it opens follows from.

    `rx` are the windows in which its answer is heard, `mac` what the device is set to by it;
    `tells` is False when that is what it had before: then no channels are told. `leaves` is what
    stays on disk of the request, `changed` are sessions that it altered.
    """

    device: Device
    kind: int
    join_eui: int
    nonce: int
    join_nonce: int
    rx: RxParams
    mac: Mac
    tells: bool = True
    joins: tuple[Join, ...] = ()
    rejoins: tuple[Rejoin, ...] = ()
    changed: tuple[Session, ...] = ()


class JoinServer:
    """Accepts Join-Requests, and opens sessions for accepted Rejoin-Requests too (`rejoin`)."""

    def __init__(
        self,
        devices: Mapping[int, Device],
        nonces: Nonces,
        plan: Plan,
        net_id: int,
        random_bytes: Callable[[int], bytes],
        control: JoinControl | None = None,
    ) -> None:
        """Without `control` every device may join at any time."""
        self.devices, self.nonces, self.plan, self.net_id = devices, nonces, plan, net_id
        self._random_bytes, self._control = random_bytes, control
        self.disk_fails = False

    def receive(self, packet: RxPacket, activations: Activations, now: float) -> Joined | Drop:
        """Check a Join-Request, received at `now` (s); an accepted one opens a pending session."""
        request = frames.parse_join_request(packet.payload)
        if request is None:
            return Drop(DropReason.MALFORMED)
        join_eui, dev_eui, dev_nonce = request
        device = self.devices.get(dev_eui)
        if device is None:
            return refused(DropReason.UNKNOWN_DEVICE, dev_eui, NOT_IN_FILE)
        if device.root_key is None:
            return refused(DropReason.NOT_OTAA, dev_eui, NOT_OTAA)
        join = Join(dev_eui, join_eui, dev_nonce, self.nonces.next_join_nonce(dev_eui))
        drop = self._refusal(packet, device, device.root_key, join, activations)
        drop = drop or self._held_back(dev_eui, now)
        if drop is not None:
            return drop
        self.nonces.spend(join)
        plan = self.plan
        admission = Admission(
            device, JOIN_REQUEST, join_eui, dev_nonce, join.join_nonce,
            plan.factory, plan.joined, joins=(join,),
        )  # fmt: skip
        return self.admit(packet, admission, activations)

    def _refusal(
        self,
        packet: RxPacket,
        device: Device,
        root_key: bytes,
        join: Join,
        activations: Activations,
    ) -> Drop | None:
        if join.join_eui != device.join_eui:
            says = f"JoinEUI differs: the device says {join.join_eui:016x}, devices.toml otherwise"
            return refused(DropReason.UNKNOWN_JOIN_EUI, device.dev_eui, says)
        if not frames.join_request_mic_ok(packet.payload, root_key):
            name = "NwkKey" if device.nwk_key else "AppKey"
            says = f"MIC wrong: {name} differs between the device and devices.toml"
            return refused(DropReason.BAD_MIC, device.dev_eui, says)
        whose = join.dev_eui, join.join_eui, join.dev_nonce
        if self.nonces.is_fresh(*whose, rising=device.lorawan in RISING_DEV_NONCE):
            return None
        if any(_opened(one, join, packet) for one in activations.of(device)):
            return Drop(DropReason.DUPLICATE, dev_eui=device.dev_eui)
        says = REUSED if self.nonces.has_spent(*whose) else NOT_RISING
        return refused(DropReason.DEV_NONCE_REUSED, device.dev_eui, says)

    def _held_back(self, dev_eui: int, now: float) -> Drop | None:
        if self.disk_fails:
            return refused(DropReason.DISK_FAILS, dev_eui, DISK_FAILS)
        reason = self._control.refusal(dev_eui, now) if self._control else None
        return None if reason is None else refused(reason, dev_eui, SAYS[reason])

    def admit(self, packet: RxPacket, admission: Admission, activations: Activations) -> Joined:
        """Open the pending session, and answer."""
        device = admission.device
        ended = activations.make_room(device)
        session = self._session(admission, activations)
        activations.add(device, session).hears(packet)
        answer = Answer(
            self._join_accept(admission, session),
            join_windows(self.plan.region, admission.rx, packet),
            dev_eui=device.dev_eui,
        )
        sessions = (*admission.changed, session)
        changes = Changes(sessions, ended, admission.joins, admission.rejoins)
        return Joined(device, session, answer, changes)

    def _session(self, admission: Admission, activations: Activations) -> Session:
        device, join_nonce, nonce = admission.device, admission.join_nonce, admission.nonce
        return Session(
            device.dev_eui,
            otaa_session_id(join_nonce, nonce),
            free_dev_addr(self.net_id, self._random_bytes(4), activations.has_dev_addr),
            *joined_keys(device, self.net_id, join_nonce, nonce),
            pending=True,
            version=device.session_version,
            net_id=self.net_id,
            mac=admission.mac,
        )

    def _join_accept(self, admission: Admission, session: Session) -> bytes:
        device, rx = admission.device, self.plan.rx_of(admission.mac)
        settings, delay = dl_settings(rx), rx.rx1_delay
        cf_list = self.plan.cf_list if admission.tells else b""
        nonce, net_id, dev_addr = admission.join_nonce, self.net_id, session.dev_addr
        if device.nwk_key is None:
            assert device.app_key is not None
            return frames.join_accept(
                device.app_key, nonce, net_id, dev_addr, settings, delay, cf_list
            )
        js_int_key, js_enc_key = frames_1_1.derive_join_keys(device.nwk_key, device.dev_eui)
        key = device.nwk_key if admission.kind == JOIN_REQUEST else js_enc_key
        request = admission.kind, admission.join_eui, admission.nonce
        return frames_1_1.join_accept(
            key, js_int_key, *request, nonce, net_id, dev_addr, settings, delay, cf_list
        )


NOT_IN_FILE = "unknown DevEUI: it is not in devices.toml"
NOT_OTAA = "devices.toml describes this device as ABP: give it join_eui and app_key to let it join"
REUSED = (
    "DevNonce reused: the device was reset and counts or draws anew, or somebody replays an old"
    " Join-Request; a device that tries on gets in with a DevNonce that it has not used yet"
)
NOT_RISING = (
    "DevNonce does not rise: the device was reset and counts anew, or it is older than devices.toml"
    " says; up to 1.0.3 the DevNonce is random (lorawan)"
)


DISK_FAILS = "the gateway's disk refuses, and no join may be forgotten: kogge status says why"


def refused(reason: DropReason, dev_eui: int, says: str) -> Drop:
    """A Join- or Rejoin-Request that is not accepted, and why, for people to read."""
    return Drop(reason, dev_eui=dev_eui, says=says, is_join=True)


def _opened(activation: Activation, join: Join, packet: RxPacket) -> bool:
    """Whether this session was just opened by a copy of `packet`."""
    session = activation.session
    same = session.pending and session.id[3:] == join.dev_nonce.to_bytes(2, "big")
    return same and activation.just_heard(packet)


def dl_settings(rx: RxParams) -> int:
    """DLSettings of a Join-Accept: RX1DROffset in bits 6..4, RX2's data rate in bits 3..0."""
    return rx.rx1_dr_offset << 4 | rx.rx2_data_rate


def free_dev_addr(net_id: int, drawn: bytes, taken: Callable[[int], bool]) -> int:
    """The DevAddr of `net_id` whose NwkAddr was drawn, or the next free one after it.

    The drawn one is shared when all are taken: sessions of one DevAddr are told apart by MIC.
    """
    prefix, bits = dev_addr_prefix(net_id)
    start, size = int.from_bytes(drawn, "big"), 1 << bits
    for n in range(size):
        dev_addr = prefix | (start + n) % size
        if not taken(dev_addr):
            return dev_addr
    return prefix | start % size


def dev_addr_prefix(net_id: int) -> tuple[int, int]:
    """The DevAddr of `net_id` with NwkAddr 0, and the width of NwkAddr in bits.

    The NetID's upper three bits are its type T; a DevAddr opens with T ones, a zero and the NwkID.
    """
    net_id_type = net_id >> 21
    nwk_id_bits = NWK_ID_BITS[net_id_type]
    nwk_addr_bits = 32 - (net_id_type + 1) - nwk_id_bits
    type_prefix = ((1 << net_id_type) - 1) << 1
    nwk_id = net_id & ((1 << nwk_id_bits) - 1)
    return (type_prefix << nwk_id_bits | nwk_id) << nwk_addr_bits, nwk_addr_bits
