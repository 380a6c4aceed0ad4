"""The end devices of a simulated street: what each is, and how well it is heard.

- Four in five join over the air, one is ABP. Versions take turns.
- ABP devices keep their counters over a power cycle, or forget them and may begin anew
  (`reset_f_cnt`). The first power cycle of those comes late enough to be seen: two frames of
  counter 0 in a row are one to everybody.
- A tenth is of class C.
"""

from dataclasses import dataclass, replace
from random import Random

from gateway.demo import device as far
from gateway.demo.end_device.activation import Version
from gateway.demo.end_device.backoff import JoinBackoff
from gateway.lorawan.device import Device
from gateway.simulation.agenda import DAY
from gateway.simulation.place import Place

JOIN_EUI, DEV_EUI, DEV_ADDR = 0x70B3D57ED0030000, 0x70B3D57ED0040000, 0x00C00000
VERSIONS: tuple[Version, ...] = ("1.0.4", "1.1", "1.0.3", "1.1", "1.0.4", "1.1", "1.0.2")
ABP_VERSIONS: tuple[Version, ...] = ("1.0.4", "1.1", "1.0.3")
FORGETFUL = ("1.0.2", "1.0.3")
CLASS_C, CLASS_C_OF = (3, 14, 23, 39), 40
NOISE_DBM = -115
WEEK, FIRST_DAYS = 7 * DAY, 2 * DAY


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
    began_at: int = 0
    ended_at: int = 0
    """When its last transmission began and ended."""

    @property
    def dev_eui(self) -> int:
        return self.mac.keys.dev_eui

    @property
    def name(self) -> str:
        return f"street-{self.number:03}"

    @property
    def begins_anew(self) -> bool:
        """Whether it counts from 0 after a power cycle, in a session that goes on."""
        keys = self.mac.keys
        return not keys.otaa and keys.lorawan in FORGETFUL

    def power_cycle(self) -> None:
        """The gateway opens a session of the next reset counter for one that begins anew (D2)."""
        self.backoff.reset()
        before = self.mac.activation
        self.mac.power_cycle()
        if before is not None and self.mac.activation is not None and self.begins_anew:
            self.mac.activation.id = before.id[:4] + bytes((before.id[4] + 1,))

    def spoke_between(self, start: int, end: int) -> bool:
        """Whether it was sending and could not hear."""
        still = self.ended_at < self.began_at
        return self.began_at < end and (still or self.ended_at > start)

    def payload(self) -> bytes:
        """A reading that nobody else has, ever; MAC commands fit beside it at any data rate."""
        self.measured += 1
        return self.number.to_bytes(2, "big") + self.measured.to_bytes(4, "big")


def end_device(number: int, random: Random, place: Place) -> EndDevice:
    """The device of that number, with keys of its own."""
    turn, kind = divmod(number, 5)
    dev_eui = DEV_EUI + number
    if kind == 4:
        keys = _personalized(dev_eui, DEV_ADDR + turn // 2, ABP_VERSIONS[turn % 3], random)
    else:
        version = VERSIONS[number % len(VERSIONS)]
        app_key, nwk_key = random.randbytes(16), random.randbytes(16)
        keys = far.Keys(
            dev_eui,
            JOIN_EUI,
            app_key,
            nwk_key=nwk_key if version == "1.1" else b"",
            lorawan=version,
        )
    mac = far.Device(
        keys,
        place.plan,
        adr=number % 10 != 0,
        device_class="C" if number % CLASS_C_OF in CLASS_C else "A",
        random=Random(random.randbytes(8)),
    )
    snr, power_cycle_at = random.uniform(*place.snr), random.randrange(WEEK)
    one = EndDevice(number, mac, snr, NOISE_DBM + snr, power_cycle_at, JoinBackoff())
    if one.begins_anew:
        one.power_cycle_at = max(FIRST_DAYS, power_cycle_at)
    return one


def _personalized(dev_eui: int, dev_addr: int, version: Version, random: Random) -> far.Keys:
    """Two devices share each DevAddr: the MIC tells them apart."""
    f_int, s_int, enc, app = (random.randbytes(16) for _ in range(4))
    is_1_1 = version == "1.1"
    return far.Keys(
        dev_eui,
        dev_addr=dev_addr,
        nwk_s_key=f_int,
        app_s_key=app,
        s_nwk_s_int_key=s_int if is_1_1 else b"",
        nwk_s_enc_key=enc if is_1_1 else b"",
        lorawan=version,
    )


def entry(one: EndDevice) -> Device:
    """The device as the gateway's devices.toml has it."""
    keys = one.mac.keys
    device = Device(
        keys.dev_eui,
        one.name,
        lorawan=keys.lorawan,
        device_class="C" if one.mac.device_class == "C" else "A",
        reset_f_cnt=one.begins_anew,
    )
    if keys.otaa:
        nwk_key = keys.nwk_key or None
        return replace(device, join_eui=keys.join_eui, app_key=keys.app_key, nwk_key=nwk_key)
    device = replace(device, dev_addr=keys.dev_addr, app_s_key=keys.app_s_key)
    if keys.lorawan != "1.1":
        return replace(device, nwk_s_key=keys.nwk_s_key)
    return replace(
        device,
        f_nwk_s_int_key=keys.nwk_s_key,
        s_nwk_s_int_key=keys.s_nwk_s_int_key,
        nwk_s_enc_key=keys.nwk_s_enc_key,
    )
