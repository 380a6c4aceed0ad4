"""One live session: which frames are its own, and what memory alone has of it."""

from dataclasses import dataclass

from drivers.concentrator import COUNTER_MODULUS, Counter, RxPacket
from gateway.lorawan.device import Device
from gateway.lorawan.frame import FCtrl
from gateway.lorawan.keys import keys_of
from gateway.lorawan.plan import Plan
from gateway.lorawan.session import Session
from native import frames, frames_1_1

SessionKeys = frames.SessionKeys | frames_1_1.SessionKeys

Frame = tuple[int, int, int, bytes, int, bytes]
"""MType, FCtrl, FCnt32, FOpts, FPort or -1, FRMPayload: as `native.frames` decodes it."""

FIRST_HIGH_HALVES = (1, 3, 5, 7)
"""With 0, and the next of each: up to 589 823 frames, eleven years of one every ten minutes. Each
try costs a MIC and 1/2^32 of a chance to be wrong."""

ACK = int(FCtrl.ACK)
NOTHING_SAID = 0
"""By a frame that is the network's alone: MAC commands, an ACK."""
SAME_FRAME_US = 200_000
"""Copies of one frame end within this; a device sends it again after RX1 (1 s) at the soonest."""


@dataclass(slots=True)
class Activation:
    """A live session, the native keys that decode its frames, and what memory alone has of it.

    `history` are its last uplinks as `requests` packs them, `adr_reason` says what ADR makes of
    them; from `status_due` on (monotonic seconds) it is to be asked for its battery, and until
    `windows_until` it listens in the windows of its last uplink, which was answered again `repeats`
    times. `doubtful`: the device has asked for a younger session since it was heard in this one.
    `said` is what `said_in` keeps of the last frame; None: this run has not heard it.
    """

    device: Device
    session: Session
    keys: SessionKeys
    heard: Counter | None = None
    history: bytes = b""
    adr_reason: str = ""
    status_due: float | None = None
    windows_until: float = 0.0
    repeats: int = 0
    doubtful: bool = False
    said: int | None = None

    def decode(self, packet: RxPacket, plan: Plan) -> Frame | None:
        """The frame, decrypted, if it belongs to this session."""
        last = self.session.f_cnt_up
        found = self._decode(packet, plan, last)
        if found is None and last < 0 and self.device.root_key is None:
            return self._decode_first(packet, plan)
        return found

    def decode_begun_anew(self, packet: RxPacket, plan: Plan) -> Frame | None:
        """The frame of an ABP device that counts from 0 again, if it is one."""
        if self.device.root_key is not None or self.session.f_cnt_up < 0:
            return None
        found = self._decode(packet, plan, -1)
        return found if found and found[2] <= self.session.f_cnt_up else None

    def _decode_first(self, packet: RxPacket, plan: Plan) -> Frame | None:
        """An ABP device may have counted for years before it is heard here first."""
        tries = (self._decode(packet, plan, high << 16) for high in FIRST_HIGH_HALVES)
        return next((found for found in tries if found is not None), None)

    def _decode(self, packet: RxPacket, plan: Plan, f_cnt_up: int) -> Frame | None:
        """The high half of `f_cnt_up` and the next one are tried; of -1 only 0."""
        keys = self.keys
        if isinstance(keys, frames.SessionKeys):
            return keys.decode_uplink(packet.payload, f_cnt_up)
        return self._decode_1_1(keys, packet, plan, f_cnt_up)

    def _decode_1_1(
        self, keys: frames_1_1.SessionKeys, packet: RxPacket, plan: Plan, f_cnt_up: int
    ) -> Frame | None:
        """Its ACK may be of the confirmed downlink before the last: in a frame that is repeated
        although its answer was the last one, or of a device that spoke meanwhile. That is no ACK.
        """
        mac = self.session.mac
        found = self._decode_acking(keys, packet, plan, f_cnt_up, mac.confirmed or 0)
        if found is not None or mac.confirmed_before is None or not packet.payload[5] & ACK:
            return found
        found = self._decode_acking(keys, packet, plan, f_cnt_up, mac.confirmed_before)
        return None if found is None else (found[0], found[1] & ~ACK, *found[2:])

    def _decode_acking(
        self,
        keys: frames_1_1.SessionKeys,
        packet: RxPacket,
        plan: Plan,
        f_cnt_up: int,
        acknowledged: int,
    ) -> Frame | None:
        """The MIC covers the number that the channel has in the device, and the ACK."""
        mac = self.session.mac
        dr = plan.region.data_rate(packet.sf, packet.bandwidth)
        if dr is None:
            return None
        for number in plan.channel_numbers(mac, packet.frequency):
            found = keys.decode_uplink(packet.payload, f_cnt_up, dr, number, acknowledged)
            if found is not None:
                return found
        return None

    def is_next_or_last(self, frame: Frame) -> bool:
        """Whether it is new, or the last one once more: under its counter nothing else is said."""
        if frame[2] != self.session.f_cnt_up:
            return frame[2] > self.session.f_cnt_up
        said = said_in(frame)
        return said == NOTHING_SAID or self.said in (None, said)

    def hears(self, packet: RxPacket) -> None:
        """`packet` was accepted: remember when. A chip started anew has not heard all before it."""
        if self.heard is not None and self.heard.chip_session != packet.chip_session:
            self.history = b""
        self.heard = Counter(packet.counter_us, packet.chip_session)

    def just_heard(self, packet: RxPacket) -> bool:
        """Whether `packet` ended together with the last accepted one: another demodulator's."""
        if self.heard is None or self.heard.chip_session != packet.chip_session:
            return False
        apart = (packet.counter_us - self.heard.us) % COUNTER_MODULUS
        return min(apart, COUNTER_MODULUS - apart) <= SAME_FRAME_US


def said_in(frame: Frame) -> int:
    """A hash of the application's payload and its port."""
    *_, f_port, frm_payload = frame
    return hash((f_port, frm_payload)) if f_port > 0 else NOTHING_SAID


def native_keys(session: Session) -> SessionKeys:
    native = frames_1_1 if session.version == "1.1" else frames
    keys: SessionKeys = native.SessionKeys(session.dev_addr, *keys_of(session))
    return keys
