"""The MAC commands of an uplink: what they change, and what the device is answered.

Rules:

- An answer counts if the request that it belongs to is outstanding: by CID, and where there are
  several by their order. All LinkADRAns of an uplink answer one block. What answers nothing that
  was asked is counted and skipped, and so is what is unknown or cut off.
- What a device refuses is remembered and not asked again in this session. A refused data rate or
  power bounds those asked for later. A device that refuses a channel mask keeps the channels that
  it knows; one that refuses that too is asked no more (`max_dr` is -1): each refusal leaves less.
- Answers about receive windows are repeated until the device hears a downlink, any downlink.
- Commands are in FOpts or on FPort 0. A frame with both is malformed, and never comes here.
- ResetInd is for ABP devices alone, RekeyInd for OTAA (LoRaWAN 1.1 §5.1, §5.10), and both speak of
  1.1 at least: a conf must not name a later version than its device has. Others are counted and
  skipped.
- What the device asks for is answered once a kind. The time is that of the end of this uplink, also
  of a repeated one: that is the one which the device remembers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from drivers.concentrator import RxPacket
from gateway.lorawan.adr import Link
from gateway.lorawan.leap_seconds import gps_time
from gateway.lorawan.mac_commands import MacCommand
from gateway.lorawan.mac_downlink import (
    DeviceModeConf,
    DeviceTimeAns,
    LinkADRReq,
    LinkCheckAns,
    NewChannelReq,
    RekeyConf,
    ResetConf,
    RXParamSetupReq,
    RXTimingSetupReq,
)
from gateway.lorawan.mac_state import FACTORY, Mac, RxParams
from gateway.lorawan.mac_uplink import (
    DeviceModeInd,
    DeviceTimeReq,
    DevStatusAns,
    DlChannelAns,
    LinkADRAns,
    LinkCheckReq,
    NewChannelAns,
    Parsed,
    RekeyInd,
    ResetInd,
    RXParamSetupAns,
    RXTimingSetupAns,
    TxParamSetupAns,
    parse_uplink,
)
from gateway.lorawan.moment import Moment
from gateway.lorawan.plan import Plan, floor_of

NOTHING = Parsed()
REQUESTS = (LinkCheckReq, DeviceTimeReq, RekeyInd, ResetInd, DeviceModeInd)
REPEATED = (RXParamSetupAns, RXTimingSetupAns, TxParamSetupAns, DlChannelAns)
MINOR = 1  # of LoRaWAN 1.1, for RekeyConf and ResetConf
CLASS_A, CLASS_C = 0, 2


@dataclass(frozen=True, slots=True)
class Heard:
    """What the commands of an uplink have changed: `mac` is what holds now.

    `settled`: something asked for was answered. `waits`: the device repeats itself until it hears a
    downlink. `status` is a DevStatusAns that was asked for; `skipped` counts the rest.
    """

    mac: Mac
    settled: bool = False
    waits: bool = False
    status: DevStatusAns | None = None
    skipped: int = 0


NOT_HEARD = Heard(FACTORY)
"""Of an uplink without commands, and of one that was heard before."""


def commands_of(
    f_opts: bytes, f_port: int, frm_payload: bytes, version: str, *, abp: bool
) -> Parsed:
    """The MAC commands that an uplink carries."""
    data = f_opts or (frm_payload if f_port == 0 else b"")
    if not data:
        return NOTHING
    parsed = parse_uplink(data, version)
    kept = tuple(one for one in parsed.commands if _is_in_place(one, abp=abp))
    return replace(parsed, commands=kept, misplaced=len(parsed.commands) - len(kept))


def _is_in_place(command: MacCommand, *, abp: bool) -> bool:
    match command:
        case ResetInd(minor):
            return abp and minor >= MINOR
        case RekeyInd(minor):
            return not abp and minor >= MINOR
    return True


def hear(mac: Mac, parsed: Parsed, plan: Plan) -> Heard:
    """Take the commands of a new uplink."""
    cut = (parsed.unknown is not None) + (parsed.truncated is not None)
    heard = Heard(mac, skipped=len(parsed.class_b) + parsed.misplaced + cut)
    for kind in dict.fromkeys(type(command) for command in parsed.commands):
        answers = [command for command in parsed.commands if isinstance(command, kind)]
        if kind is ResetInd:
            reset = replace(
                FACTORY,
                confirmed=mac.confirmed,
                confirmed_before=mac.confirmed_before,
                awaits_ack=mac.awaits_ack,
            )
            heard = replace(heard, mac=reset, settled=True)
        elif kind not in REQUESTS:
            heard = _settle(heard, kind, answers, plan)
    return heard


def answers(
    parsed: Parsed, packet: RxPacket, moment: Moment, class_c: bool
) -> tuple[MacCommand, ...]:
    """What the device asked for; `class_c` is what holds from now on."""
    kinds = dict.fromkeys(type(command) for command in parsed.commands)
    found = (_answer(kind, packet, moment, class_c) for kind in kinds)
    return tuple(answer for answer in found if answer is not None)


def _answer(
    kind: type[MacCommand], packet: RxPacket, moment: Moment, class_c: bool
) -> MacCommand | None:
    if kind is LinkCheckReq and packet.snr is not None:
        above = int(packet.snr - floor_of(packet.sf))
        return LinkCheckAns(margin=min(max(above, 0), 254), gw_cnt=1)
    if kind is DeviceTimeReq and moment.unix_ns is not None:
        return DeviceTimeAns(*gps_time(moment.unix_ns))
    if kind is RekeyInd:
        return RekeyConf(MINOR)
    if kind is ResetInd:
        return ResetConf(MINOR)
    if kind is DeviceModeInd:
        return DeviceModeConf(CLASS_C if class_c else CLASS_A)
    return None


def _settle(heard: Heard, kind: type[MacCommand], found: Sequence[MacCommand], plan: Plan) -> Heard:
    waits = heard.waits or kind in REPEATED
    asked = [request for request in heard.mac.requested if request[0] == kind.CID]
    settle = _SETTLED.get(kind)
    if not asked or settle is None:
        return replace(heard, waits=waits, skipped=heard.skipped + len(found))
    mac = settle(heard.mac, asked, found, plan)
    left = tuple(request for request in mac.requested if request[0] != kind.CID)
    status = next((one for one in found if isinstance(one, DevStatusAns)), heard.status)
    mac = replace(mac, requested=left, tries=0)
    return replace(heard, mac=mac, settled=True, waits=waits, status=status)


def _link_adr(mac: Mac, asked: list[bytes], found: Sequence[MacCommand], plan: Plan) -> Mac:
    block = [LinkADRReq.from_bytes(one) for one in asked]
    said = [one for one in found if isinstance(one, LinkADRAns)]
    channels, rate, power = (
        all(getattr(one, name) for one in said)
        for name in ("channel_mask_ack", "data_rate_ack", "power_ack")
    )
    last = block[-1]
    if channels and rate and power:
        link = Link(last.data_rate, last.tx_power, last.nb_trans)
        return replace(mac, link=link, mask=_masked(mac, block, plan))
    no_way = not channels and mac.keeps_channels
    return replace(
        mac,
        max_dr=-1 if no_way else mac.max_dr if rate else last.data_rate - 1,
        max_tx_power=mac.max_tx_power if power else last.tx_power - 1,
        keeps_channels=mac.keeps_channels or not channels,
    )


def _masked(mac: Mac, block: list[LinkADRReq], plan: Plan) -> int:
    """The channels that are on after a block of LinkADRReq was applied."""
    family, defined = plan.masks, plan.defined(mac)
    assert family is not None, "nothing was asked where masks are not known"
    narrow = (1 << family.switched) - 1
    on = plan.switched_on(mac)
    for one in block:
        if one.ch_mask_cntl == family.blocks:
            groups = (0xFF << 8 * bit for bit in range(8) if one.ch_mask >> bit & 1)
            on = sum(groups) | one.ch_mask << family.switched
        elif one.ch_mask_cntl == family.all_on:
            on = narrow | one.ch_mask << family.switched
        elif one.ch_mask_cntl == family.all_off:
            on = one.ch_mask << family.switched
        elif one.ch_mask_cntl == ALL_DEFINED and not plan.region.fixed:
            on = defined
        else:
            shift = 16 * one.ch_mask_cntl
            on = on & ~(0xFFFF << shift) | one.ch_mask << shift
    return on


ALL_DEFINED = 6
"""ChMaskCntl of a dynamic plan: every channel that the device knows is on (RP002-1.0.4 §2.4.5)."""


def _rx_params(mac: Mac, asked: list[bytes], found: Sequence[MacCommand], plan: Plan) -> Mac:
    request, answer = RXParamSetupReq.from_bytes(asked[-1]), found[-1]
    assert isinstance(answer, RXParamSetupAns)
    if not (answer.channel_ack and answer.rx2_data_rate_ack and answer.rx1_dr_offset_ack):
        return replace(mac, refused=(*mac.refused, asked[-1]))
    delay = plan.rx_of(mac).rx1_delay
    rx = RxParams(request.rx1_dr_offset, request.frequency, request.rx2_data_rate, delay)
    return _with_rx(mac, rx, plan)


def _rx_timing(mac: Mac, asked: list[bytes], found: Sequence[MacCommand], plan: Plan) -> Mac:
    delay = RXTimingSetupReq.from_bytes(asked[-1]).delay or 1
    return _with_rx(mac, replace(plan.rx_of(mac), rx1_delay=delay), plan)


def _with_rx(mac: Mac, rx: RxParams, plan: Plan) -> Mac:
    return replace(mac, rx=None if rx == plan.factory else rx)


def _new_channels(mac: Mac, asked: list[bytes], found: Sequence[MacCommand], plan: Plan) -> Mac:
    for raw, answer in zip(asked, found, strict=False):
        assert isinstance(answer, NewChannelAns)
        if not (answer.frequency_ok and answer.data_rate_range_ok):
            mac = replace(mac, refused=(*mac.refused, raw))
            continue
        request = NewChannelReq.from_bytes(raw)
        channels = dict(mac.channels) | {request.ch_index: request.frequency}
        mask = None if mac.mask is None else mac.mask | 1 << request.ch_index
        mac = replace(mac, channels=tuple(sorted(channels.items())), mask=mask)
    return mac


def _status(mac: Mac, asked: list[bytes], found: Sequence[MacCommand], plan: Plan) -> Mac:
    answer = found[-1]
    assert isinstance(answer, DevStatusAns)
    return replace(mac, battery=answer.battery, margin=answer.margin)


_Settle = Callable[[Mac, list[bytes], Sequence[MacCommand], Plan], Mac]
_SETTLED: dict[type[MacCommand], _Settle] = {
    LinkADRAns: _link_adr,
    RXParamSetupAns: _rx_params,
    RXTimingSetupAns: _rx_timing,
    NewChannelAns: _new_channels,
    DevStatusAns: _status,
}
