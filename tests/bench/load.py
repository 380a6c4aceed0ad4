"""What the air carries at most: 259 frames of 23 bytes a second, from a thousand ABP devices.

Two packets on one channel and spreading factor would destroy each other, so each pair of these is
one lane that carries a packet after the other. The chip has 16 demodulators: 8 channels at SF6 and
SF7 are 16 lanes. Full ones would carry 362 a second; these are filled to 72 %, each with its share,
so that every frame can be received.
"""

from dataclasses import dataclass
from itertools import count, cycle
from random import Random

from gateway.demo.device import Device, Keys

PER_SECOND = 259  # 16 demodulators at SF7 (docs/performance.md, "What physics allows")
SIZE = 23
CHANNELS = tuple(
    100_000 * n for n in (8671, 8673, 8675, 8677, 8679, 8681, 8683, 8685)
)  # RP002-1.0.4 §2.4.2, and five of the gateway's own
ON_AIR_US = {6: 34_432, 7: 61_696}
"""Time on air by spreading factor: 23 bytes, 125 kHz, CR 4/5 (docs/sx1302.md §5.8)."""
F_PORT, MEASURED = 1, bytes.fromhex("0367011004685a050001")  # CayenneLPP, 10 bytes
SEED = 1


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame, `start_us` after the load begins; `key` is (DevEUI in hex, FCnt)."""

    start_us: int
    frequency: int
    sf: int
    key: tuple[str, int]
    phy_payload: bytes


def devices(number: int) -> list[Keys]:
    """The same ones each time."""
    random = Random(SEED)
    return [
        Keys(
            0x70B3D57ED0020000 + n,
            dev_addr=0x00B00000 + n,
            nwk_s_key=random.randbytes(16),
            app_s_key=random.randbytes(16),
        )
        for n in range(number)
    ]


def devices_toml(keys: list[Keys]) -> str:
    return "\n".join(
        f"""\
[[device]]
dev_eui = "{one.dev_eui:016x}"
name = "bench-{one.dev_eui & 0xFFFF:04}"
codec = "cayennelpp"
dev_addr = "{one.dev_addr:08x}"
nwk_s_key = "{one.nwk_s_key.hex()}"
app_s_key = "{one.app_s_key.hex()}"
"""
        for one in keys
    )


def shots(keys: list[Keys], seconds: int) -> list[Shot]:
    """All frames of the load in the order of their beginnings, the devices taking turns."""
    speakers = cycle([Device(one) for one in keys])
    starts = sorted(_starts(seconds))[: PER_SECOND * seconds]
    return [_shot(next(speakers), *start) for start in starts]


def _starts(seconds: int) -> list[tuple[int, int, int]]:
    """(start in µs, frequency, spreading factor) of each lane's packets, from a drawn offset on."""
    random = Random(SEED)
    full = len(CHANNELS) * sum(1e6 / on_air for on_air in ON_AIR_US.values())
    found = []
    for frequency in CHANNELS:
        for sf, on_air in ON_AIR_US.items():
            period = on_air * full / PER_SECOND
            offset = random.uniform(0, period)
            for n in count():
                start = round(offset + n * period)
                if start >= (seconds + 1) * 1_000_000:
                    break
                found.append((start, frequency, sf))
    return found


def _shot(device: Device, start_us: int, frequency: int, sf: int) -> Shot:
    uplink = device.uplink(F_PORT, MEASURED)
    assert uplink.f_cnt is not None
    assert len(uplink.phy_payload) == SIZE
    key = (f"{device.keys.dev_eui:016x}", uplink.f_cnt)
    return Shot(start_us, frequency, sf, key, uplink.phy_payload)
