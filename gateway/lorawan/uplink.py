"""From a received packet to an authentic uplink: the MIC, the counter, the answer.

Rules:

- The session is the one of the frame's DevAddr whose MIC fits; the 32-bit counter follows from
  it (both roll-over candidates are tried: up to 65 535 frames may have gone unheard).
- A counter above the last is accepted, one below is a `replay`.
- An ABP device that was reset counts from 0 again, and cannot be told from somebody who replays
  its old frames: it is refused. With `reset_f_cnt` a counter below 256 opens a session of its own
  (D2: the reset counter rises, 255 times at most); what is replayed then is heard as new.
- The last counter again: an unconfirmed uplink is a `duplicate` (a second demodulator, or one of
  NbTrans repetitions). A confirmed one is a `duplicate` when it ended together with the first,
  else a retransmission: the device has not heard the ACK.
- Only the first copy of a frame moves anything: the MAC state, the ADR history, the counter. What
  is heard once more, by whomever, moves nothing.
- A confirmed uplink is acknowledged. ADRACKReq is answered, or the device would believe itself out
  of reach and fall back to slower data rates. MAC commands are answered; what the network wants
  from the device goes along (`requests`). Where there is nothing to say nothing is sent.
- A retransmission is answered with the same content under a fresh f_cnt_down; the time in it is
  that of the repeated frame.
- An ACK counts when a confirmed downlink awaits it.
"""

import hashlib
from dataclasses import dataclass, replace

from drivers.concentrator import RxPacket
from gateway.lorawan import mac, requests
from gateway.lorawan.activations import Activation, Activations, Frame
from gateway.lorawan.downlink import Answer, compose, data_windows, room
from gateway.lorawan.frame import FCtrl, MType
from gateway.lorawan.mac_uplink import Parsed
from gateway.lorawan.moment import Moment
from gateway.lorawan.outcome import Drop, DropReason, Uplink
from gateway.lorawan.plan import Plan
from gateway.lorawan.requests import Wish
from gateway.lorawan.session import Changes, Session
from native import frames

RESET_WITHIN = 256
"""An ABP device that begins anew is heard before this many frames, or it is taken for a replay."""
MAX_RESETS = 255


def receive_uplink(
    packet: RxPacket, moment: Moment, activations: Activations, plan: Plan
) -> Uplink | Drop:
    """Decode a data uplink of one of the sessions and decide what to answer."""
    dev_addr = frames.uplink_dev_addr(packet.payload)
    if dev_addr < 0:
        return Drop(DropReason.MALFORMED)
    candidates = activations.with_dev_addr(dev_addr)
    for activation in candidates:
        frame = activation.decode(packet, plan)
        if frame is not None and frame[2] >= activation.session.f_cnt_up:
            if _is_copy(packet, activation, frame):
                return Drop(DropReason.DUPLICATE, dev_addr, activation.device.dev_eui)
            return _Accepted(packet, moment, activation, frame, plan).outcome(activations)
        anew = activation.decode_begun_anew(packet, plan)
        if anew is not None and _may_begin_anew(activation, anew):
            return _begun_anew(packet, moment, activation, anew, activations, plan)
        if frame is not None or anew is not None:
            return _replay(activation, anew)
    return Drop(DropReason.BAD_MIC if candidates else DropReason.UNKNOWN_DEVICE, dev_addr)


def reading_id(session: Session, f_cnt: int) -> str:
    """D2's identity of an uplink: 32 hex digits."""
    identity = session.dev_eui.to_bytes(8, "big") + session.id + f_cnt.to_bytes(4, "big")
    return hashlib.sha256(identity).digest()[:16].hex()


def _is_copy(packet: RxPacket, activation: Activation, frame: Frame) -> bool:
    """Whether it is the last accepted frame once more, and nobody waits for its answer."""
    m_type, _, f_cnt, *_ = frame
    if f_cnt != activation.session.f_cnt_up:
        return False
    return m_type != MType.CONFIRMED_DATA_UP or activation.just_heard(packet)


def _may_begin_anew(activation: Activation, frame: Frame) -> bool:
    resets = activation.session.id[4]
    return activation.device.reset_f_cnt and frame[2] < RESET_WITHIN and resets < MAX_RESETS


