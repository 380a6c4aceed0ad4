"""From a received packet to an authentic uplink: the MIC, the counter, the answer.

Rules:

- The session is the one of the frame's DevAddr whose MIC fits; the 32-bit counter follows from
  it (both roll-over candidates are tried: up to 65 535 frames may have gone unheard).
- A counter above the last is accepted, one below is a `replay`.
- An ABP device that was reset counts from 0 again, and cannot be told from somebody who replays
  its old frames: it is refused. With `reset_f_cnt` a counter below 256 opens a session of its own
  (D2: the reset counter rises, 255 times at most, and the 256th is refused by name); what is
  replayed then is heard as new.
- The last counter again, with another payload: the device has lost a count (a power cut before it
  was kept), or was reset. Its ACK would promise a reading that nobody keeps: it is a `replay`.
- The last frame again: an unconfirmed uplink is a `duplicate` (a second demodulator, or one of
  NbTrans repetitions). A confirmed one is a `duplicate` when it ended together with the first,
  else a retransmission: the device has not heard the ACK.
- Only the first copy of a frame moves anything: the MAC state, the ADR history, the counter. What
  is heard once more, by whomever, moves nothing.
- A confirmed uplink is acknowledged. ADRACKReq is answered, or the device would believe itself out
  of reach and fall back to slower data rates. MAC commands are answered; what the network wants
  from the device goes along (`requests`). Where there is nothing to say nothing is sent.
- A retransmission is answered with the same content under a fresh f_cnt_down; the time in it is
  that of the repeated frame. What the city has sent waits for the next new uplink: anybody can
  repeat a frame, and the device may not listen. `MOST_REPEATS` are answered: each is a commit and
  airtime.
- An ACK counts when a confirmed downlink awaits it, and was out when the uplink began.
- What the city has sent goes along, or is worth a downlink of its own. One that fits only one of
  the windows goes in that one.
"""

import hashlib
from dataclasses import dataclass, replace
from math import inf

from drivers.concentrator import RxPacket
from gateway.lorawan import mac, requests
from gateway.lorawan.activation import Activation, Frame, said_in
from gateway.lorawan.activations import Activations
from gateway.lorawan.airtime import uplink_airtime_us
from gateway.lorawan.downlink import (
    Answer,
    application_of,
    compose,
    data_windows,
    payload_room,
    room,
    windows_for,
)
from gateway.lorawan.frame import FCtrl, MType
from gateway.lorawan.mac_commands import MacCommand
from gateway.lorawan.mac_state import Mac, RxParams
from gateway.lorawan.mac_uplink import DeviceModeInd, Parsed
from gateway.lorawan.moment import Moment
from gateway.lorawan.order import NOTHING, Queued, Step
from gateway.lorawan.outcome import Drop, DropReason, Uplink
from gateway.lorawan.plan import Plan
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.requests import Bits
from gateway.lorawan.session import Session
from native import frames

ADR, ADR_ACK_REQ, ACK = int(FCtrl.ADR), int(FCtrl.ADR_ACK_REQ), int(FCtrl.ACK)
"""As plain numbers: each uplink asks for them."""
MOST_REPEATS = 14
"""NbTrans is 15 at most (TS001-1.0.4 §5.3); what comes more often is somebody else."""
RESET_WITHIN = 256
"""An ABP device that begins anew is heard before this many frames, or it is taken for a replay."""
MAX_RESETS = 255
NO_RESETS = (
    f"it counts from 0 again, and all its {MAX_RESETS} resets are spent: by its restarts, or by"
    " somebody who replays its old frames; give it another dev_addr, in the device and in"
    " devices.toml"
)


