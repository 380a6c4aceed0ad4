"""What a device is asked to set or to tell: what it has compared with what the plan wants.

Rules:

- First the windows and the channels; the link (LinkADRReq) once no new channel is outstanding,
  because its mask can only name channels that the device has confirmed.
- A device whose ADR bit is off is not commanded, but for the channels of a fixed plan: there it
  would send where nobody hears it. `adr = false` in devices.toml is the operator's same wish.
- Windows are not asked for while the device repeats its answer about the last ones: it would pass
  for the answer to the new request, which may be lost.
- Only what is urgent is worth a downlink of its own: windows other than ours, the link, and
  channels for a device that we control; any other is told them with an answer that goes anyway.
- DevStatusReq goes along when the device was never asked in its session, or 24 uplinks ago. A
  downlink of its own it gets once a day.
- What was asked and not answered is asked again after 1, 2, 4 … 1024 uplinks: some devices never
  answer. An answer, or ADRACKReq, makes an end of waiting.
- The ADR history is 20 times 8 bytes, in memory, of devices with their ADR bit on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import starmap
from struct import Struct
from typing import NamedTuple

from drivers.concentrator import RxPacket
from gateway.lorawan import adr
from gateway.lorawan.activation import Activation
from gateway.lorawan.adr import HISTORY_SIZE, History, Limits, Link
from gateway.lorawan.channel_mask import ChMask, channel_mask
from gateway.lorawan.mac import ALL_DEFINED
from gateway.lorawan.mac_commands import MacCommand
from gateway.lorawan.mac_downlink import (
    DevStatusReq,
    LinkADRReq,
    NewChannelReq,
    RXParamSetupReq,
    RXTimingSetupReq,
)
from gateway.lorawan.mac_state import Mac, RxParams
from gateway.lorawan.moment import Moment
from gateway.lorawan.plan import Plan
from gateway.lorawan.session import Session

DAY_S = 86_400.0
DAY_UPLINKS = 24
WINDOWS = (RXParamSetupReq.CID, RXTimingSetupReq.CID)
PATIENCE = 4
LONGEST_WAIT = 10  # 2^10 uplinks

BY_ITSELF = "the device adapts by itself (ADR bit off)"
OFF = "switched off for this device (adr = false in devices.toml)"
GIVEN_UP = "the device refuses what it is asked to send with: left alone until it joins anew"
NO_RATE = "heard at a data rate that the region does not know"

_frame = Struct(">If")
_KINDS: dict[int, type[MacCommand]] = {
    kind.CID: kind
    for kind in (LinkADRReq, RXParamSetupReq, NewChannelReq, RXTimingSetupReq, DevStatusReq)
}


class Bits(NamedTuple):
    """The bits of an uplink's FCtrl that ask for something."""

    adr: bool
    adr_ack_req: bool


def follow(activation: Activation, packet: RxPacket, f_cnt: int, bits: Bits, plan: Plan) -> None:
    """A new uplink: what the device sends with, and how it was heard.

    Whoever adapts by itself may have switched its channels on with that (TS001-1.0.4 §4.3.1.1).
    """
    session = activation.session
    dr = plan.region.data_rate(packet.sf, packet.bandwidth)
    if dr is None or packet.snr is None:
        activation.history = b""
        return
    mac = session.mac
    if mac.link is None:
        session.mac = _first_heard(mac, dr)
    elif mac.link.dr != dr:
        link = adr.follow(mac.link, dr, _requested_link(mac))
        session.mac = replace(mac, link=link, mask=None if bits.adr else mac.mask)
        activation.history = b""
    if bits.adr:
        frames = activation.history + _frame.pack(f_cnt, packet.snr)
        activation.history = frames[-HISTORY_SIZE * _frame.size :]


@lru_cache(maxsize=256)
def _first_heard(mac: Mac, dr: int) -> Mac:
    """Devices that were told the same share it."""
    return replace(mac, link=Link(dr))


