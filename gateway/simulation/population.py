"""The end devices of a simulated street: what each is, and how well it is heard.

Four in five join over the air, one is ABP. Versions take turns. ABP devices are of the versions
that keep their counters over a power cycle: one that does not is refused, as it should be.
"""

from dataclasses import dataclass
from random import Random

from gateway.demo import device as far
from gateway.demo.end_device.activation import Version
from gateway.demo.end_device.backoff import JoinBackoff
from gateway.lorawan.device import Device
from gateway.simulation.agenda import DAY

JOIN_EUI, DEV_EUI, DEV_ADDR = 0x70B3D57ED0030000, 0x70B3D57ED0040000, 0x00C00000
VERSIONS: tuple[Version, ...] = ("1.0.4", "1.0.3", "1.0.4", "1.0.2", "1.0.3")
WEEK = 7 * DAY


@dataclass(slots=True)
class EndDevice:
    """One device on its mast: `snr` in dB at full power and `rssi` in dBm are what is heard."""

    number: int
    mac: far.Device
    snr: float
    rssi: float
    power_cycle_at: int
    backoff: JoinBackoff
    measured: int = 0
    ended_at: int = 0
    """When its last transmission ended."""

    @property
    def dev_eui(self) -> int:
        return self.mac.keys.dev_eui

    @property
    def name(self) -> str:
        return f"street-{self.number:03}"

    def payload(self) -> bytes:
        """A reading that nobody else has, ever."""
        self.measured += 1
        return self.number.to_bytes(2, "big") + self.measured.to_bytes(4, "big") + b"level"


def end_device(number: int, random: Random) -> EndDevice:
    """The device of that number, with keys of its own."""
    abp = number % 5 == 4
    version: Version = "1.0.4" if abp else VERSIONS[number // 5 % len(VERSIONS)]
    dev_eui = DEV_EUI + number
    if abp:
        nwk_s_key, app_s_key = random.randbytes(16), random.randbytes(16)
        keys = far.Keys(
            dev_eui,
            dev_addr=DEV_ADDR + number // 10,  # some share a DevAddr
            nwk_s_key=nwk_s_key,
            app_s_key=app_s_key,
            lorawan=version,
        )
    else:
        keys = far.Keys(dev_eui, JOIN_EUI, random.randbytes(16), lorawan=version)
    mac = far.Device(keys, adr=number % 10 != 0, random=Random(random.randbytes(8)))
    snr = random.uniform(-17, 12)
    rssi = -115 + snr
    return EndDevice(number, mac, snr, rssi, random.randrange(WEEK), JoinBackoff())


def entry(one: EndDevice) -> Device:
    """The device as the gateway's devices.toml has it."""
    keys = one.mac.keys
    lorawan = keys.lorawan
    assert lorawan != "1.1"
    if keys.otaa:
        return Device(
            keys.dev_eui, one.name, lorawan=lorawan, join_eui=keys.join_eui, app_key=keys.app_key
        )
    return Device(
        keys.dev_eui,
        one.name,
        lorawan=lorawan,
        dev_addr=keys.dev_addr,
        nwk_s_key=keys.nwk_s_key,
        app_s_key=keys.app_s_key,
    )
