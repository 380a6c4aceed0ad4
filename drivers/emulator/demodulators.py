"""The 16 demodulators that the multi-SF chains share.

Source: docs/sx1302.md §3.8: eight for every spreading factor (modem ids 0 to 7), eight that know
no SF11 and SF12 (8 to 15), each switched on by its bit in two registers. The recordings show a
packet of chain n in demodulator n; in which order the arbiter takes others is not known (?).
"""

from itertools import islice

from drivers.emulator.register_file import RegisterFile

FULL_ENABLE, LIMITED_ENABLE = 0x6188, 0x6189
FULL, LIMITED = range(8), range(8, 16)
LIMITED_TO_SF = 10
# by chain, and whether the limited ones will do: its own first, the full ones spared
ORDERS = {
    (chain, limited): tuple(dict.fromkeys([chain, *(LIMITED if limited else ()), *FULL]))
    for chain in FULL
    for limited in (True, False)
}


class Demodulators:
    """Which of them are taken, from a packet's beginning until it is decoded."""

    def __init__(self, registers: RegisterFile) -> None:
        self._registers = registers
        self._taken: set[int] = set()

    def reset(self) -> None:
        """All of them are free."""
        self._taken.clear()

    def take(self, chain: int, sf: int, wanted: int) -> tuple[int, ...]:
        """Up to `wanted` free ones for a packet, that of the chain's number first."""
        free = filter(self._is_free, ORDERS[chain, sf <= LIMITED_TO_SF])
        modems = tuple(islice(free, wanted))
        self._taken.update(modems)
        return modems

    def release(self, modems: tuple[int, ...]) -> None:
        """They have decoded their packet."""
        self._taken.difference_update(modems)

    def _is_free(self, modem: int) -> bool:
        enable = FULL_ENABLE if modem in FULL else LIMITED_ENABLE
        return modem not in self._taken and bool(
            self._registers.cells[enable] >> modem % len(FULL) & 1
        )
