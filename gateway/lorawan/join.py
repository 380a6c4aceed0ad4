"""Over-the-air activation: which Join-Requests are accepted, and the session that they open.

Rules:

- The device is known by DevEUI, speaks with the JoinEUI of devices.toml, and its MIC fits.
- A DevNonce is accepted once per DevEUI and JoinEUI; in 1.0.4 it also has to rise
  (TS001-1.0.4 §6.2.4), before it is random.
- JoinNonce rises per device and is never used again: the join is on disk before its answer leaves.
- DevAddr is random under the NetID, and no other session has it as long as one is free.
- The session stays pending until its first uplink (`gateway.lorawan.session`).
- The same Join-Request from a second demodulator is a `duplicate`, no misuse of a DevNonce.
"""

from collections.abc import Callable, Iterable, Mapping

from drivers.concentrator import RxPacket
from gateway.lorawan.activations import Activation, Activations, otaa_session_id
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer, join_windows
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.plan import Plan
from gateway.lorawan.session import Changes, Join, Session
from native import join as frames

RISING_DEV_NONCE = ("1.0.4",)

NWK_ID_BITS = (6, 6, 9, 11, 12, 13, 15, 17)
"""Width of NwkID in a DevAddr by NetID type; the type's prefix stands before it (TS002-1.1.0)."""


class JoinServer:
    """Accepts Join-Requests; remembers every nonce that was ever spent."""

    def __init__(
        self,
        devices: Mapping[int, Device],
        joins: Iterable[Join],
        plan: Plan,
        net_id: int,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._devices, self._plan, self._net_id = devices, plan, net_id
        self._random_bytes = random_bytes
        self._dev_nonces: dict[tuple[int, int], set[int]] = {}
        self._join_nonces: dict[int, int] = {}
        for join in joins:
            self._spend(join)

    def receive(self, packet: RxPacket, activations: Activations) -> Joined | Drop:
        """Check a Join-Request; an accepted one opens a pending session."""
        request = frames.parse_join_request(packet.payload)
        if request is None:
            return Drop(DropReason.MALFORMED)
        join_eui, dev_eui, dev_nonce = request
        device = self._devices.get(dev_eui)
        if device is None:
            return Drop(DropReason.UNKNOWN_DEVICE, dev_eui=dev_eui)
        if device.app_key is None:
            return Drop(DropReason.NOT_OTAA, dev_eui=dev_eui)
        join = Join(dev_eui, join_eui, dev_nonce, self._join_nonces.get(dev_eui, 0) + 1)
        reason = self._refusal(packet, device, device.app_key, join, activations)
        if reason is not None:
            return Drop(reason, dev_eui=dev_eui)
        self._spend(join)
        return self._accept(packet, device, device.app_key, join, activations)

    def _refusal(
        self,
        packet: RxPacket,
        device: Device,
        app_key: bytes,
        join: Join,
        activations: Activations,
    ) -> DropReason | None:
        if join.join_eui != device.join_eui:
            return DropReason.UNKNOWN_JOIN_EUI
        if not frames.join_request_mic_ok(packet.payload, app_key):
            return DropReason.BAD_MIC
        spent = self._dev_nonces.get((join.dev_eui, join.join_eui), set())
        if join.dev_nonce in spent:
            copied = any(_opened(one, join, packet) for one in activations.of(device))
            return DropReason.DUPLICATE if copied else DropReason.DEV_NONCE_REUSED
        if device.lorawan in RISING_DEV_NONCE and any(join.dev_nonce < nonce for nonce in spent):
            return DropReason.DEV_NONCE_REUSED
        return None

    def _spend(self, join: Join) -> None:
        self._dev_nonces.setdefault((join.dev_eui, join.join_eui), set()).add(join.dev_nonce)
        last = self._join_nonces.get(join.dev_eui, 0)
        self._join_nonces[join.dev_eui] = max(last, join.join_nonce)

    def _accept(
        self,
        packet: RxPacket,
        device: Device,
        app_key: bytes,
        join: Join,
        activations: Activations,
    ) -> Joined:
        ended = activations.end(one for one in activations.of(device) if one.session.pending)
        session = self._session(app_key, join, activations)
        activations.add(device, session).hears(packet)
        phy_payload = frames.join_accept(
            app_key,
            join.join_nonce,
            self._net_id,
            session.dev_addr,
            dl_settings(self._plan.rx),
            self._plan.rx.rx1_delay,
            self._plan.cf_list,
        )
        answer = Answer(phy_payload, join_windows(self._plan.region, packet))
        return Joined(device, session, answer, Changes((session,), ended, (join,)))

    def _session(self, app_key: bytes, join: Join, activations: Activations) -> Session:
        nwk_s_key, app_s_key = frames.derive_session_keys(
            app_key, join.join_nonce, self._net_id, join.dev_nonce
        )
        return Session(
            dev_eui=join.dev_eui,
            id=otaa_session_id(join.join_nonce, join.dev_nonce),
            dev_addr=free_dev_addr(self._net_id, self._random_bytes(4), activations.has_dev_addr),
            f_nwk_s_int_key=nwk_s_key,
            s_nwk_s_int_key=nwk_s_key,
            nwk_s_enc_key=nwk_s_key,
            app_s_key=app_s_key,
            pending=True,
            net_id=self._net_id,
            mac=self._plan.joined,
        )


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
