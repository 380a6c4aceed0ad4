"""How a daemon that runs for months keeps its memory small.

glibc gives each thread a heap of its own, and holds on to the places of large buffers in the hope
of more. Here three threads allocate now and then, and large buffers are rare: start, a backlog, an
export. Another C library has its own ways.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def without(name: str) -> Iterator[None]:
    """What is imported in here goes without this module, unless it is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # "The import system", 5.3.1
    try:
        yield
    finally:
        del sys.modules[name]
