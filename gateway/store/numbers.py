"""Numbers that rise for ever, over restarts and power cuts, at the price of few writes."""

from dataclasses import dataclass

BLOCK = 1000


@dataclass(slots=True)
class Numbers:
    """`next` is used only below `reserved`, and `reserved` is on disk before a number is used.

    A run goes on at the reservation of the run before it: numbers are skipped, never repeated.
    """

    name: str
    next: int
    reserved: int

    @classmethod
    def after(cls, name: str, reserved: int) -> "Numbers":
        return cls(name, reserved, reserved)

    def reservation(self, count: int) -> dict[str, int]:
        """What must be on disk before `count` more are used; empty when it is already."""
        if self.next + count <= self.reserved:
            return {}
        return {self.name: self.next + count + BLOCK}

    def confirm(self, reservation: dict[str, int]) -> None:
        """The reservation is on disk."""
        self.reserved = max(self.reserved, reservation.get(self.name, 0))

    def take(self, count: int = 1) -> int:
        """The first of `count` numbers."""
        first = self.next
        self.next += count
        return first
