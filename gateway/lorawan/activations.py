"""Which session a frame may belong to: every live session, found by DevAddr or by device.

Rules:

- A DevAddr is not unique: each of its sessions is tried, the MIC decides.
- A device has one session in use and at most one pending (joined, not yet heard). The first
  uplink in the pending one ends the other; a new join ends an older pending one.
- ABP: the session is kept across restarts as long as devices.toml gives the same DevAddr. Keys
  are always those of devices.toml; with another DevAddr its counters start anew.
- OTAA: a stored session counts only if its join is known, so that a device that used to be ABP
  is not heard under its old keys.
- After a start f_cnt_down goes on where the reservation ended: what lies below may have been on
  the air.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.concentrator import COUNTER_MODULUS, Counter, RxPacket
from gateway.lorawan.device import Device
from gateway.lorawan.plan import Plan
from gateway.lorawan.session import Join, KnownState, Session
from native import frames, frames_1_1

SessionKeys = frames.SessionKeys | frames_1_1.SessionKeys

Frame = tuple[int, int, int, bytes, int, bytes]
"""MType, FCtrl, FCnt32, FOpts, FPort or -1, FRMPayload: as `native.frames` decodes it."""

SAME_FRAME_US = 200_000
"""Copies of one frame end within this; a device sends it again after RX1 (1 s) at the soonest."""


@dataclass(slots=True)
class Activation:
    """A live session, the native keys that decode its frames, and what memory alone has of it.

    `history` are its last uplinks as `requests` packs them, `adr_reason` says what ADR makes of
    them; from `status_due` on (monotonic seconds) it is to be asked for its battery.
    """

    device: Device
    session: Session
    keys: SessionKeys
    heard: Counter | None = None
    history: bytes = b""
    adr_reason: str = ""
    status_due: float | None = None

    def decode(self, packet: RxPacket, plan: Plan) -> Frame | None:
        """The frame, decrypted, if it belongs to this session."""
        session, keys = self.session, self.keys
        if isinstance(keys, frames.SessionKeys):
            return keys.decode_uplink(packet.payload, session.f_cnt_up)
        return None

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


class Activations:
    """All live sessions of the devices of this gateway."""

    def __init__(self, devices: Iterable[Device], known: KnownState) -> None:
        self._by_dev_addr: dict[int, list[Activation]] = {}
        self._by_dev_eui: dict[int, list[Activation]] = {}
        stored: dict[int, list[Session]] = {}
        for session in known.sessions:
            session.skip_reserved()
            stored.setdefault(session.dev_eui, []).append(session)
        joined = {_otaa_session(join) for join in known.joins}
        for device in devices:
            sessions = stored.get(device.dev_eui, [])
            if device.app_key is None:
                self.add(device, _abp_session(device, sessions))
            else:
                for session in sessions:
                    if (session.dev_eui, session.id) in joined:
                        self.add(device, session)

    def with_dev_addr(self, dev_addr: int) -> list[Activation]:
        """Every session whose frames carry this DevAddr."""
        return self._by_dev_addr.get(dev_addr, [])

    def of(self, device: Device) -> list[Activation]:
        """The sessions of one device: in use and pending."""
        return self.of_dev_eui(device.dev_eui)

    def of_dev_eui(self, dev_eui: int) -> list[Activation]:
        return self._by_dev_eui.get(dev_eui, [])

    def has_dev_addr(self, dev_addr: int) -> bool:
        return dev_addr in self._by_dev_addr

    def add(self, device: Device, session: Session) -> Activation:
        """Take frames of `session` from now on."""
        keys = frames.SessionKeys(
            session.dev_addr,
            session.f_nwk_s_int_key,
            session.s_nwk_s_int_key,
            session.nwk_s_enc_key,
            session.app_s_key,
        )
        activation = Activation(device, session, keys)
        self._by_dev_addr.setdefault(session.dev_addr, []).append(activation)
        self._by_dev_eui.setdefault(device.dev_eui, []).append(activation)
        return activation

    def end(self, ended: Iterable[Activation]) -> tuple[tuple[int, bytes], ...]:
        """Take no more frames of these sessions; what `Changes.ended` has to say about it."""
        ended = tuple(ended)
        for activation in ended:
            session = activation.session
            self._remove(self._by_dev_addr, session.dev_addr, activation)
            self._remove(self._by_dev_eui, session.dev_eui, activation)
        return tuple((one.session.dev_eui, one.session.id) for one in ended)

    @staticmethod
    def _remove(index: dict[int, list[Activation]], key: int, activation: Activation) -> None:
        index[key] = [one for one in index[key] if one is not activation]
        if not index[key]:
            del index[key]


def otaa_session_id(join_nonce: int, dev_nonce: int) -> bytes:
    """D2's session of a join: JoinNonce (3) ‖ DevNonce (2)."""
    return join_nonce.to_bytes(3, "big") + dev_nonce.to_bytes(2, "big")


def _otaa_session(join: Join) -> tuple[int, bytes]:
    return join.dev_eui, otaa_session_id(join.join_nonce, join.dev_nonce)


def _abp_session(device: Device, stored: Iterable[Session]) -> Session:
    """The device's session: new, or the stored one of its DevAddr with the keys of devices.toml."""
    assert device.dev_addr is not None
    assert device.nwk_s_key is not None
    assert device.app_s_key is not None
    prefix = device.dev_addr.to_bytes(4, "big")
    fitting = [one for one in stored if one.dev_addr == device.dev_addr and one.id[:4] == prefix]
    nwk_s_key = device.nwk_s_key
    session = max(
        fitting,
        key=lambda one: one.id,
        default=Session(
            device.dev_eui,
            prefix + b"\0",
            device.dev_addr,
            nwk_s_key,
            nwk_s_key,
            nwk_s_key,
            device.app_s_key,
        ),
    )
    session.f_nwk_s_int_key = session.s_nwk_s_int_key = session.nwk_s_enc_key = nwk_s_key
    session.app_s_key = device.app_s_key
    return session