def requests(
    activation: Activation,
    f_cnt: int,
    bits: Bits,
    moment: Moment,
    plan: Plan,
    *,
    goes: bool,
    waits: bool,
) -> tuple[MacCommand, ...]:
    """What to ask with the answer to a new uplink, which `goes` anyway or else only if urgent.

    `waits`: the device says about its windows what it repeats until it hears a downlink.
    """
    mac, device = activation.session.mac, activation.device
    controlled = bits.adr and device.adr
    if not controlled:
        activation.adr_reason = BY_ITSELF if device.adr else OFF
    if _waits(mac, f_cnt) and not bits.adr_ack_req:
        return ()
    has_other_windows = plan.rx_of(mac) != plan.rx
    asks_status = _status_is_urgent(activation, moment)
    if not (goes or controlled or plan.region.fixed or has_other_windows or asks_status):
        return ()
    asks_windows = has_other_windows and not waits
    moves = _unrefused(mac, _windows(mac, plan)) if asks_windows else ()
    channels = _unrefused(mac, _channels(mac, plan)) if mac.channels != plan.extra else ()
    link = _link(activation, bits, plan) if controlled or plan.region.fixed else ()
    if not (goes or asks_status or moves or link or (channels and controlled)):
        return ()
    asks_status = asks_status or _status_goes_along(mac, f_cnt)
    status = (DevStatusReq(),) if asks_status else ()
    return (*moves, *channels, *(() if channels else link), *status)


def _unrefused(mac: Mac, commands: Iterable[MacCommand]) -> tuple[MacCommand, ...]:
    return tuple(one for one in commands if one.to_bytes() not in mac.refused)


def _waits(mac: Mac, f_cnt: int) -> bool:
    """Whether an unanswered request is still too young to be repeated."""
    return mac.tries > 0 and f_cnt - mac.asked_at < 1 << min(mac.tries - 1, LONGEST_WAIT)


def windows(mac: Mac, f_cnt: int, bits: Bits, plan: Plan) -> RxParams:
    """Where to answer uplink `f_cnt`: what the device has confirmed, or what it was asked to have.

    One that has moved and forgot to say so, its power lost meanwhile, would hear nothing
    any more: after `PATIENCE` requests every other one goes where they would be. What goes between
    two requests does not: the device may be one that never answers, and stays where it is.
    """
    has = plan.rx_of(mac)
    asks = bits.adr_ack_req or not _waits(mac, f_cnt)
    if mac.tries < PATIENCE or mac.tries % 2 or not asks:
        return has
    for raw in mac.requested:
        if raw[0] == RXParamSetupReq.CID:
            one = RXParamSetupReq.from_bytes(raw)
            has = RxParams(one.rx1_dr_offset, one.frequency, one.rx2_data_rate, has.rx1_delay)
        elif raw[0] == RXTimingSetupReq.CID:
            has = replace(has, rx1_delay=RXTimingSetupReq.from_bytes(raw).delay)
    return has


def windows_in_doubt(session: Session) -> bool:
    """Whether the device may have other windows by now than it has confirmed.

    It was asked to with the answer to its last uplink; the next one tells whether it heard that.
    """
    mac = session.mac
    return mac.asked_at == session.f_cnt_up and any(raw[0] in WINDOWS for raw in mac.requested)


def repeated(mac: Mac, f_cnt: int) -> tuple[MacCommand, ...]:
    """What was asked with the answer to uplink `f_cnt`, which the device has not heard."""
    if mac.asked_at != f_cnt:
        return ()
    return tuple(_KINDS[raw[0]].from_bytes(raw) for raw in mac.requested)


def asked(
    activation: Activation, commands: tuple[MacCommand, ...], f_cnt: int, moment: Moment
) -> None:
    """These went with the answer to uplink `f_cnt`."""
    mac = activation.session.mac
    sent = tuple(command for command in commands if not command.ANSWERS_DEVICE)
    if not sent:
        return
    status = any(isinstance(command, DevStatusReq) for command in sent)
    if status:
        activation.status_due = moment.monotonic_s + DAY_S
    again = mac.tries > 0 and f_cnt == mac.asked_at
    activation.session.mac = replace(
        mac,
        requested=tuple(command.to_bytes() for command in sent),
        asked_at=f_cnt,
        tries=mac.tries + (not again),
        status_asked=f_cnt if status else mac.status_asked,
    )


