"""Work that may hang, beside all else."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begun(work: Callable[[], T]) -> Future[T]:
    """Work in a thread that does not keep the process from ending; nothing can cancel it."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 # raised by who asks for the result
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return future
