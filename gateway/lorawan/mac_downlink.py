"""The MAC commands that the network sends, and how many of them a downlink takes.

Rules:

- What the device asked for goes before what the network wants; within each the order is kept.
- All LinkADRReq of a downlink are one block: the device applies them together or not at all, and
  there may be one block only (TS001-1.0.4 §5.2). It stands where its first one stood and is never
  split.
- FOpts has room for 15 bytes. What does not fit there goes into FPort 0, in a frame without an
  application's payload, or waits for the next downlink.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from gateway.lorawan.mac_commands import MacCommand, bits, flag, frequency

FOPTS_ROOM = 15

Commands = tuple[MacCommand, ...]


class ResetConf(MacCommand, frozen=True):
    """1.1: answers ResetInd; the network speaks LoRaWAN 1.`minor`."""

    CID: ClassVar[int] = 0x01
    ANSWERS_DEVICE: ClassVar[bool] = True
    minor: Annotated[int, bits(0, 4)]


class LinkCheckAns(MacCommand, frozen=True):
    """How far above the demodulation floor the device was heard, in dB, by how many gateways."""

    CID: ClassVar[int] = 0x02
    ANSWERS_DEVICE: ClassVar[bool] = True
    margin: Annotated[int, bits(0, 8, high=254)]
    gw_cnt: Annotated[int, bits(8, 8)]


class LinkADRReq(MacCommand, frozen=True):
    """Data rate, power, channels and repetitions.

    From 1.0.4 on data rate or power 15 keeps what the device has. Of a block the last one's data
    rate, power and `nb_trans` count; the masks apply in order.
    """

    CID: ClassVar[int] = 0x03
    tx_power: Annotated[int, bits(0, 4)]
    data_rate: Annotated[int, bits(4, 4)]
    ch_mask: Annotated[int, bits(8, 16)]
    nb_trans: Annotated[int, bits(24, 4)]
    ch_mask_cntl: Annotated[int, bits(28, 3)]


class DutyCycleReq(MacCommand, frozen=True):
    """The device may send for 1 / 2^`max_d_cycle` of the time."""

    CID: ClassVar[int] = 0x04
    max_d_cycle: Annotated[int, bits(0, 4)]


class RXParamSetupReq(MacCommand, frozen=True):
    """RX1's offset, RX2's data rate and frequency in Hz."""

    CID: ClassVar[int] = 0x05
    rx2_data_rate: Annotated[int, bits(0, 4)]
    rx1_dr_offset: Annotated[int, bits(4, 3)]
    frequency: Annotated[int, frequency(8)]


class DevStatusReq(MacCommand, frozen=True):
    """Asks for battery and margin."""

    CID: ClassVar[int] = 0x06


class NewChannelReq(MacCommand, frozen=True):
    """Makes or alters channel `ch_index`; frequency 0 switches it off."""

    CID: ClassVar[int] = 0x07
    ch_index: Annotated[int, bits(0, 8)]
    frequency: Annotated[int, frequency(8)]
    min_dr: Annotated[int, bits(32, 4)]
    max_dr: Annotated[int, bits(36, 4)]


class RXTimingSetupReq(MacCommand, frozen=True):
    """RX1 opens `delay` seconds after the uplink; 0 is 1 s too."""

    CID: ClassVar[int] = 0x08
    delay: Annotated[int, bits(0, 4)]


class TxParamSetupReq(MacCommand, frozen=True):
    """Dwell times of 400 ms, and the EIRP by its index (8 … 36 dBm)."""

    CID: ClassVar[int] = 0x09
    max_eirp: Annotated[int, bits(0, 4)]
    uplink_dwell_time: Annotated[bool, flag(4)]
    downlink_dwell_time: Annotated[bool, flag(5)]


class DlChannelReq(MacCommand, frozen=True):
    """RX1 of channel `ch_index` is on `frequency` (Hz), not on the uplink's."""

    CID: ClassVar[int] = 0x0A
    ch_index: Annotated[int, bits(0, 8)]
    frequency: Annotated[int, frequency(8)]


class RekeyConf(MacCommand, frozen=True):
    """1.1: answers RekeyInd; the network speaks LoRaWAN 1.`minor`."""

    CID: ClassVar[int] = 0x0B
    ANSWERS_DEVICE: ClassVar[bool] = True
    minor: Annotated[int, bits(0, 4)]


class ADRParamSetupReq(MacCommand, frozen=True):
    """1.1: ADR_ACK_LIMIT is 2^`limit_exp`, ADR_ACK_DELAY 2^`delay_exp`."""

    CID: ClassVar[int] = 0x0C
    delay_exp: Annotated[int, bits(0, 4)]
    limit_exp: Annotated[int, bits(4, 4)]


class DeviceTimeAns(MacCommand, frozen=True):
    """GPS time when the uplink ended: seconds since 1980-01-06, and 1/256 s (`leap_seconds`)."""

    CID: ClassVar[int] = 0x0D
    ANSWERS_DEVICE: ClassVar[bool] = True
    seconds: Annotated[int, bits(0, 32)]
    fraction: Annotated[int, bits(32, 8)]


class ForceRejoinReq(MacCommand, frozen=True):
    """1.1: send a Rejoin-Request of type 0 or 2 at once, at `data_rate`.

    `max_retries` more follow, 32 s · 2^`period` and a random time apart.
    """

    CID: ClassVar[int] = 0x0E
    data_rate: Annotated[int, bits(0, 4)]
    rejoin_type: Annotated[int, bits(4, 3, high=2)]
    max_retries: Annotated[int, bits(8, 3)]
    period: Annotated[int, bits(11, 3)]


class RejoinParamSetupReq(MacCommand, frozen=True):
    """1.1: rejoin after 2^(`max_count_n` + 4) uplinks or 2^(`max_time_n` + 10) seconds."""

    CID: ClassVar[int] = 0x0F
    max_count_n: Annotated[int, bits(0, 4)]
    max_time_n: Annotated[int, bits(4, 4)]


class DeviceModeConf(MacCommand, frozen=True):
    """1.1: answers DeviceModeInd with the class that holds from now on: A (0) or C (2)."""

    CID: ClassVar[int] = 0x20
    ANSWERS_DEVICE: ClassVar[bool] = True
    device_class: Annotated[int, bits(0, 8, high=2)]


def fit(commands: Sequence[MacCommand], room: int) -> tuple[Commands, Commands]:
    """What of `commands` goes into `room` bytes, as it is sent, and what is left: together all.

    The first that does not fit ends it, so that nothing is overtaken for ever.
    """
    units = _by_rank(commands)
    for taken, unit in enumerate(units):
        room -= sum(1 + command.payload_size() for command in unit)
        if room < 0:
            return _as_sent(units[:taken]), _flat(units[taken:])
    return _as_sent(units), ()


def _by_rank(commands: Sequence[MacCommand]) -> list[Commands]:
    """What may not be torn apart, one after the other: what comes first is the last to be left."""
    block = tuple(command for command in commands if isinstance(command, LinkADRReq))
    units: list[Commands] = []
    for command in commands:
        if not isinstance(command, LinkADRReq):
            units.append((command,))
        elif block not in units:
            units.append(block)
    return sorted(units, key=lambda unit: not unit[0].ANSWERS_DEVICE)


def _as_sent(units: Sequence[Commands]) -> Commands:
    """The LinkADRReq block last: LoRaMac-node does not see a DevStatusReq that ends the frame
    directly behind it."""
    return _flat(sorted(units, key=lambda unit: isinstance(unit[0], LinkADRReq)))


def _flat(units: Sequence[Commands]) -> Commands:
    return tuple(command for unit in units for command in unit)