def _windows(mac: Mac, plan: Plan) -> Iterator[MacCommand]:
    has, wants = plan.rx_of(mac), plan.rx
    if replace(has, rx1_delay=wants.rx1_delay) != wants:
        yield RXParamSetupReq(wants.rx2_data_rate, wants.rx1_dr_offset, wants.rx2_frequency)
    if has.rx1_delay != wants.rx1_delay:
        yield RXTimingSetupReq(wants.rx1_delay)


def _channels(mac: Mac, plan: Plan) -> Iterator[MacCommand]:
    rates, known = plan.region.adr_data_rates, dict(mac.channels)
    for number, frequency in plan.extra:
        if known.get(number) != frequency:
            yield NewChannelReq(number, frequency, rates[0], rates[-1])


def _link(activation: Activation, bits: Bits, plan: Plan) -> tuple[MacCommand, ...]:
    """The block of LinkADRReq that is needed; its reasons stay with the activation."""
    mac, on = activation.session.mac, bits.adr and activation.device.adr
    if mac.link is None or plan.masks is None:
        activation.adr_reason = NO_RATE
        return ()
    limits = _limits(mac, plan.limits)
    if _has_given_up(mac, limits, plan):
        activation.adr_reason = GIVEN_UP
        return ()
    history = History(tuple(starmap(adr.Heard, _frame.iter_unpack(activation.history))))
    decision = adr.decide(history, mac.link, limits, adr=on, adr_ack_req=on and bits.adr_ack_req)
    if on:
        activation.adr_reason = decision.reason
    unheard = not mac.keeps_channels and _wanted(mac, plan) != plan.switched_on(mac)
    if decision.command or (unheard and (on or plan.region.fixed)):
        return _link_adr_reqs(mac, decision.link, plan)
    return ()


def _has_given_up(mac: Mac, limits: Limits, plan: Plan) -> bool:
    assert mac.link is not None
    too_slow = limits.max_dr < mac.link.dr <= plan.limits.max_dr
    return too_slow or limits.max_tx_power < 0 or (mac.keeps_channels and plan.region.fixed)


def _limits(mac: Mac, limits: Limits) -> Limits:
    if mac.max_dr is not None:
        limits = replace(limits, max_dr=min(limits.max_dr, mac.max_dr))
    if mac.max_tx_power is not None:
        limits = replace(limits, max_tx_power=min(limits.max_tx_power, mac.max_tx_power))
    return limits


def _link_adr_reqs(mac: Mac, link: Link, plan: Plan) -> tuple[MacCommand, ...]:
    masks = _masks(mac, plan)
    return tuple(
        LinkADRReq(link.tx_power, link.dr, mask, link.nb_trans, cntl) for cntl, mask in masks
    )


def _masks(mac: Mac, plan: Plan) -> list[ChMask]:
    assert plan.masks is not None
    if mac.keeps_channels:
        return [(ALL_DEFINED, 0)]
    current = _bits(mac.mask) if mac.mask is not None else None
    return channel_mask(_bits(_wanted(mac, plan)), plan.masks, current)


def _wanted(mac: Mac, plan: Plan) -> int:
    """The channels that should be on, of those that the device knows."""
    return plan.wanted & plan.defined(mac) or plan.defined(mac)


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def _requested_link(mac: Mac) -> Link | None:
    for raw in reversed(mac.requested):
        if raw[0] == LinkADRReq.CID:
            one = LinkADRReq.from_bytes(raw)
            return Link(one.data_rate, one.tx_power, one.nb_trans)
    return None


def _status_is_urgent(activation: Activation, moment: Moment) -> bool:
    if activation.status_due is None:
        activation.status_due = moment.monotonic_s + DAY_S
    return moment.monotonic_s >= activation.status_due


def _status_goes_along(mac: Mac, f_cnt: int) -> bool:
    return mac.status_asked is None or f_cnt - mac.status_asked >= DAY_UPLINKS
