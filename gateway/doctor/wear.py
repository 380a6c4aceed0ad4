"""How far a disk is worn, where it says so itself: eMMC 5.0 does (JESD84-B50, EXT_CSD 267 to
269), an SD card does not.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

SYS: Final = Path("/sys/dev/block")
STEP: Final = 10  # percent, of DEVICE_LIFE_TIME_EST
WARNING, URGENT = (80, "0x02"), (100, "0x03")  # of PRE_EOL_INFO, the spare blocks


def wear(directory: Path, sys: Path = SYS) -> int | None:
    """Percent of its life that are used, of the disk that has `directory`; None: nobody says."""
    with suppress(OSError, ValueError):
        number = directory.stat().st_dev
        block = (sys / f"{os.major(number)}:{os.minor(number)}").resolve(strict=True)
        for place in (block, block.parent):  # a partition lies in its disk
            if (place / "device/life_time").exists():
                return _used(place / "device")
    return None


def _used(device: Path) -> int | None:
    """The worse of both kinds of cells; 0: not defined. Raises OSError, ValueError."""
    steps = [int(one, 16) for one in (device / "life_time").read_text().split()]
    spare = (device / "pre_eol_info").read_text().strip()
    least = next((percent for percent, word in (URGENT, WARNING) if word == spare), 0)
    return max(STEP * max(steps), least) or None
