"""The MAC commands that a device sends, in FOpts or as the FRMPayload of FPort 0.

Rules:

- Commands follow each other without a separator: one whose CID is unknown, or whose payload is
  cut off, ends the reading. What was read before it counts.
- The commands of LoRaWAN 1.1 are unknown in a session of 1.0.x.
- Class B's are stepped over: their sizes are known, they are not served.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from gateway.lorawan.mac_commands import MacCommand, bits, flag, signed_bits


class ResetInd(MacCommand, frozen=True):
    """1.1, ABP: the device has reset its MAC state; it speaks LoRaWAN 1.`minor`."""

    CID: ClassVar[int] = 0x01
    minor: Annotated[int, bits(0, 4)]


class LinkCheckReq(MacCommand, frozen=True):
    """The device asks how well it is heard."""

    CID: ClassVar[int] = 0x02


class LinkADRAns(MacCommand, frozen=True):
    """What of a LinkADRReq block would do; with one flag off nothing of it was applied.

    Before 1.1 a device repeats it once for each LinkADRReq of the block.
    """

    CID: ClassVar[int] = 0x03
    channel_mask_ack: Annotated[bool, flag(0)]
    data_rate_ack: Annotated[bool, flag(1)]
    power_ack: Annotated[bool, flag(2)]


class DutyCycleAns(MacCommand, frozen=True):
    """The device keeps the duty cycle asked for."""

    CID: ClassVar[int] = 0x04


class RXParamSetupAns(MacCommand, frozen=True):
    """What of an RXParamSetupReq would do; repeated until the device hears a downlink."""

    CID: ClassVar[int] = 0x05
    channel_ack: Annotated[bool, flag(0)]
    rx2_data_rate_ack: Annotated[bool, flag(1)]
    rx1_dr_offset_ack: Annotated[bool, flag(2)]


class DevStatusAns(MacCommand, frozen=True):
    """The device's battery, and the SNR in dB at which it heard the DevStatusReq.

    `battery` is 0 on external power, 1 (empty) … 254 (full), 255 when it cannot be measured.
    """

    CID: ClassVar[int] = 0x06
    battery: Annotated[int, bits(0, 8)]
    margin: Annotated[int, signed_bits(8, 6)]

    @property
    def external_power(self) -> bool:
        return self.battery == 0

    @property
    def battery_percent(self) -> float | None:
        """0 … 100; None on external power or when the device could not measure it."""
        return (self.battery - 1) / 253 * 100 if 1 <= self.battery <= 254 else None


class NewChannelAns(MacCommand, frozen=True):
    """What of a NewChannelReq would do."""

    CID: ClassVar[int] = 0x07
    frequency_ok: Annotated[bool, flag(0)]
    data_rate_range_ok: Annotated[bool, flag(1)]


class RXTimingSetupAns(MacCommand, frozen=True):
    """The device keeps the RX1 delay asked for; repeated until it hears a downlink."""

    CID: ClassVar[int] = 0x08


class TxParamSetupAns(MacCommand, frozen=True):
    """The device keeps the dwell times and EIRP asked for."""

    CID: ClassVar[int] = 0x09


class DlChannelAns(MacCommand, frozen=True):
    """What of a DlChannelReq would do; repeated until the device hears a downlink."""

    CID: ClassVar[int] = 0x0A
    frequency_ok: Annotated[bool, flag(0)]
    uplink_frequency_exists: Annotated[bool, flag(1)]


class RekeyInd(MacCommand, frozen=True):
    """1.1, OTAA: the device uses the keys of its last join; it speaks LoRaWAN 1.`minor`."""

    CID: ClassVar[int] = 0x0B
    minor: Annotated[int, bits(0, 4)]


class ADRParamSetupAns(MacCommand, frozen=True):
    """1.1: the device keeps the ADR_ACK_LIMIT and ADR_ACK_DELAY asked for."""

    CID: ClassVar[int] = 0x0C


class DeviceTimeReq(MacCommand, frozen=True):
    """The device asks what time it was when this uplink ended."""

    CID: ClassVar[int] = 0x0D


class RejoinParamSetupAns(MacCommand, frozen=True):
    """1.1: the device rejoins as often as asked for, `time_ok` also by time."""

    CID: ClassVar[int] = 0x0F
    time_ok: Annotated[bool, flag(0)]


class DeviceModeInd(MacCommand, frozen=True):
    """1.1: the device is of class A (0) or C (2) from now on."""

    CID: ClassVar[int] = 0x20
    device_class: Annotated[int, bits(0, 8)]


UPLINK_1_0: dict[int, type[MacCommand]] = {
    command.CID: command
    for command in (
        LinkCheckReq,
        LinkADRAns,
        DutyCycleAns,
        RXParamSetupAns,
        DevStatusAns,
        NewChannelAns,
        RXTimingSetupAns,
        TxParamSetupAns,
        DlChannelAns,
        DeviceTimeReq,
    )
}
UPLINK_1_1: dict[int, type[MacCommand]] = UPLINK_1_0 | {
    command.CID: command
    for command in (ResetInd, RekeyInd, ADRParamSetupAns, RejoinParamSetupAns, DeviceModeInd)
}
CLASS_B_SIZES = {0x10: 1, 0x11: 1, 0x12: 0, 0x13: 1}
"""PingSlotInfoReq, PingSlotChannelAns, BeaconTimingReq, BeaconFreqAns: bytes after the CID."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The commands of one uplink; CIDs of what was stepped over, and of what ended the reading.

    `misplaced` counts commands that such a device has no right to.
    """

    commands: tuple[MacCommand, ...] = ()
    class_b: tuple[int, ...] = ()
    unknown: int | None = None
    truncated: int | None = None
    misplaced: int = 0


def parse_uplink(data: bytes, version: str) -> Parsed:
    """Read the MAC commands of an uplink of a device of LoRaWAN `version`; never raises."""
    known = UPLINK_1_1 if version.startswith("1.1") else UPLINK_1_0
    commands: list[MacCommand] = []
    class_b: list[int] = []
    at = 0
    while at < len(data):
        cid = data[at]
        command = known.get(cid)
        size = command.payload_size() if command else CLASS_B_SIZES.get(cid)
        if size is None:
            return Parsed(tuple(commands), tuple(class_b), unknown=cid)
        end = at + 1 + size
        if end > len(data):
            return Parsed(tuple(commands), tuple(class_b), truncated=cid)
        if command:
            commands.append(command.from_bytes(data[at:end]))
        else:
            class_b.append(cid)
        at = end
    return Parsed(tuple(commands), tuple(class_b))
