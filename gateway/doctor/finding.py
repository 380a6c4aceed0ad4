"""What a check finds, what it is told, and how checks stand together in a group."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from gateway.diagnostics.machine import Machine
from gateway.settings import Settings

Level: TypeAlias = Literal["ok", "note", "bad", "unknown"]
Facts = TypeVar("Facts")


class Finding(NamedTuple):
    """`what` was found, what it `means`, what to `do`; the last two are "" where all is well."""

    level: Level
    what: str
    means: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before anything is gathered.

    `settings` None: the configuration is wrong, `config_problem` says how. `status` is the
    daemon's, None while it does not answer. `clock` is the time's quality by the machine's own
    word, `at` Unix seconds, None while it cannot be trusted.
    """

    file: Path
    settings: Settings | None
    config_problem: str
    config_warnings: tuple[str, ...]
    status: dict[str, Any] | None
    status_problem: str
    machine: Machine
    clock: str
    at: float | None


class Check(NamedTuple, Generic[Facts]):
    """`name` is JSON's, `title` a marked sentence for people."""

    name: str
    title: str
    judge: Callable[[Known, Facts], Finding]


class Group(NamedTuple, Generic[Facts]):
    """`gather` waits for what its checks need; None: there is nothing to gather."""

    name: str
    gather: Callable[[Known], Facts]
    checks: tuple[Check[Facts], ...]


class Found(NamedTuple):
    check: Check[Any]
    finding: Finding