def receive_uplink(
    packet: RxPacket,
    moment: Moment,
    activations: Activations,
    plan: Plan,
    downlinks: DownlinkQueue,
) -> Uplink | Drop:
    """Decode a data uplink of one of the sessions and decide what to answer."""
    dev_addr = frames.uplink_dev_addr(packet.payload)
    if dev_addr < 0:
        return Drop(DropReason.MALFORMED)
    candidates = activations.with_dev_addr(dev_addr)
    for activation in candidates:
        frame = activation.decode(packet, plan)
        if frame is not None and activation.is_next_or_last(frame):
            if _is_copy(packet, activation, frame):
                return Drop(DropReason.DUPLICATE, dev_addr, activation.device.dev_eui)
            accepted = _Accepted(packet, moment, activation, frame, plan, downlinks)
            return accepted.outcome(activations)
        anew = activation.decode_begun_anew(packet, plan)
        if anew is not None and _may_begin_anew(activation, anew):
            if activations.disk_fails:
                return Drop(DropReason.DISK_FAILS, dev_addr, activation.device.dev_eui)
            begun = activations.begin_anew(activation)
            accepted = _Accepted(packet, moment, begun, anew, plan, downlinks)
            return _begun_anew(accepted, activation.session, activations)
        if frame is not None or anew is not None:
            return _replay(activation, frame, anew)
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
    if m_type != MType.CONFIRMED_DATA_UP or activation.just_heard(packet):
        return True
    return activation.repeats >= MOST_REPEATS


def _may_begin_anew(activation: Activation, frame: Frame) -> bool:
    resets = activation.session.id[4]
    return activation.device.reset_f_cnt and frame[2] < RESET_WITHIN and resets < MAX_RESETS


def _begun_anew(accepted: "_Accepted", old: Session, activations: Activations) -> Uplink:
    uplink = accepted.outcome(activations)
    ended = ((old.dev_eui, old.id),)
    changes = replace(uplink.changes, sessions=(uplink.session,), ended=ended)
    return replace(uplink, changes=changes, begun_anew=True)


