"""What the transmitter's registers mean on the air: power at the connector, channel frequency.

Source: docs/sx1302.md §3.1, §5.5.
"""

# the sample boards' tables (§5.5): (PA on, power index) → dBm at the connector
PowerTable = dict[tuple[int, int], int]
POWER: PowerTable = {
    (0, 0): 0,
    (0, 15): 12,
    (0, 16): 13,
    (0, 17): 14,
    (0, 19): 15,
    (0, 20): 16,
    (0, 22): 17,
    (1, 1): 18,
    (1, 2): 19,
    (1, 3): 20,
    (1, 4): 21,
    (1, 5): 22,
    (1, 6): 23,
    (1, 7): 24,
    (1, 9): 25,
    (1, 11): 26,
    (1, 14): 27,
}
POWER_CN490: PowerTable = {
    (0, 7): 3,
    (0, 8): 4,
    (0, 9): 5,
    **{(1, index): index - 4 for index in range(10, 23)},
}
CN490_BELOW_HZ = 600_000_000
GRID_HZ = 500  # every channel of every LoRaWAN region lies on it
STEP_HZ = 32_000_000 / 2**18


def power_dbm(setting: int, frequency: int) -> int:
    """What an AGC_TX_PWR value gives: the nearest row at or below it, or the lowest row."""
    table = POWER_CN490 if frequency < CN490_BELOW_HZ else POWER
    wanted = (setting >> 6 & 1, setting & 0x3F)
    return max((dbm for row, dbm in table.items() if row <= wanted), default=min(table.values()))


def channel_hz(register: int) -> int:
    """The frequency that was asked for: the register cuts it down to its step of 122 Hz.

    Devices compare with their channel's frequency, so the channel grid's value within that step is
    given, and the register's own where there is none.
    """
    exact = register * STEP_HZ
    on_grid = -(-exact // GRID_HZ) * GRID_HZ
    return round(on_grid if on_grid - exact < STEP_HZ else exact)
