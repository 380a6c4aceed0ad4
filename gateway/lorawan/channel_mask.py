"""Which LinkADRReq leave a device with exactly the channels wanted (RP002-1.0.4, per region).

Rules:

- ChMaskCntl 0 … n sets sixteen channels, the ones from 16 · ChMaskCntl on, by ChMask.
- In US915 and AU915, 5 sets each block of eight 125 kHz channels and the 500 kHz channel of the
  same number by one bit; 6 switches all 125 kHz channels on, 7 off, and ChMask sets the 500 kHz
  ones. CN470 (the 96 channels of RP001) has 6: all on.
- Plans of sixteen channels have 6 too: all that are defined. It is never the shorter way, and says
  nothing of which they are; so it is not used.
- The device looks at the outcome of a whole block only. Whether that has a channel for the data
  rate asked for, and the two that US law wants, is for the caller to see to.
- A LinkADRReq always carries a mask: with nothing to alter there is still one, which repeats.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ChMask = tuple[int, int]
"""ChMaskCntl, ChMask."""


@dataclass(frozen=True, slots=True)
class MaskFamily:
    """How the channel plans of some regions read ChMaskCntl; None where it has no such form.

    `all_on` and `all_off` are about the first `switched` channels.
    """

    channels: int
    switched: int
    blocks: int | None = None
    all_on: int | None = None
    all_off: int | None = None


DYNAMIC = MaskFamily(channels=16, switched=16)
US915_AU915 = MaskFamily(channels=72, switched=64, blocks=5, all_on=6, all_off=7)
CN470 = MaskFamily(channels=96, switched=96, all_on=6)


def channel_mask(
    wanted: Iterable[int], family: MaskFamily, current: Iterable[int] | None
) -> list[ChMask]:
    """The shortest sequence of (ChMaskCntl, ChMask) that leaves only the `wanted` channels on.

    `current` are those on now; None: nobody knows. ValueError for no channel, or one too high.
    """
    goal = _mask(wanted, family)
    if not goal:
        raise ValueError("a device without channels is never heard again")
    starts: list[tuple[list[ChMask], int]] = []
    if current is None:
        everything = (1 << family.channels) - 1
        starts.append(([], goal ^ everything))
    else:
        starts.append(([], _mask(current, family)))
    starts += [([form], state) for form, state in _whole(goal, family)]
    shortest = min((first + _words(state, goal) for first, state in starts), key=len)
    return shortest or _first_word(goal)


def _mask(channels: Iterable[int], family: MaskFamily) -> int:
    mask = 0
    for channel in channels:
        if not 0 <= channel < family.channels:
            raise ValueError(f"channel {channel}; this plan has 0 to {family.channels - 1}")
        mask |= 1 << channel
    return mask


def _whole(goal: int, family: MaskFamily) -> Iterator[tuple[ChMask, int]]:
    """The forms that set every channel, and what each leaves on."""
    switched = (1 << family.switched) - 1
    others = goal >> family.switched
    if family.all_off is not None:
        yield (family.all_off, others), goal & ~switched
    if family.all_on is not None:
        yield (family.all_on, others), goal | switched
    if family.blocks is not None:
        for blocks in range(256):
            narrow = sum(0xFF << 8 * bit for bit in range(8) if blocks >> bit & 1)
            yield (family.blocks, blocks), narrow | blocks << family.switched


def _words(state: int, goal: int) -> list[ChMask]:
    """One LinkADRReq for each sixteen channels that differ."""
    words = range(max(state, goal).bit_length() + 15 >> 4)
    pairs = ((word, state >> 16 * word & 0xFFFF, goal >> 16 * word & 0xFFFF) for word in words)
    return [(word, after) for word, before, after in pairs if before != after]


def _first_word(goal: int) -> list[ChMask]:
    word = ((goal & -goal).bit_length() - 1) // 16
    return [(word, goal >> 16 * word & 0xFFFF)]
