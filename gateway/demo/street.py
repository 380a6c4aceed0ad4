"""The eight end devices of the demo's city, and its devices.toml.

Five join over the air (OTAA), three carry their session from the factory (ABP); the bin at the
Stadthafen asks for an ACK of each uplink. Pace and data rate keep each below 1 % of the air's
time in its sub-band, as ETSI EN 300 220 asks.
"""

from dataclasses import dataclass
from random import Random

from gateway.demo.device import Keys
from gateway.demo.sensors import (
    BoschTps110,
    DecentlabPm,
    DecentlabPr26,
    DingtekDf702,
    NwaveNps405,
    Sensor,
)

JOIN_EUI = 0x70B3D57ED0010000
DEV_EUI = 0x70B3D57ED0010100
DEV_ADDR = 0x00A1B200


@dataclass(frozen=True, slots=True)
class Resident:
    """A device, what it measures, and how it speaks: `pace` in seconds, `depth` in metres."""

    name: str
    place: str
    codec: str
    keys: Keys
    sensor: Sensor
    sf: int
    rssi: float
    snr: float
    pace: float
    confirmed: bool = False
    depth: float | None = None

    @property
    def dev_eui(self) -> str:
        return f"{self.keys.dev_eui:016x}"


def residents(random: Random) -> tuple[Resident, ...]:
    """The city, with keys and worlds drawn from `random`."""
    tps110, nps405, df702 = "bosch/tps110-0292", "nwave/nps405", "dingtek/df702"

    def otaa(number: int) -> Keys:
        return Keys(DEV_EUI + number, join_eui=JOIN_EUI, app_key=random.randbytes(16))

    def abp(number: int) -> Keys:
        nwk_s_key, app_s_key = random.randbytes(16), random.randbytes(16)
        return Keys(
            DEV_EUI + number, dev_addr=DEV_ADDR + number, nwk_s_key=nwk_s_key, app_s_key=app_s_key
        )

    return (
        Resident("parking-07", "Neuer Markt", tps110, otaa(1),
                 BoschTps110(random, occupied=False), sf=7, rssi=-71, snr=9.8, pace=3.5),
        Resident("parking-02", "Am Hafen", tps110, abp(2),
                 BoschTps110(random, occupied=True), sf=7, rssi=-88, snr=7.5, pace=5.0),
        Resident("parking-15", "Grubenstraße", nps405, otaa(3),
                 NwaveNps405(random, occupied=True), sf=7, rssi=-79, snr=8.8, pace=4.0),
        Resident("bin-11", "Stadthafen", df702, otaa(4),
                 DingtekDf702(random, 1200, 0.55), sf=7, rssi=-84, snr=8.0, pace=5.0,
                 confirmed=True, depth=1.20),
        Resident("bin-04", "Kröpel. Tor", df702, abp(5),
                 DingtekDf702(random, 1500, 0.82), sf=7, rssi=-95, snr=5.2, pace=7.5, depth=1.50),
        Resident("bin-21", "Wallanlagen", df702, abp(6),
                 DingtekDf702(random, 1200, 0.18), sf=7, rssi=-101, snr=2.5, pace=8.0, depth=1.20),
        Resident("air-01", "Lange Straße", "decentlab/dl-pm", otaa(7),
                 DecentlabPm(random, 6992), sf=7, rssi=-76, snr=9.1, pace=5.0),
        Resident("gauge-03", "Warnow", "decentlab/dl-pr26", otaa(8),
                 DecentlabPr26(random, 359), sf=8, rssi=-107, snr=-1.5, pace=6.5),
    )  # fmt: skip


def devices_toml(city: tuple[Resident, ...]) -> str:
    """The city as the gateway's devices.toml."""
    return "\n".join(_table(resident) for resident in city)


def _table(resident: Resident) -> str:
    keys = resident.keys
    lines = [
        "[[device]]",
        f'dev_eui = "{resident.dev_eui}"',
        f'name = "{resident.name}"',
        f'codec = "{resident.codec}"',
        f'lorawan = "{keys.lorawan}"',
        f'place = "{resident.place}"',
    ]
    if resident.depth is not None:
        lines.append(f"depth = {resident.depth}")
    if keys.app_key:
        lines += [f'join_eui = "{keys.join_eui:016x}"', f'app_key = "{keys.app_key.hex()}"']
    else:
        lines += [
            f'dev_addr = "{keys.dev_addr:08x}"',
            f'nwk_s_key = "{keys.nwk_s_key.hex()}"',
            f'app_s_key = "{keys.app_s_key.hex()}"',
        ]
    return "\n".join([*lines, ""])
