"""What the city wants sent to a device, where that stands, and what the city is told of it.

`gateway.lorawan.queue` has the rules.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from drivers.concentrator import TxStatus


class State(StrEnum):
    WAITING = "waiting"
    HANDED_OVER = "handed_over"
    AWAITS_ACK = "awaits_ack"
    DONE = "done"


class Verdict(StrEnum):
    """How a downlink may end beside a transmission's words (`TxStatus`)."""

    ACKED = "ACKED"
    NOT_ACKED = "NOT_ACKED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Order:
    """A downlink as the city wants it; `expires_at`, and `at` which it waits for, are Unix time."""

    correlation: str
    dev_eui: int
    f_port: int
    payload: bytes
    confirmed: bool = False
    priority: int = 0
    expires_at: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """An order in the queue; numbers rise. It was sent in `session` with `f_cnt`.

    Its transmission ends at `ends_at`, monotonic seconds; only this run knows that.
    """

    number: int
    order: Order
    state: State = State.WAITING
    attempts: int = 0
    session: bytes = b""
    f_cnt: int | None = None
    ends_at: float = field(default=-inf, compare=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What the city is told of a downlink; after a `final` one nothing more comes."""

    order: Order
    status: TxStatus | Verdict
    f_cnt: int | None = None
    reason: str | None = None
    final: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What changed, to be committed in one transaction: rows written whole, and results told."""

    downlinks: tuple[Queued, ...] = ()
    results: tuple[Result, ...] = ()

    def __add__(self, other: "Step") -> "Step":
        return Step(self.downlinks + other.downlinks, self.results + other.results)


NOTHING = Step()


def stale(order: Order, now: float | None) -> str:
    """Why it is refused as soon as it comes; "" if it is not."""
    if has_expired(order, now):
        return "expires_at had passed when it came"
    if order.at is None:
        return ""
    if now is None:
        return "it has a moment (at), and the gateway does not know the time"
    if order.at <= now:
        return "at had passed when it came"
    is_late = order.expires_at is not None and order.expires_at <= order.at
    return "it would expire before its moment (at)" if is_late else ""


def is_time(order: Order, now: float | None) -> bool:
    """Whether it may go now, as far as that is known."""
    if now is None:
        return order.expires_at is None and order.at is None
    return order.at is None or order.at <= now


def has_expired(order: Order, now: float | None) -> bool:
    return order.expires_at is not None and now is not None and order.expires_at <= now
