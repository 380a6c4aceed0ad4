"""Orders for the downlink queue, and what a step tells."""

from dataclasses import replace

from gateway.lorawan.order import Order, Step

DEVICE, OTHER = 0x70B3D57ED0000001, 0x70B3D57ED0000002
SESSION, REJOINED = b"\x00\x00\x01\x00\x02", b"\x00\x00\x02\x00\x03"
ROOM = 51
NOW = 1_790_000_000.0


def order(correlation: str = "a", dev_eui: int = DEVICE, **changes: object) -> Order:
    return replace(Order(correlation, dev_eui, 1, b"open"), **changes)  # type: ignore[arg-type]


def told(step: Step) -> list[tuple[str, str, int | None, bool]]:
    return [(one.order.correlation, str(one.status), one.f_cnt, one.final) for one in step.results]
