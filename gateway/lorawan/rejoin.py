"""Rejoin-Requests of LoRaWAN 1.1 (§6.2.4): a device in a session asks for a new one.

Rules:

- Type 0 and 2 are signed with SNwkSIntKey of the session that the device is in, carry its NetID,
  and their RJcount0 rises within it. Type 0 sets the radio anew, type 2 leaves it as it is.
- Type 1 is signed with JSIntKey, carries the JoinEUI, and its RJcount1 rises for ever: it finds a
  way back for a device that the network has lost. It says nothing of the session that the device
  is in: none ends by it, it may be any pending one.
- A type 0 or 2 out of a pending session proves that the device has moved into it: the older ones
  end, before the new one is opened.
- The new session's id is JoinNonce ‖ RJcount (D2). It stays pending until its first uplink, or type
  0 or 2.
- The answer is heard where the device listens now, after the delays of a Join-Accept. In a session
  where nobody knows that, type 0 and 2 wait: of type 2 the new session would have the same doubt,
  and no answer would ever end it.
"""

from dataclasses import replace

from drivers.concentrator import RxPacket
from gateway.lorawan.activation import Activation
from gateway.lorawan.activations import Activations
from gateway.lorawan.device import Device
from gateway.lorawan.join import DISK_FAILS, NOT_IN_FILE, Admission, JoinServer, refused
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.requests import windows_in_doubt
from gateway.lorawan.session import Changes, Rejoin
from native import join_1_1 as frames

KEEPS_RADIO = 2
NOT_1_1 = "a Rejoin-Request, but devices.toml does not describe an OTAA device of LoRaWAN 1.1"
IN_DOUBT = (
    "its receive windows are being moved: it rejoins once it was heard; nothing is to be done"
)
OLD_COUNT = "RJcount reused: replayed, or the device has lost its counter; it has to join anew"


def receive_rejoin(server: JoinServer, packet: RxPacket, activations: Activations) -> Joined | Drop:
    """Check a Rejoin-Request; an accepted one opens a pending session."""
    request = frames.parse_rejoin_request(packet.payload)
    if request is None:
        return Drop(DropReason.MALFORMED)
    kind, eui, dev_eui, count = request
    device = server.devices.get(dev_eui)
    if device is None:
        return refused(DropReason.UNKNOWN_DEVICE, dev_eui, NOT_IN_FILE)
    if device.nwk_key is None:
        return refused(DropReason.NOT_OTAA, dev_eui, NOT_1_1)
    if any(_opened(one, count, packet) for one in activations.of(device)):
        return Drop(DropReason.DUPLICATE, dev_eui=dev_eui)
    if server.disk_fails:
        return refused(DropReason.DISK_FAILS, dev_eui, DISK_FAILS)
    if kind == 1:
        return _from_anywhere(server, packet, device, eui, count, activations)
    return _in_session(server, packet, device, kind, eui, count, activations)


def _from_anywhere(
    server: JoinServer,
    packet: RxPacket,
    device: Device,
    join_eui: int,
    count: int,
    activations: Activations,
) -> Joined | Drop:
    assert device.nwk_key is not None
    if join_eui != device.join_eui:
        says = f"JoinEUI differs: the device says {join_eui:016x}, devices.toml otherwise"
        return refused(DropReason.UNKNOWN_JOIN_EUI, device.dev_eui, says)
    js_int_key, _ = frames.derive_join_keys(device.nwk_key, device.dev_eui)
    if not frames.rejoin_request_mic_ok(packet.payload, js_int_key):
        says = "MIC wrong: NwkKey differs between the device and devices.toml"
        return refused(DropReason.BAD_MIC, device.dev_eui, says)
    if count <= server.nonces.last_rj_count_1(device.dev_eui, join_eui):
        return refused(DropReason.RJ_COUNT_REUSED, device.dev_eui, OLD_COUNT)
    in_use = [one for one in activations.of(device) if not one.session.pending]
    rx = server.plan.rx_of(in_use[0].session.mac) if in_use else server.plan.rx
    return _admit(server, packet, device, 1, count, count, rx, None, activations)


def _in_session(
    server: JoinServer,
    packet: RxPacket,
    device: Device,
    kind: int,
    net_id: int,
    count: int,
    activations: Activations,
) -> Joined | Drop:
    for activation in activations.of(device):
        session = activation.session
        if frames.rejoin_request_mic_ok(packet.payload, session.s_nwk_s_int_key):
            break
    else:
        says = "MIC wrong: this session is not known here; the device has to join anew"
        return refused(DropReason.BAD_MIC, device.dev_eui, says)
    if net_id != session.net_id:
        says = f"NetID differs: the device says {net_id:06x}, this network is {session.net_id:06x}"
        return refused(DropReason.UNSUPPORTED, device.dev_eui, says)
    if count <= session.rj_count_0:
        return refused(DropReason.RJ_COUNT_REUSED, device.dev_eui, OLD_COUNT)
    if windows_in_doubt(session):
        return refused(DropReason.WINDOWS_IN_DOUBT, device.dev_eui, IN_DOUBT)
    session.rj_count_0 = count
    assert device.join_eui is not None
    rj_count_1 = server.nonces.last_rj_count_1(device.dev_eui, device.join_eui)
    rx = server.plan.rx_of(session.mac)
    return _admit(server, packet, device, kind, count, rj_count_1, rx, activation, activations)


def _admit(
    server: JoinServer,
    packet: RxPacket,
    device: Device,
    kind: int,
    count: int,
    rj_count_1: int,
    rx: RxParams,
    asked_in: Activation | None,
    activations: Activations,
) -> Joined:
    assert device.join_eui is not None
    join_nonce = server.nonces.next_join_nonce(device.dev_eui)
    rejoin = Rejoin(device.dev_eui, device.join_eui, rj_count_1, join_nonce)
    server.nonces.spend_rejoin(rejoin)
    settled = Changes() if asked_in is None else activations.settle(asked_in)
    mac = server.plan.joined
    if asked_in is not None and kind == KEEPS_RADIO:
        mac = replace(
            asked_in.session.mac,
            requested=(), tries=0, status_asked=None,
            confirmed=None, confirmed_before=None, awaits_ack=None,
        )  # fmt: skip
    joined = server.admit(
        packet,
        Admission(
            device, kind, device.join_eui, count, join_nonce, rx, mac,
            tells=kind != KEEPS_RADIO, rejoins=(rejoin,),
            changed=() if asked_in is None else (asked_in.session,),
        ),
        activations,
    )  # fmt: skip
    ended = (*settled.ended, *joined.changes.ended)
    return replace(joined, changes=replace(joined.changes, ended=ended))


def _opened(activation: Activation, count: int, packet: RxPacket) -> bool:
    """Whether this session was just opened by a copy of `packet`."""
    session = activation.session
    same = session.pending and session.id[3:] == count.to_bytes(2, "big")
    return same and activation.just_heard(packet)
