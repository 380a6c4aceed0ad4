"""Where a street can be: its region, what its gateway hears, and the law.

What is said here of the air is said a second time, from the law and not from the network's tables:
ERC/REC 70-03 annex 1 bands h1.3 to h1.7 (14 dBm e.r.p. is 16.15 dBm e.i.r.p., 27: 29.15), FCC
15.247 (26 dBm at a half-wave dipole), AS/NZS 4268 (1 W e.i.r.p.), RP002-1.0.4 §2.10 (AS923).
"""

from dataclasses import dataclass, replace

from gateway.demo.end_device.plan import AS923_1, AU915, EU868, US915, Plan
from gateway.lorawan.region import Region
from gateway.lorawan.regions import REGIONS
from gateway.simulation.duty_cycle_audit import Band


@dataclass(frozen=True, slots=True)
class Place:
    """`region` is what the gateway has read of it, `plan` what its devices have.

    `heard` are the gateway's channels in Hz; `snr` is how well devices are heard, worst and best.
    """

    region: Region
    plan: Plan
    heard: tuple[int, ...]
    bands: tuple[Band, ...]
    snr: tuple[float, float]


def _tenths(*frequencies: int) -> tuple[int, ...]:
    """Hz, of MHz in tenths."""
    return tuple(100_000 * one for one in frequencies)


DOWN_TO_SF12, DOWN_TO_SF10 = (-17, 12), (-12, 12)

PLACES = {
    "EU868": Place(
        REGIONS["EU868"],
        EU868,
        _tenths(8671, 8673, 8675, 8677, 8679, 8681, 8683, 8685),
        (
            Band(863.0, 865.0, 1, 16.15),
            Band(865.0, 868.0, 10, 16.15),
            Band(868.0, 868.6, 10, 16.15),
            Band(868.7, 869.2, 1, 16.15),
            Band(869.4, 869.65, 100, 29.15),
            Band(869.7, 870.0, 10, 16.15),
        ),
        DOWN_TO_SF12,
    ),
    "US915": Place(
        REGIONS["US915"],
        US915,
        _tenths(9039, 9041, 9043, 9045, 9047, 9049, 9051, 9053, 9046),
        (Band(902.0, 928.0, 1000, 28.15),),
        DOWN_TO_SF10,
    ),
    "AU915": Place(
        REGIONS["AU915"],
        AU915,
        _tenths(9152, 9154, 9156, 9158, 9160, 9162, 9164, 9166, 9159),
        (Band(915.0, 928.0, 1000, 30.0),),
        DOWN_TO_SF10,
    ),
    "AS923-1": Place(
        replace(REGIONS["AS923-1"], listen_before_talk=False),
        AS923_1,
        _tenths(9232, 9234, 9236, 9238, 9240, 9242, 9244, 9246),
        (Band(915.0, 928.0, 10, 16.0),),
        DOWN_TO_SF10,
    ),
}
"""US915 in sub-band 2, AU915 in sub-band 1, AS923-1 outside Japan."""
