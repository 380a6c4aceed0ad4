"""Which session a frame may belong to: every live session, found by DevAddr or by device.

Rules:

- A DevAddr is not unique: each of its sessions is tried, the MIC decides.
- A device has at most one session in use, and beside it younger ones that are pending: joined,
  not yet heard. It may be in any of them, nobody knows whether it has heard its Join-Accept.
- A device only moves on to a younger session, JoinNonce rises. What is heard in a session ends the
  older ones and proves nothing of the younger ones: it may have been held back on its way.
- `MOST_PENDING` are kept. The oldest goes first: it is the least likely, for the device would have
  to have missed every Join-Accept since. The one in use stays: the device was in it for certain,
  and one that hears no downlink still is.
- ABP: the session is kept across restarts as long as devices.toml gives the same DevAddr. Keys
  are always those of devices.toml, and so is its version; with another DevAddr its counters start
  anew. An ABP session that was never heard takes any counter, also one beyond 65 535.
- OTAA: a stored session counts only if its keys follow from the root keys of devices.toml. With
  another AppKey, or when the device is ABP now, it is not used. It stays on the disk until the
  device is heard in a later one: who corrects a mistyped key has the session back.
- What no device uses is set aside, in memory too: devices.toml can be read anew at any time, and
  then counts as at a start, but that what goes on is not interrupted.
- After a start f_cnt_down goes on where the reservation ended: what lies below may have been on
  the air.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from drivers.concentrator import COUNTER_MODULUS, Counter, RxPacket
from gateway.lorawan.device import Device
from gateway.lorawan.frame import FCtrl
from gateway.lorawan.keys import fits_root_keys, keys_of
from gateway.lorawan.mac_state import FACTORY
from gateway.lorawan.plan import Plan
from gateway.lorawan.session import NO_CHANGES, Changes, KnownState, Session
from native import frames, frames_1_1

SessionKeys = frames.SessionKeys | frames_1_1.SessionKeys

Frame = tuple[int, int, int, bytes, int, bytes]
"""MType, FCtrl, FCnt32, FOpts, FPort or -1, FRMPayload: as `native.frames` decodes it."""

FIRST_HIGH_HALVES = (1, 3, 5, 7)
"""With 0, and the next of each: up to 589 823 frames, eleven years of one every ten minutes. Each
try costs a MIC and 1/2^32 of a chance to be wrong."""

ACK = int(FCtrl.ACK)
MAX_F_CNT_GAP = 16_384
"""Devices up to 1.0.3 refuse a downlink counter that jumps further ahead (1.0.3 §4.3.1.5)."""

MOST_PENDING = 4
"""Sessions of one device that nothing was heard in yet."""

SAME_FRAME_US = 200_000
"""Copies of one frame end within this; a device sends it again after RX1 (1 s) at the soonest."""


@dataclass(slots=True)
class Activation:
    """A live session, the native keys that decode its frames, and what memory alone has of it.

    `history` are its last uplinks as `requests` packs them, `adr_reason` says what ADR makes of
    them; from `status_due` on (monotonic seconds) it is to be asked for its battery, and until
    `windows_until` it listens in the windows of its last uplink, which was answered again `repeats`
    times. `doubtful`: the device has asked for a younger session since it was heard in this one.
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
        return found if found and found[2] < self.session.f_cnt_up else None

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
        self.disk_fails = False
        self._by_dev_addr: dict[int, list[Activation]] = {}
        self._by_dev_eui: dict[int, list[Activation]] = {}
        self._aside: dict[int, list[Session]] = {}
        for session in known.sessions:
            session.skip_reserved()
            self._aside.setdefault(session.dev_eui, []).append(session)
        for device in devices:
            self.describe(device)

    def describe(self, device: Device) -> None:
        """A device is new, or is described otherwise: its sessions that fit it go on, or begin."""
        live = {id(one.session): one for one in self.of(device)}
        found = [*self._aside.pop(device.dev_eui, ()), *(one.session for one in live.values())]
        for session in _sessions_of(device, found):
            activation = live.pop(id(session), None)
            if activation is None:
                self.add(device, session)
            else:
                activation.device, activation.keys = device, _native_keys(session)
        self.end(live.values())
        used = {id(one.session) for one in self.of(device)}
        self._set_aside(device.dev_eui, [one for one in found if id(one) not in used])

    def forget(self, dev_eui: int) -> None:
        """The device has left devices.toml: it is not heard any more."""
        found = [one.session for one in self.of_dev_eui(dev_eui)]
        self.end(tuple(self.of_dev_eui(dev_eui)))
        self._set_aside(dev_eui, [*self.aside(dev_eui), *found])

    def aside(self, dev_eui: int) -> list[Session]:
        """The sessions of a device that are not used, because they do not fit devices.toml."""
        return self._aside.get(dev_eui, [])

    def _set_aside(self, dev_eui: int, sessions: list[Session]) -> None:
        if sessions:
            self._aside[dev_eui] = sessions

    def sessions(self) -> tuple[Session, ...]:
        """All that are live."""
        return tuple(one.session for each in self._by_dev_eui.values() for one in each)

    def with_dev_addr(self, dev_addr: int) -> list[Activation]:
        """Every session whose frames carry this DevAddr."""
        return self._by_dev_addr.get(dev_addr, [])

    def of(self, device: Device) -> list[Activation]:
        """The sessions of one device: the one in use, and pending ones."""
        return self.of_dev_eui(device.dev_eui)

    def of_dev_eui(self, dev_eui: int) -> list[Activation]:
        return self._by_dev_eui.get(dev_eui, [])

    def has_dev_addr(self, dev_addr: int) -> bool:
        return dev_addr in self._by_dev_addr

    def add(self, device: Device, session: Session) -> Activation:
        """Take frames of `session` from now on."""
        activation = Activation(device, session, _native_keys(session))
        if session.pending:
            for older in self.of(device):
                older.doubtful = True
        self._by_dev_addr.setdefault(session.dev_addr, []).append(activation)
        self._by_dev_eui.setdefault(device.dev_eui, []).append(activation)
        return activation

    def make_room(self, device: Device) -> tuple[tuple[int, bytes], ...]:
        """For one more pending session: the oldest ends when there are too many."""
        pending = [one for one in self.of(device) if one.session.pending]
        pending.sort(key=lambda one: one.session.id)
        return self.end(pending[: 1 - MOST_PENDING])

    def end(self, ended: Iterable[Activation]) -> tuple[tuple[int, bytes], ...]:
        """Take no more frames of these sessions; what `Changes.ended` has to say about it."""
        ended = tuple(ended)
        for activation in ended:
            session = activation.session
            self._remove(self._by_dev_addr, session.dev_addr, activation)
            self._remove(self._by_dev_eui, session.dev_eui, activation)
        return tuple((one.session.dev_eui, one.session.id) for one in ended)

    def begin_anew(self, activation: Activation) -> Activation:
        """An ABP device counts from 0 again: a session with the next reset counter.

        Downlinks go on counting as long as a device that has forgotten them all takes that for a
        gap, from 1.0.4 on for ever: the same counter under the same keys would give two payloads
        away.
        """
        old = activation.session
        any_gap = activation.device.lorawan not in ("1.0.2", "1.0.3")
        goes_on = any_gap or old.f_cnt_down < MAX_F_CNT_GAP
        session = replace(
            old,
            id=old.id[:4] + bytes((old.id[4] + 1,)),
            f_cnt_up=-1,
            f_cnt_down=old.f_cnt_down if goes_on else 0,
            f_cnt_down_reserved=old.f_cnt_down_reserved if goes_on else 0,
            mac=FACTORY,
        )
        self.end((activation,))
        return self.add(activation.device, session)

    def settle(self, activation: Activation) -> Changes:
        """The device was heard in this session: if it was pending it is in use now, and the older
        ones end.
        """
        session = activation.session
        if not session.pending:
            return NO_CHANGES
        session.pending = False
        older = [one for one in self.of(activation.device) if one.session.id < session.id]
        return Changes((session,), self.end(older))

    @staticmethod
    def _remove(index: dict[int, list[Activation]], key: int, activation: Activation) -> None:
        index[key] = [one for one in index[key] if one is not activation]
        if not index[key]:
            del index[key]


