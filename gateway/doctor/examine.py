"""All checks, in their order; what waits waits at the same time."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final

from gateway.background import begun
from gateway.cli.language import _, number
from gateway.doctor import broker, machine, radio, service, storage
from gateway.doctor.finding import Finding, Found, Group, Known

SECONDS: Final = 10.0
GROUPS: Final[tuple[Group[Any], ...]] = (
    service.CONFIGURATION, service.GROUP, radio.GROUP, machine.GROUP, broker.GROUP, storage.GROUP,
    service.KERNEL,
)  # fmt: skip


def examine(
    known: Known, seconds: float = SECONDS, groups: Sequence[Group[Any]] = GROUPS
) -> Iterator[Found]:
    """One finding a check, each as soon as it and those before it are known."""
    ends = time.monotonic() + seconds
    gathering = [(group, begun(lambda group=group: group.gather(known))) for group in groups]  # type: ignore[misc]
    for group, facts in gathering:
        yield from _judged(known, group, facts, ends, seconds)


def _judged(
    known: Known, group: Group[Any], facts: Future[Any], ends: float, seconds: float
) -> Iterator[Found]:
    try:
        gathered = facts.result(max(0.0, ends - time.monotonic()))
    except TimeoutError:
        late = Finding("unknown", _("not known after {n} s", n=number(seconds)))
        yield from (Found(check, late) for check in group.checks)
    else:
        yield from (Found(check, check.judge(known, gathered)) for check in group.checks)
