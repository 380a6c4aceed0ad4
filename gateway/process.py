"""The daemon as a process: the directory it needs, the signals that stop it, its exit code."""

import asyncio
import logging
import signal
from collections.abc import Iterator
from pathlib import Path

from gateway.daemon import serve
from gateway.diagnostics.log import Log
from gateway.errors import GatewayError, StoreError
from gateway.settings import Settings, warnings
from gateway.store import sealing

log = logging.getLogger(__name__)


def run(settings: Settings, said: Log) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    said.limit(settings.config.log.mib_per_day)
    state_dir = Path(settings.config.gateway.state_dir)
    _make(state_dir)
    _read_keys(state_dir)
    for warning in warnings(settings):
        log.warning("%s", warning, extra={"reason": "configuration"})
    code = 0
    try:
        asyncio.run(_until_stopped(settings, said))
    except* GatewayError as faults:
        for fault in _leaves(faults):
            log.critical("%s", fault, extra={"reason": type(fault).__name__})
        code = 1
    return code


def _make(state_dir: Path) -> None:
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    except PermissionError as error:
        raise PermissionError(
            f"gateway.state_dir {state_dir} may not be made by this user: run the daemon as its"
            " service (sudo systemctl start kogge), or name a directory of your own"
        ) from error
    except OSError as error:
        raise StoreError(
            f"gateway.state_dir {state_dir} cannot be made ({error.strerror}): readings would"
            " have no place; name a directory, or one that can be made"
        ) from error


def _read_keys(state_dir: Path) -> None:
    """A wrong key file is not put right by starting again: ConfigError."""
    try:
        sealing.read_keys(state_dir)
    except PermissionError as error:
        raise PermissionError(
            f"the keys in {state_dir} may not be read by this user ({error}): run the daemon as its"
            " service (sudo systemctl start kogge)"
        ) from error
    except OSError as error:
        raise StoreError(
            f"the keys in {state_dir} cannot be read ({error}): sessions would stay closed; check"
            " the disk's health (dmesg)"
        ) from error


def _leaves(group: BaseExceptionGroup[GatewayError]) -> Iterator[GatewayError]:
    for each in group.exceptions:
        yield from _leaves(each) if isinstance(each, BaseExceptionGroup) else (each,)


async def _until_stopped(settings: Settings, said: Log) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await serve(settings, stop, said)