def otaa_session_id(join_nonce: int, dev_nonce: int) -> bytes:
    """D2's session of a join: JoinNonce (3) ‖ DevNonce (2), of a rejoin JoinNonce ‖ RJcount."""
    return join_nonce.to_bytes(3, "big") + dev_nonce.to_bytes(2, "big")


def _native_keys(session: Session) -> SessionKeys:
    native = frames_1_1 if session.version == "1.1" else frames
    keys: SessionKeys = native.SessionKeys(session.dev_addr, *keys_of(session))
    return keys


def _sessions_of(device: Device, found: list[Session]) -> list[Session]:
    """Those that fit the device as it is described; an ABP device has one in any case."""
    if device.root_key is None:
        return [_abp_session(device, found)]
    return [one for one in found if fits_root_keys(one, device) and not _is_left(one, found)]


def _is_left(session: Session, found: Iterable[Session]) -> bool:
    """Whether the device was heard in one that it joined later."""
    return any(one.id > session.id and not one.pending and not _is_abp(one) for one in found)


def _is_abp(session: Session) -> bool:
    return session.id[:4] == session.dev_addr.to_bytes(4, "big")


def _abp_session(device: Device, stored: Iterable[Session]) -> Session:
    """The device's session: new, or the stored one of its DevAddr with the keys of devices.toml."""
    assert device.dev_addr is not None
    prefix = device.dev_addr.to_bytes(4, "big")
    fitting = [one for one in stored if (one.dev_addr, one.id[:4]) == (device.dev_addr, prefix)]
    new = Session(device.dev_eui, prefix + b"\0", device.dev_addr, *device.abp_keys)
    session = max(fitting, key=lambda one: one.id, default=new)
    (
        session.f_nwk_s_int_key,
        session.s_nwk_s_int_key,
        session.nwk_s_enc_key,
        session.app_s_key,
    ) = device.abp_keys
    _set_version(session, device)
    return session


def _set_version(session: Session, device: Device) -> None:
    """1.1 counts downlinks apart: with the same AppSKey none of 1.0's counters may come again."""
    if session.version == device.session_version:
        return
    session.version = device.session_version
    following = max(session.f_cnt_down, session.a_f_cnt_down)
    session.f_cnt_down = session.a_f_cnt_down = following
    session.f_cnt_down_reserved = session.a_f_cnt_down_reserved = following
