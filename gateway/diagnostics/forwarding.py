"""`{"op":"forward"}` on the control socket: pause forwarding, let it go on, try what is parked.

`{"op":"forward","action":"pause","minutes":60}`, `"resume"`, `"retry"`, `"status"` (or no action).
It is answered with how it stands then. A pause ends by itself, and with the daemon.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.northbound.forwarder import Forwarder
from gateway.northbound.pause import LONGEST_SECONDS, USUAL_SECONDS
from gateway.shapes import plainly


class Request(msgspec.Struct):
    action: Literal["pause", "resume", "retry", "status"] = "status"
    minutes: Annotated[float, Meta(gt=0, le=LONGEST_SECONDS / 60)] = USUAL_SECONDS / 60


def answer(forwarder: Forwarder | None, request: dict[str, Any], backlog: int) -> dict[str, Any]:
    """Do what is asked; how it stands then, or what is wrong with the request."""
    try:
        asked = msgspec.convert(request, Request)
    except msgspec.ValidationError as error:
        return {"error": f"not understood: {plainly(error)}"}
    if forwarder is None:
        return {"error": "nothing is forwarded yet: the gateway's EUI is not known"}
    told: dict[str, Any] = {}
    match asked.action:
        case "pause":
            forwarder.pause(asked.minutes * 60)
        case "resume":
            forwarder.resume()
        case "retry":
            told = {"retried": forwarder.retry_parked()}
    state = forwarder.state
    left = state.paused
    return {
        "forward": "running" if left is None else "paused",
        "seconds_left": None if left is None else round(left, 1),
        "connected": state.connected,
        "backlog": backlog,
        "parked": state.parked,
        **told,
    }