def _replay(activation: Activation, frame: Frame | None, anew: Frame | None) -> Drop:
    session, device = activation.session, activation.device
    says = ""
    if frame is not None and frame[2] == session.f_cnt_up:
        says = (
            f"FCnt {frame[2]} comes again with another payload: the device has lost a count when"
            " its power failed, or was reset; this one is lost, and it is heard again from its next"
            " count on"
        )
    if anew is not None and anew[2] < RESET_WITHIN and device.reset_f_cnt:
        return Drop(
            DropReason.RESETS_SPENT, session.dev_addr, device.dev_eui, NO_RESETS, is_join=True
        )
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
    downlinks: DownlinkQueue
    step: Step = NOTHING

    def outcome(self, activations: Activations) -> Uplink:
        m_type, f_ctrl, f_cnt, f_opts, f_port, frm_payload = self.frame
        activation, session = self.activation, self.activation.session
        retransmission = f_cnt == session.f_cnt_up
        confirmed = m_type == MType.CONFIRMED_DATA_UP
        abp = activation.device.root_key is None
        parsed = mac.commands_of(f_opts, f_port, frm_payload, session.version, abp=abp)
        session.f_cnt_up = f_cnt
        activation.repeats = activation.repeats + 1 if retransmission else 0
        activation.hears(self.packet)
        changes = activations.settle(activation)
        heard, acknowledged = mac.NOT_HEARD, None
        if not retransmission:
            activation.doubtful = False
            activation.said = said_in(self.frame)
            if self._may_acknowledge():
                acknowledged = self._acknowledged(f_ctrl)
                self.step += self.downlinks.heard(session.dev_eui, session.id, acknowledged)
            heard = self._hear(parsed)
        answer = self._answer(parsed, heard.waits, retransmission)
        if answer or heard.settled or acknowledged is not None or self.step != NOTHING:
            downlinks = self.step.downlinks
            changes = replace(changes, sessions=(session,), downlinks=downlinks)
        return Uplink(
            device=activation.device,
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
            changes=changes,
            acknowledged=acknowledged,
            status=heard.status,
            skipped_commands=heard.skipped,
            results=self.step.results,
        )

    def _may_acknowledge(self) -> bool:
        """Whether the device could have heard the confirmed downlink before it began to send."""
        ends_at = self.downlinks.ends_at(self.activation.session.dev_eui)
        if ends_at == -inf:
            return True
        return self.moment.monotonic_s - uplink_airtime_us(self.packet) / 1e6 >= ends_at

    def _acknowledged(self, f_ctrl: int) -> int | None:
        """The FCnt of our confirmed downlink that this uplink acknowledges."""
        session = self.activation.session
        awaited = session.mac.awaits_ack
        if awaited is None:
            return None
        session.mac = replace(session.mac, awaits_ack=None)
        return awaited if f_ctrl & ACK else None

    def _hear(self, parsed: Parsed) -> mac.Heard:
        """Take its MAC commands and how it was heard."""
        _, f_ctrl, f_cnt, *_ = self.frame
        session, heard = self.activation.session, mac.NOT_HEARD
        if parsed is not mac.NOTHING:
            heard = mac.hear(session.mac, parsed, self.plan)
            if heard.mac.link != session.mac.link:
                self.activation.history = b""
            session.mac = self._mode(heard.mac, parsed)
        requests.follow(self.activation, self.packet, f_cnt, _bits(f_ctrl), self.plan)
        return heard

    def _mode(self, state: Mac, parsed: Parsed) -> Mac:
        """1.1: a device says of which class it is; C where devices.toml lets it."""
        for command in parsed.commands:
            if isinstance(command, DeviceModeInd):
                is_c = command.device_class == mac.CLASS_C
                state = replace(state, class_c=is_c and self.activation.device.device_class == "C")
        return state

    def _answer(self, parsed: Parsed, waits: bool, retransmission: bool) -> Answer | None:
        """A downlink if there is anything to say; it takes a downlink counter."""
        m_type, f_ctrl, f_cnt, *_ = self.frame
        confirmed = m_type == MType.CONFIRMED_DATA_UP
        activation, session = self.activation, self.activation.session
        rx = requests.windows(session.mac, f_cnt, _bits(f_ctrl), self.plan)
        activation.windows_until = self.moment.monotonic_s + rx.rx1_delay + 1
        replies = self._replies(parsed)
        queued = None if retransmission else self._queued(rx)
        goes = bool(confirmed or f_ctrl & ADR_ACK_REQ or waits or replies or queued)
        wanted = self._wanted(goes, waits, retransmission)
        if not (goes or wanted):
            return None
        windows = data_windows(self.plan.region, rx, self.packet)
        if queued is not None:
            windows = windows_for(windows, queued.order.payload)
        composed = compose(
            session,
            activation.keys,
            ack=f_cnt if confirmed else None,
            adr=activation.device.adr,
            commands=(*replies, *wanted),
            application=application_of(queued),
            room=room(windows),
            more=self.downlinks.has_more(session.dev_eui, self.moment.unix_s, queued),
        )
        requests.asked(activation, composed.commands, f_cnt, self.moment)
        if queued is None:
            return Answer(composed.phy_payload, windows, dev_eui=session.dev_eui)
        self.step += self.downlinks.hand_over(queued, session.id, composed.f_cnt)
        return Answer(composed.phy_payload, windows, queued.number, session.dev_eui)

    def _replies(self, parsed: Parsed) -> tuple[MacCommand, ...]:
        if parsed is mac.NOTHING:
            return ()
        return mac.answers(parsed, self.packet, self.moment, self.activation.session.mac.class_c)

    def _wanted(self, goes: bool, waits: bool, retransmission: bool) -> tuple[MacCommand, ...]:
        """What the network asks the device, with an answer that `goes` anyway or for its sake."""
        _, f_ctrl, f_cnt, *_ = self.frame
        if retransmission:
            return requests.repeated(self.activation.session.mac, f_cnt)
        return requests.requests(
            self.activation, f_cnt, _bits(f_ctrl), self.moment, self.plan, goes=goes, waits=waits
        )

    def _queued(self, rx: RxParams) -> Queued | None:
        """What the city has sent and may go now."""
        dev_eui, now = self.activation.device.dev_eui, self.moment.unix_s
        if not self.downlinks.has_more(dev_eui, now, None):
            return None
        windows = data_windows(self.plan.region, rx, self.packet)
        queued, refused = self.downlinks.next_for(dev_eui, payload_room(windows), now)
        self.step += refused
        return queued


def _bits(f_ctrl: int) -> Bits:
    return Bits(bool(f_ctrl & ADR), bool(f_ctrl & ADR_ACK_REQ))
