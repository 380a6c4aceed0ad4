"""[milesight] of a device file: channel u8, type u8, value, again and again (native/layout.pyx).

What a device says of itself in channel ff, and answers to commands in fe or ff, is told by name or
by type alone. ValueError where a table cannot be.
"""

from typing import TYPE_CHECKING

import msgspec

from gateway.codecs.layouts import Byte, Decode, FieldTable, Words, fields_of

if TYPE_CHECKING:
    from native.layout import Channel


class ChannelTable(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"type_": "type", "size": "bytes"},
):
    """What follows one of `channels` and the type: `bytes` bytes, objects of the list `into`."""

    channels: list[Byte]
    type_: Byte
    size: int
    fields: list[FieldTable]
    into: str | None = None


class AnswerTable(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"type_": "type", "size": "bytes"},
):
    """What a device answers to a command, in channel fe or ff."""

    type_: Byte
    size: int
    fields: list[FieldTable]
    into: str | None = None


def _version(first: FieldTable, second: FieldTable) -> FieldTable:
    return FieldTable(parts=[first, second], join=".", prefix="v")


_CLASSES: Words = {"0": "Class A", "1": "Class B", "2": "Class C", "3": "Class CtoB"}
_ABOUT: dict[str, tuple[int, int, FieldTable]] = {
    "ipso_version": (0x01, 1, _version(FieldTable(shift=4), FieldTable(mask=15))),
    "hardware_version": (0x09, 2, _version(FieldTable(digits=1), FieldTable(at=1, shift=4))),
    "firmware_version": (0x0A, 2, _version(FieldTable(digits=1), FieldTable(at=1, digits=1))),
    "device_status": (0x0B, 1, FieldTable(constant="on")),
    "lorawan_class": (0x0F, 1, FieldTable(words=_CLASSES, otherwise="unknown")),
    "sn": (0x16, 8, FieldTable(size=8, order="big", digits=16)),
    "reset_event": (0xFE, 1, FieldTable(constant="reset")),
    "tsl_version": (0xFF, 2, _version(FieldTable(), FieldTable(at=1))),
}
_ANSWERS = (0xFE, 0xFF)


class MilesightTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`about`: what the device says of itself in channel ff, of _ABOUT."""

    channel: list[ChannelTable]
    about: list[str] = []
    answer: list[AnswerTable] = []

    def decode(self) -> Decode:
        from native.layout import Channel, Channels  # memory: only who has such a device

        table: dict[int, Channel] = {}
        for answer in self.answer:
            made = Channel(answer.size, fields_of(answer.fields, "little"), answer.into)
            table |= {channel << 8 | answer.type_: made for channel in _ANSWERS}
        table |= dict(map(_about, self.about))
        for one in self.channel:
            made = Channel(one.size, fields_of(one.fields, "little"), one.into)
            table |= {channel << 8 | one.type_: made for channel in one.channels}
        return Channels(table, list(_ANSWERS) if self.answer else []).decode


def _about(name: str) -> "tuple[int, Channel]":
    from native.layout import Channel

    if name not in _ABOUT:
        raise ValueError(f"about has no {name!r}; known are {', '.join(_ABOUT)}")
    type_, size, field = _ABOUT[name]
    named = msgspec.structs.replace(field, name=name)
    return 0xFF00 | type_, Channel(size, [named.field("little")])
