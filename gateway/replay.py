"""What the city may ask for once more, and every command's answer beside those of downlinks."""

from dataclasses import dataclass
from typing import Final

from gateway.records import Event, Moment, Reading, Value

WAITING: Final = 16  # replays at most


@dataclass(frozen=True, slots=True)
class Span:
    """Readings received from `begins` until before `ends` (Unix seconds), of one device or all."""

    begins: float
    ends: float
    device: str | None = None

    def has(self, reading: Reading) -> bool:
        """One that never got a time is in no span."""
        at = reading.moment.at
        mine = self.device in (None, reading.device)
        return mine and at is not None and self.begins <= at < self.ends


@dataclass(frozen=True, slots=True)
class Command:
    """As it is kept on disk. A `span` makes it a replay: all blocks up to number `cursor` have been
    gone through, `count` readings of them delivered, `damaged` ones could not be read, `refused`
    ones the broker does not take.
    """

    correlation: str
    name: str
    span: Span | None = None
    number: int = 0
    done: bool = True
    cursor: int = 0
    count: int = 0
    damaged: int = 0
    refused: int = 0


def answer(
    moment: Moment,
    command: str,
    correlation: str | None,
    status: str,
    reason: str,
    **more: Value,
) -> Event:
    """The event that tells what became of a command; `more` are its own keys."""
    detail = {"command": command, "correlation": correlation, "status": status, "reason": reason}
    return Event("command", moment, {**detail, **more})


def replayed(moment: Moment, command: Command) -> Event:
    """The answer to a replay that is done."""
    reason = f"{command.count} readings"
    if command.damaged:
        reason += f"; {command.damaged} more cannot be read: their part of the archive is damaged"
    more: dict[str, Value] = {"count": command.count}
    if command.refused:
        reason += f"; {command.refused} more the broker refused for good"
        more["refused"] = command.refused
    return answer(moment, command.name, command.correlation, "OK", reason, **more)
