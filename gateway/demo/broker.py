"""The demo's MQTT broker: amqtt, inside this process, on a port of its own on the loopback."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from gateway.errors import GatewayError

LISTENER = "default"
CONFIG: dict[str, Any] = {
    # "external": the port is ours, so that we know which one it is
    "listeners": {LISTENER: {"type": "external", "bind": "127.0.0.1:0"}},
    "plugins": {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
    },
}


@asynccontextmanager
async def serve() -> AsyncIterator[tuple[str, int]]:
    """Run a broker and give its (host, port); it speaks MQTT 3.1.1 and takes anyone."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # a client that leaves is no news
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    try:
        from amqtt.broker import Broker
    except ImportError as error:
        raise GatewayError(
            "the demo needs a broker of its own, and amqtt is not installed; "
            "install it (python -m pip install 'kogge[demo]'), or use `make demo`"
        ) from error
    broker = Broker(CONFIG)
    await broker.start()
    connected = partial(broker.stream_connected, listener_name=LISTENER)
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await broker.shutdown()
