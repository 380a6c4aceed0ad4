"""One login and one PUBLISH, to find out where it fails; for `kogge doctor`.

It never disturbs the daemon: the client's name is `kogge-EUI-doctor`, there is no last will and no
session is left at the broker. The message goes to `{prefix}/{eui}/doctor`, not retained, to which
nobody subscribes; a broker whose access list forbids that topic has let the client in all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from aiomqtt import MqttError

from gateway.config import Mqtt
from gateway.northbound.broker import Broker
from gateway.northbound.client import Refused
from gateway.northbound.reasons import PUBACK, named
from gateway.northbound.tls import Certificates

logging.getLogger("mqtt").addHandler(logging.NullHandler())  # paho's words are no finding

SECONDS: Final = 6.0
TOPIC: Final = "doctor"


class Trial(NamedTuple):
    """What failed, in words; "": it did not. `refused`: the broker answered, and said no."""

    login: str = ""
    publish: str = ""
    refused: bool = False
    protocol: str = ""


async def attempt(
    mqtt: Mqtt, eui: str, trusted: Callable[[], bool], floor: Callable[[], float]
) -> Trial:
    """At mqtt.url, within `SECONDS`."""
    broker = Broker(
        mqtt, mqtt.url, f"kogge-{eui}-doctor", Certificates(mqtt, trusted, floor), lasting=False
    )
    logged_in = False
    try:
        async with asyncio.timeout(SECONDS), broker.connected(None, _no_beat) as client:
            logged_in = True
            await client.publish(f"{mqtt.topic_prefix}/{eui}/{TOPIC}", b"")
    except Refused as refusal:
        said = named(refusal.name, refusal.reason_code, PUBACK)
        return Trial(publish=said, refused=True, protocol=broker.protocol)
    except (MqttError, TimeoutError) as error:
        said = str(error) or f"no answer within {SECONDS:.0f} s"
        return Trial(publish=said) if logged_in else Trial(login=said)
    return Trial(protocol=broker.protocol)


def _no_beat() -> None:
    """No watchdog waits."""
