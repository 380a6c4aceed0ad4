"""From a device's place to what arrives at the antenna: path loss, shadowing, noise.

- Path loss grows with the logarithm of the distance, as measured for LoRa at 868 MHz in a city
  from the roof of a car, and scatters by place: Petäjäjärvi et al., "On the Coverage of LPWANs",
  ITST 2015 (128.95 dB at 1 km, exponent 2.32, shadowing 7.8 dB).
- The shadowing of a place depends on the seed and the distance alone, so one device keeps its own.
- A packet below its spreading factor's SNR is not heard: SX1276 datasheet, table 13 (SF6 to SF12);
  SX1261/2 datasheet, table 6-1 (SF5).
"""

import math
import random

REFERENCE_M = 1000.0
REFERENCE_LOSS_DB = 128.95
EXPONENT = 2.32
SHADOWING_DB = 7.8
NEAREST_M = 1.0

THERMAL_DBM_PER_HZ = -174.0
NOISE_FIGURE_DB = 5.0  # makes a floor of -118 dBm in 125 kHz
HIGHEST_SNR_DB = 12.0  # about where demodulators stop telling strong packets apart (?)
SNR_FLOOR = {5: -2.5, 6: -5.0, 7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}


def path_loss_db(distance_m: float) -> float:
    """Without shadowing."""
    distance = max(distance_m, NEAREST_M)
    return REFERENCE_LOSS_DB + 10 * EXPONENT * math.log10(distance / REFERENCE_M)


def shadowing_db(seed: int, distance_m: float) -> float:
    """What a place at that distance loses besides; negative where it has a better view."""
    return random.Random(f"shadowing of {seed} at {distance_m}").gauss(0.0, SHADOWING_DB)


def noise_dbm(bandwidth: int) -> float:
    """The noise floor in a bandwidth in Hz."""
    return THERMAL_DBM_PER_HZ + 10 * math.log10(bandwidth) + NOISE_FIGURE_DB


def arrival(
    distance_m: float, tx_power_dbm: float, bandwidth: int, seed: int
) -> tuple[float, float]:
    """RSSI in dBm and SNR in dB of a packet from that distance.

    A packet below the noise has the noise's RSSI, as a receiver measures both together.
    """
    loss = path_loss_db(distance_m) + shadowing_db(seed, distance_m)
    signal, noise = tx_power_dbm - loss, noise_dbm(bandwidth)
    together = 10 * math.log10(10 ** (signal / 10) + 10 ** (noise / 10))
    return together, min(signal - noise, HIGHEST_SNR_DB)


def too_weak(sf: int, snr: float) -> str | None:
    """Why no demodulator finds it, if so."""
    if snr >= SNR_FLOOR[sf]:
        return None
    return f"too weak: SNR {snr:.1f} dB, SF{sf} needs {SNR_FLOOR[sf]} dB"
