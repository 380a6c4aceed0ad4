"""`{"op":"join"}` on the control socket: ask how joining stands, open it, close it.

`{"op":"join","minutes":15}` opens it for so long, `{"op":"join","open":true}` until it is closed,
`{"op":"join","open":false}` closes it. It is answered with how it stands then. What was said here
holds until the daemon is started anew; then kogge.toml's `lorawan.join` does.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.lorawan.join_control import JoinControl
from gateway.shapes import plainly

LONGEST = 24 * 60  # minutes


class Request(msgspec.Struct):
    """`minutes` opens; so `open` may be left out with it, and must not contradict."""

    open: bool | None = None
    minutes: Annotated[float, Meta(gt=0, le=LONGEST)] | None = None


def answer(control: JoinControl, request: dict[str, Any], now: float) -> dict[str, Any]:
    """Do what is asked; how joining stands then, or what is wrong with the request."""
    try:
        asked = msgspec.convert(request, Request)
    except msgspec.ValidationError as error:
        return {"error": f"not understood: {plainly(error)}"}
    if asked.minutes is not None:
        if asked.open is False:
            return {"error": "minutes are for opening"}
        control.open_until(now + asked.minutes * 60)
    elif asked.open is not None:
        (control.open if asked.open else control.close)()
    return standing(control, now)


def standing(control: JoinControl, now: float) -> dict[str, Any]:
    """`seconds_left` is None while nothing ends it."""
    left = control.seconds_left(now)
    return {
        "join": "closed" if left == 0 else "open",
        "seconds_left": None if not left else round(left, 1),
        "allow": list(control.allow),
        "joins_per_minute": control.joins_per_minute,
    }
