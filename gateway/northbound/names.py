"""What devices are called towards the city: as they are, or by pseudonyms (`mqtt.device_names`).

The rules of pseudonyms:

- All are HMAC-SHA-256 under a key that stays in the gateway, so they are the same each time, and
  without the key nobody can say, or try out, whose they are.
- A device's has the form of an EUI-64 with the bit of locally administered ones set, which no
  maker's has (IEEE Std 802, universally or locally administered). It stands for the name, too.
- The session and the reading's id are hidden likewise: both can be made of a DevEUI and what is to
  be heard on the air. So is the DevAddr: it is left out.
- All other text of events loses the names of our devices and whatever looks like an EUI. They get
  no pseudonym: a sentence may repeat what the city has said, and would tell it whose that is.
- The city says the pseudonym where it means the device. The DevEUI itself is none.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.lorawan.device import Device
from gateway.records import Event, Reading, Value

NAME: Final = "pseudonym key"  # in the store
_LOCAL, _GROUP = 0x02, 0x01  # bits of an EUI's first byte
_EUI: Final = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{16}(?![0-9a-zA-Z])")
HIDDEN: Final = "…"


class Names:
    """`devices` are ours by DevEUI, as they are now. Without a `key` all are called as they are."""

    def __init__(self, devices: Mapping[int, Device], key: bytes | None = None) -> None:
        self._devices, self._key = devices, key

    def reading(self, reading: Reading) -> Reading:
        """As the city gets it."""
        if self._key is None:
            return reading
        device = self._device(reading.device)
        return msgspec.structs.replace(
            reading,
            id=self._id(reading.id),
            device=device,
            session=self._session(reading.device, reading.session),
            name=device,
        )

    def event(self, event: Event) -> Event:
        """As the city gets it."""
        if self._key is None:
            return event
        detail = {key: self._value(event.detail, key) for key in event.detail if key != "dev_addr"}
        return msgspec.structs.replace(event, detail=detail)

    def pseudonym(self, dev_eui: int) -> str | None:
        """What the city calls this device; None: as it is."""
        return None if self._key is None else self._device(f"{dev_eui:016x}")

    def dev_eui(self, said: str) -> int | None:
        """Of the device that the city calls so (16 hex digits); None: no pseudonym of ours."""
        if self._key is None:
            return int(said, 16)
        return next((one for one in self._devices if self.pseudonym(one) == said), None)

    def _value(self, detail: Mapping[str, Value | None], key: str) -> Value | None:
        value = detail[key]
        if not isinstance(value, str):
            return value
        match key:
            case "device":
                return self._device(value)
            case "name":
                return self._device(str(detail["device"]))
            case "session":
                return self._session(str(detail["device"]), value)
            case "id":
                return self._id(value)
            case "correlation" | "command":  # the city's own words
                return value
        return self._without_names(value)

    def _device(self, dev_eui: str) -> str:
        found = bytearray(self._digest("device", dev_eui)[:8])
        found[0] = found[0] & ~_GROUP | _LOCAL
        return found.hex()

    def _session(self, dev_eui: str, session: str) -> str:
        return self._digest("session", dev_eui, session)[: len(session) // 2].hex()

    def _id(self, reading_id: str) -> str:
        return self._digest("id", reading_id)[: len(reading_id) // 2].hex()

    def _digest(self, *said: str) -> bytes:
        assert self._key is not None
        return hmac.digest(self._key, "/".join(said).encode(), "sha256")

    def _without_names(self, text: str) -> str:
        found = {one.name for one in self._devices.values() if one.name and one.name in text}
        for name in sorted(found, key=len, reverse=True):  # one may begin with another
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text)
        return _EUI.sub(HIDDEN, text)


PLAIN: Final = Names({})