def _begun_anew(
    packet: RxPacket,
    moment: Moment,
    activation: Activation,
    frame: Frame,
    activations: Activations,
    plan: Plan,
) -> Uplink:
    old = activation.session
    begun = activations.begin_anew(activation)
    uplink = _Accepted(packet, moment, begun, frame, plan).outcome(activations)
    changes = Changes((begun.session,), ((old.dev_eui, old.id),))
    return replace(uplink, changes=changes, begun_anew=True)


def _replay(activation: Activation, anew: Frame | None) -> Drop:
    session, device = activation.session, activation.device
    says = ""
    if anew is not None and anew[2] < RESET_WITHIN:
        says = (
            f"FCnt {anew[2]} after {session.f_cnt_up}: replayed, or the device was reset; if that"
            " is how it is, reset_f_cnt = true in devices.toml lets it begin anew"
        )
    return Drop(DropReason.REPLAY, session.dev_addr, device.dev_eui, says)


@dataclass(slots=True)
class _Accepted:
    """An accepted frame on its way to what it changes and what it is answered."""

    packet: RxPacket
    moment: Moment
    activation: Activation
    frame: Frame
    plan: Plan

    def outcome(self, activations: Activations) -> Uplink:
        m_type, f_ctrl, f_cnt, f_opts, f_port, frm_payload = self.frame
        session, before = self.activation.session, self.activation.session.mac
        retransmission = f_cnt == session.f_cnt_up
        confirmed = m_type == MType.CONFIRMED_DATA_UP
        parsed = mac.commands_of(f_opts, f_port, frm_payload, session.version)
        heard = mac.Heard(before)
        acknowledged = None
        session.f_cnt_up = f_cnt
        self.activation.hears(self.packet)
        settled = activations.settle(self.activation)
        if not retransmission:
            acknowledged = self._acknowledged(f_ctrl)
            heard = mac.hear(session.mac, parsed, self.plan)
            session.mac = heard.mac
            if heard.mac.link != before.link:
                self.activation.history = b""
        wish = self._wish(f_ctrl, f_cnt, retransmission)
        answer = self._answer(parsed, heard.waits, wish)
        changed = answer or heard.settled or acknowledged is not None
        return Uplink(
            device=self.activation.device,
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
            changes=replace(settled, sessions=(session,)) if changed else settled,
            acknowledged=acknowledged,
            status=heard.status,
            skipped_commands=heard.skipped,
        )

    def _acknowledged(self, f_ctrl: int) -> int | None:
        """The FCnt of our confirmed downlink that this uplink acknowledges."""
        session = self.activation.session
        awaited = session.mac.awaits_ack
        if awaited is not None:
            session.mac = replace(session.mac, awaits_ack=None)
        return awaited if f_ctrl & FCtrl.ACK else None

    def _wish(self, f_ctrl: int, f_cnt: int, retransmission: bool) -> Wish:
        state = self.activation.session.mac
        if retransmission:
            return requests.repeated(state, f_cnt)
        bits = requests.Bits(bool(f_ctrl & FCtrl.ADR), bool(f_ctrl & FCtrl.ADR_ACK_REQ))
        requests.follow(self.activation, self.packet, f_cnt, bits, self.plan)
        return requests.requests(self.activation, f_cnt, bits, self.moment, self.plan)

    def _answer(self, parsed: Parsed, waits: bool, wish: Wish) -> Answer | None:
        """A downlink if there is anything to say; it takes a downlink counter."""
        m_type, f_ctrl, f_cnt, *_ = self.frame
        confirmed = m_type == MType.CONFIRMED_DATA_UP
        replies = mac.answers(parsed, self.packet, self.moment) if parsed.commands else ()
        if not (confirmed or f_ctrl & FCtrl.ADR_ACK_REQ or waits or replies or wish.urgent):
            return None
        activation, session = self.activation, self.activation.session
        windows = data_windows(self.plan.region, self.plan.rx_of(session.mac), self.packet)
        composed = compose(
            session,
            activation.keys,
            ack=f_cnt if confirmed else None,
            adr=activation.device.adr,
            commands=(*replies, *wish.commands),
            application=None,
            room=room(windows),
        )
        requests.asked(activation, composed.commands, f_cnt, self.moment)
        return Answer(composed.phy_payload, windows)
