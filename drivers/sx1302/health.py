"""Whether the chip is still well: what a few registers, its count and its packets say of it.

A judgement is a sentence for the technician (what was seen, what it means) or None. Nothing here
starts the chip anew; whoever raises the sentence as a ChipError has it started anew.

Healthy, and not to be mistaken for a fault: an AGC status that stays 0x0F after the handshake,
that is 0x00 (its main loop) or shows the bits of a transmission; a TX status of 0x80 right after
arming; a PPS count of 0; a quiet air. Sources: docs/sx1302.md §6.1, §6.5, §6.6.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from drivers.concentrator import Crc, RxPacket
from drivers.sx1302.chip import Chip
from drivers.sx1302.registers import REGISTERS
from drivers.sx1302.timestamps import COUNT_MODULUS

CONTROL, AGC, ARB = 0x5605, 0x5780, 0x6080
AGC_STALLED = 0x14  # undocumented; reported with both parity flags set (sx1302_hal issue 154)

TOLERANCE = 0.25  # s by which count and real time may differ; a torn reading is wrong by 0.5 s
LONGEST_PAUSE = 120.0  # s between two readings; the count wraps after 134 s
ANEW = "it is started anew"


@dataclass(frozen=True, slots=True)
class Vitals:
    """The registers that tell a sick chip: `version` is cheap proof that the way to it lives."""

    enabled: bool
    version: int
    agc_parity: bool
    agc_status: int
    arb_parity: bool

    @classmethod
    async def read(cls, chip: Chip) -> Self:
        """Three short reads; LinkLost or McuError."""
        control, version = await chip.read(CONTROL, 2)
        agc, agc_status = await chip.read(AGC, 2)
        (arb,) = await chip.read(ARB, 1)
        return cls(
            enabled=_flag("COMMON_GEN_GLOBAL_EN", control),
            version=version,
            agc_parity=_flag("AGC_MCU_CTRL_PARITY_ERROR", agc),
            agc_status=agc_status,
            arb_parity=_flag("ARB_MCU_CTRL_PARITY_ERROR", arb),
        )

    def fault(self, version: int) -> str | None:
        """What is wrong with a chip that showed `version` when it was started."""
        if self.version != version:
            return (
                f"the chip's version reads 0x{self.version:02X}, at its start it was"
                f" 0x{version:02X}: what the board says of its chip is not to be trusted; {ANEW}."
                " If this comes again, look at power supply and board"
            )
        if not self.enabled:
            return f"the chip is switched off: it was reset behind this program's back; {ANEW}"
        damaged = [
            name for name, bad in (("AGC", self.agc_parity), ("arbiter", self.arb_parity)) if bad
        ]
        if len(damaged) == 2 and self.agc_status == AGC_STALLED:
            return (
                "reception has stalled silently (AGC status 0x14, both parity flags set): the chip"
                f" hears nothing any more; {ANEW}"
            )
        if damaged:
            return (
                f"program memory damaged: the parity flag of the {' and the '.join(damaged)} is"
                f" set, reception can no longer be trusted; {ANEW}. If this comes again, look at"
                " the power supply"
            )
        return None


def _flag(name: str, byte: int) -> bool:
    return bool(byte & REGISTERS[name].mask)


def count_fault(before: int, after: int, least: float, most: float) -> str | None:
    """What is wrong with a 27-bit µs count that went from `before` to `after`.

    Between `least` and `most` seconds of real time have passed meanwhile. A count that is 0 and
    stays so is a board that shows none: a chip without a clock does not start.
    """
    if most > LONGEST_PAUSE:
        return (
            f"this program was stopped for {most:.0f} s; the chip's counter may have wrapped"
            f" unseen and can no longer be trusted: {ANEW}"
        )
    back = round(TOLERANCE * 1e6)  # a reading torn in a low byte
    advanced = ((after - before + back) % COUNT_MODULUS - back) / 1e6
    if least - TOLERANCE <= advanced <= most + TOLERANCE or before == after == 0:
        return None
    if after == before:
        return f"the chip's counter stands still: the chip has lost its clock; {ANEW}"
    if after < before and after / 1e6 <= most + TOLERANCE:
        return f"the chip's counter began anew: it was reset behind this program's back; {ANEW}"
    if after < before:
        return f"the chip's counter jumped back: it can no longer be trusted; {ANEW}"
    return (
        "the chip's counter does not keep pace with real time: the chip's clock has stopped or is"
        f" wrong; {ANEW}"
    )


class Hearing:
    """Tells bad reception: packets arrive, and not one of them is whole.

    A chip that goes deaf in this way delivers nothing but wrong payload CRCs. Far neighbours and
    noise make such packets too, a hundred an hour on a quiet night: so it takes `RUN` of them in a
    row at the rate of a street (within `AT_MOST` seconds) and for longer than a burst (`AT_LEAST`),
    after a good one in this session. A place where nothing good is ever heard is never restarted
    for it, and no place twice without a good packet between. One without a CRC proves nothing.
    """

    RUN = 64
    AT_LEAST, AT_MOST = 30.0, 600.0

    def __init__(self) -> None:
        self._has_heard = False
        self._since = 0.0
        self._bad: deque[float] = deque(maxlen=self.RUN)  # when the last ones came

    def fault(self, packets: Iterable[RxPacket], now: float) -> str | None:
        """Take in what was received at `now`, in seconds."""
        for packet in packets:
            if packet.crc is Crc.OK:
                self._has_heard = True
                self._bad.clear()
            elif packet.crc is Crc.BAD:
                self._since = self._since if self._bad else now
                self._bad.append(now)
        if not self._has_heard or len(self._bad) < self.RUN:
            return None
        if now - self._since < self.AT_LEAST or now - self._bad[0] > self.AT_MOST:
            return None
        return (
            f"reception is bad: not one good packet among the last {self.RUN} and more; {ANEW}."
            " If this comes again, look at the antenna"
        )
