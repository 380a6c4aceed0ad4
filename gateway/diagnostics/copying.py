"""`{"op":"backup"}` on the control socket: a consistent copy of the state, made beside the work.

Answered with `{"image", "keys", "eui"}`: the database without readings (base64), the keys that open
its sessions (hex), the gateway's EUI. `{"op":"backup","after":N}` is answered with `{"rows"}`: the
next undelivered readings as they are stored, above sequence number N; none when there are no more.
Nothing stays open between two requests.
"""

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.errors import GatewayError
from gateway.shapes import plainly
from gateway.store import copying
from gateway.store.database import Store


class Request(msgspec.Struct):
    after: Annotated[int, Meta(ge=0)] | None = None


async def answer(store: Store, eui: str, request: dict[str, Any]) -> dict[str, Any]:
    """What is asked for, or what is in the way."""
    try:
        after = msgspec.convert(request, Request).after
    except msgspec.ValidationError as error:
        return {"error": f"not understood: {plainly(error)}"}
    try:
        if after is None:
            return await _state(store, eui)
        rows = await store.inspect(lambda connection: copying.rows(connection, after))
    except (GatewayError, OSError) as error:
        return {"error": str(error)}
    return {"rows": [[*row[:3], base64.b64encode(row[3]).decode()] for row in rows]}


async def _state(store: Store, eui: str) -> dict[str, Any]:
    image = await store.inspect(copying.copy)
    keys = await store.keys()
    return {
        "image": base64.b64encode(image).decode(),
        "keys": [key.hex() for key in keys],
        "eui": eui,
    }
