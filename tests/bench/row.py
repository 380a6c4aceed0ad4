"""What a bench prints: one row, so that it can be read beside its limit and its goal."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`limit` is what the machine itself allows in the same run; `met` is None if not measured."""

    what: str
    measured: str
    limit: str
    goal: str
    met: bool | None
