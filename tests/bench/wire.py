"""Bytes of an MQTT 5 PUBLISH for each reading in it, topic and properties included.

A hundred readings of a hundred devices with two or three measurements each, as they come: a mix of
parking, bins and air, joined by OTAA, about one uplink a second. What cannot be compressed is who,
when, which frame and what was measured; in `json` also the id, 16 random bytes.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from random import Random
from typing import Literal

from gateway.config import Mqtt
from gateway.northbound.formats import Format
from gateway.northbound.properties import publish_properties, publish_size
from gateway.records import Moment, Radio, Reading, Value

from .row import Row

READINGS, DEVICES, GOAL = 100, 100, 30.0
BOOT = "3b0f6a52-7c1e-4b0e-9d57-2f8f5c0a91d4"
EUI = "0016c001f11a9bd2"
UNITS = {
    "temperature": "Cel",
    "distance": "m",
    "fill_level": "/100",
    "humidity": "%RH",
    "battery_voltage": "V",
}
STREETS = ("parking-neuer-markt", "bin-am-hafen", "air-lange-strasse")

FormatName = Literal["senml+json", "senml+cbor"]


def readings() -> list[Reading]:
    random = Random(8428)
    sessions = [random.randbytes(5).hex() for _ in range(DEVICES)]
    counters = [random.randrange(20_000) for _ in range(DEVICES)]
    seconds, found = 0.0, []
    for _ in range(READINGS):
        seconds += random.expovariate(1.0)
        device = random.randrange(DEVICES)
        counters[device] += 1
        found.append(_reading(random, device, sessions[device], counters[device], seconds))
    return found


def _reading(random: Random, device: int, session: str, f_cnt: int, seconds: float) -> Reading:
    dev_eui = f"70b3d57ed{device:07x}"
    identity = bytes.fromhex(dev_eui + session) + f_cnt.to_bytes(4, "big")
    measured = _measured(random, device % 3)
    rssi, snr = -random.randrange(60, 120), random.randrange(-60, 40) / 4
    frequency = 868_100_000 + 200_000 * random.randrange(3)
    return Reading(
        sha256(identity).hexdigest()[:32],
        dev_eui,
        session,
        f"{STREETS[device % 3]}-{device}",
        Moment(1_790_000_000.5 + seconds, "ntp", BOOT, 86_400 + seconds),
        2,
        f_cnt,
        False,
        measured,
        {name: UNITS[name] for name in measured if name in UNITS},
        Radio(rssi, snr, random.randrange(7, 13), 125_000, frequency),
    )


def _measured(random: Random, kind: int) -> dict[str, Value]:
    temperature = round(random.gauss(12, 4), 1)
    if kind == 0:
        return {"occupied": random.random() < 0.5, "temperature": temperature}
    if kind == 1:
        level = round(random.uniform(0, 100), 1)
        return {"distance": round(random.uniform(0.2, 1.5), 2), "fill_level": level}
    humidity = random.randrange(40, 90)
    return {"temperature": temperature, "humidity": humidity, "battery_voltage": 3.6}


def deflated(name: FormatName) -> Row:
    """Limit: the same readings as JSON, deflated."""
    measured = _bytes(Mqtt(format=name, compression="deflate"))
    json = _bytes(Mqtt(format="json", compression="deflate"))
    plain = _bytes(Mqtt(format=name))
    return Row(
        f"wire: {name}, deflated",
        f"{measured:.1f} B (plain {plain:.0f})",
        f"json {json:.1f} B",
        f"<= {GOAL:.0f} bytes/reading",
        measured <= GOAL,
    )


BENCHES: tuple[Callable[[], Row], ...] = (
    partial(deflated, "senml+json"),
    partial(deflated, "senml+cbor"),
)


def _bytes(mqtt: Mqtt) -> float:
    """A reading's share of the packet."""
    found, made = readings(), Format(mqtt)
    now = found[-1].moment
    message = made.readings(EUI, 1042, found, False, lambda moment: moment, now)
    properties = publish_properties(made.content)
    return publish_size(f"kogge/{EUI}/readings", message, properties) / READINGS
