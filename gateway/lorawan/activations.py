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
from dataclasses import replace

from gateway.lorawan.activation import Activation, native_keys
from gateway.lorawan.device import Device
from gateway.lorawan.keys import fits_root_keys
from gateway.lorawan.mac_state import FACTORY
from gateway.lorawan.session import NO_CHANGES, Changes, KnownState, Session

MAX_F_CNT_GAP = 16_384
"""Devices up to 1.0.3 refuse a downlink counter that jumps further ahead (1.0.3 §4.3.1.5)."""

MOST_PENDING = 4
"""Sessions of one device that nothing was heard in yet."""


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
                activation.device, activation.keys = device, native_keys(session)
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
        activation = Activation(device, session, native_keys(session))
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
