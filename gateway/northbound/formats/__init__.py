"""The wire formats: readings as [mqtt] wants them; status and events are always JSON."""

import zlib
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from gateway.config import Mqtt
from gateway.northbound.formats import json, senml
from gateway.records import Moment, Reading

_TYPES: Final = {
    "json": "application/json",
    "senml+json": "application/senml+json",
    "senml+cbor": "application/senml+cbor",
}


class Content(NamedTuple):
    """What a message is: its media type, and "deflate" if it is compressed; "" says nothing."""

    type: str = ""
    encoding: str = ""


class Format:
    """How a message of readings is made, and how it says what it is.

    In MQTT 5 by `content`, in 3.1.1, which has no properties, by `topic`, what follows the
    gateway's EUI. Plain JSON needs neither: it has no content and the topic `readings`.
    """

    def __init__(self, mqtt: Mqtt) -> None:
        self._name, self._deflate = mqtt.format, mqtt.compression == "deflate"
        plain = self._name == "json" and not self._deflate
        encoding = "deflate" if self._deflate else ""
        self.content = Content() if plain else Content(_TYPES[self._name], encoding)
        kind = self._name.replace("+", "-")  # no topic name has a + (MQTT 5 §4.7.1)
        self.topic = "/".join(["readings", *([] if plain else [kind]), *filter(None, [encoding])])

    def readings(
        self,
        gateway: str,
        batch: int,
        records: Iterable[Reading],
        historical: bool,
        dated: Callable[[Moment], Moment],
        now: Moment,
    ) -> bytes:
        """The message; `now` is the moment of sending."""
        message = self._encoded(gateway, batch, records, historical, dated, now)
        # "deflate" as HTTP means it (RFC 9110 §8.4.1.2): in zlib's frame (RFC 1950)
        return zlib.compress(message, zlib.Z_BEST_COMPRESSION) if self._deflate else message

    def _encoded(
        self,
        gateway: str,
        batch: int,
        records: Iterable[Reading],
        historical: bool,
        dated: Callable[[Moment], Moment],
        now: Moment,
    ) -> bytes:
        if self._name == "json":
            return json.readings(gateway, batch, records, historical, dated)
        pack = senml.pack(gateway, batch, records, historical, dated, now)
        return senml.to_json(pack) if self._name == "senml+json" else senml.to_cbor(pack)
