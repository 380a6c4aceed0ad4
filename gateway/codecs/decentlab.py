"""[decentlab] of a device file: groups of words and their formulas (native/decentlab.pyx)."""

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from gateway.codecs.layouts import Decode


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    label: str
    formula: str
    unit: str | None = None


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: int
    values: list[Value]


class DecentlabTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`group`: one for each flag from bit 0 up; `constants`: what the formulas may name."""

    group: list[Group]
    constants: dict[str, float] = {}

    def decode(self) -> "Decode":
        """The engine with this table; ValueError where a formula is none."""
        from native.decentlab import Decoder  # memory: only who has such a device

        groups: list[Any] = [
            (group.words, [(v.name, v.label, v.unit, v.formula) for v in group.values])
            for group in self.group
        ]
        return Decoder(groups, self.constants).decode
