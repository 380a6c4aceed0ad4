"""Ctrl-C while several things are put in place that belong together: it comes before, or never."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def point_of_no_return() -> Iterator[Callable[[], None]]:
    """What is yielded is called where there is none: from then on neither Ctrl-C is heard, nor that
    the terminal goes away. A signal that is not Python's, as of a C library, cannot be put back and
    is left alone.
    """
    is_heard_here = threading.current_thread() is threading.main_thread()
    found = {one: signal.getsignal(one) for one in ENDING if is_heard_here}
    before = {one: how for one, how in found.items() if how is not None}

    def reached() -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)

    try:
        yield reached
    finally:
        for one, how in before.items():
            signal.signal(one, how)
