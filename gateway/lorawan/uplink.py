"""From a received packet to an authentic uplink: the MIC, the counter, the answer.

Rules:

- The session is the one of the frame's DevAddr whose MIC fits; the 32-bit counter follows from
  it (both roll-over candidates are tried: up to 65 535 frames may have gone unheard).
- A counter above the last is accepted, one below is a `replay`.
- The last counter again: an unconfirmed uplink is a `duplicate` (a second demodulator, or one of
  NbTrans repetitions). A confirmed one is a `duplicate` when it ended together with the first,
  else a retransmission: the device has not heard the ACK.
- A confirmed uplink is acknowledged. ADRACKReq is answered with an empty downlink, or the device
  would believe itself out of reach and fall back to slower data rates.
- MAC commands (FOpts, FPort 0) are handed on and not answered.
"""

import hashlib

from drivers.concentrator import RxPacket
from gateway.lorawan.activations import Activation, Activations
from gateway.lorawan.downlink import Answer, data_windows, empty_downlink
from gateway.lorawan.frame import FCtrl, MType
from gateway.lorawan.outcome import Drop, DropReason, Uplink
from gateway.lorawan.region import Region
from gateway.lorawan.session import Changes, Session
from native import frames

Frame = tuple[int, int, int, bytes, int, bytes]
"""MType, FCtrl, FCnt32, FOpts, FPort or -1, FRMPayload: as `native.frames` decodes it."""


def receive_uplink(packet: RxPacket, activations: Activations, region: Region) -> Uplink | Drop:
    """Decode a data uplink of one of the sessions and decide what to answer."""
    dev_addr = frames.uplink_dev_addr(packet.payload)
    if dev_addr < 0:
        return Drop(DropReason.MALFORMED)
    candidates = activations.with_dev_addr(dev_addr)
    for activation in candidates:
        frame = activation.keys.decode_uplink(packet.payload, activation.session.f_cnt_up)
        if frame is not None:
            reason = _refusal(packet, activation, frame)
            if reason is not None:
                return Drop(reason, dev_addr, activation.device.dev_eui)
            return _accept(packet, activation, frame, activations, region)
    return Drop(DropReason.BAD_MIC if candidates else DropReason.UNKNOWN_DEVICE, dev_addr)


def reading_id(session: Session, f_cnt: int) -> str:
    """D2's identity of an uplink: 32 hex digits."""
    identity = session.dev_eui.to_bytes(8, "big") + session.id + f_cnt.to_bytes(4, "big")
    return hashlib.sha256(identity).digest()[:16].hex()


def _refusal(packet: RxPacket, activation: Activation, frame: Frame) -> DropReason | None:
    m_type, _, f_cnt, *_ = frame
    last = activation.session.f_cnt_up
    if f_cnt < last:
        return DropReason.REPLAY
    if f_cnt == last and (m_type != MType.CONFIRMED_DATA_UP or activation.just_heard(packet)):
        return DropReason.DUPLICATE
    return None


def _accept(
    packet: RxPacket,
    activation: Activation,
    frame: Frame,
    activations: Activations,
    region: Region,
) -> Uplink:
    m_type, f_ctrl, f_cnt, f_opts, f_port, frm_payload = frame
    device, session = activation.device, activation.session
    retransmission = f_cnt == session.f_cnt_up
    confirmed = m_type == MType.CONFIRMED_DATA_UP
    session.f_cnt_up = f_cnt
    activation.hears(packet)
    settled = _settle(activation, activations)
    answer = None
    if confirmed or f_ctrl & FCtrl.ADR_ACK_REQ:
        phy_payload = empty_downlink(session, activation.keys, ack=confirmed)
        answer = Answer(phy_payload, data_windows(region, packet))
    return Uplink(
        device=device,
        session=session,
        f_cnt=f_cnt,
        f_port=f_port if f_port >= 0 else None,
        confirmed=confirmed,
        frm_payload=frm_payload,
        f_opts=f_opts,
        reading_id=reading_id(session, f_cnt),
        session_hex=session.id.hex(),
        retransmission=retransmission,
        answer=answer,
        changes=settled or (Changes((session,)) if answer else Changes()),
    )


def _settle(activation: Activation, activations: Activations) -> Changes | None:
    """The first uplink of a pending session: the device has moved into it, the other ends."""
    session = activation.session
    if not session.pending:
        return None
    session.pending = False
    others = [one for one in activations.of(activation.device) if one is not activation]
    return Changes((session,), activations.end(others))
