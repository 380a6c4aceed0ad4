"""How the C library keeps memory for a daemon that runs for months in little of it.

glibc gives each thread a heap of its own, and holds on to the places of large buffers in the hope
of more. Here three threads allocate now and then, and large buffers are rare: start, a backlog, an
export. Another C library has its own ways.
"""

import ctypes
from typing import Final

# mallopt(3) and malloc.h: the parameters' numbers
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
LARGE: Final = 64 * 1024  # bytes


def spare() -> None:
    """From now on one heap for all threads; what is large goes back to the system when freed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in (
        (M_ARENA_MAX, 1),
        (M_MMAP_THRESHOLD, LARGE),
        (M_TRIM_THRESHOLD, LARGE),
    ):
        mallopt(parameter, value)
