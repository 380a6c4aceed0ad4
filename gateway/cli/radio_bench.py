"""What the verbs of `kogge radio` share: which board is on the bench, its start, its faults.

Rules:

- kogge.toml says which board, unless options do; with --port it may be absent altogether. The
  devices' file is never read.
- The port is an exclusive lock: while the daemon has it the bench has to wait.
- Whatever ends a run, the concentrator is stopped and its port closed.
"""

import argparse
import asyncio
import errno
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.concentrator import Concentrator, DriverError
from drivers.sx1302.settings import Settings
from gateway import config, files
from gateway.board import hardware, radio_plan
from gateway.cli import EX_FAILED, EX_PERMISSION, EX_UNAVAILABLE
from gateway.cli.heard import heard
from gateway.cli.language import _
from gateway.errors import ConfigError, StoreError
from gateway.lorawan.region import Region
from gateway.settings import region_of

OVERRIDES = ("port", "board", "region", "plan")
BUSY = (errno.EAGAIN, errno.EBUSY, errno.EADDRINUSE)


@dataclass(frozen=True, slots=True)
class Bench:
    """A board and how it is to be used; nothing is opened yet."""

    configuration: config.Config
    settings: Settings
    concentrator: Concentrator
    region: Region

    @property
    def wanted(self) -> config.Concentrator:
        return self.configuration.concentrator


def load(args: argparse.Namespace) -> Bench:
    """The configuration with the options' changes; raises ConfigError."""
    file = args.config or files.DEFAULT_FILE
    found = _configuration(args, file)
    wanted = found.concentrator
    if args.region and not args.plan:
        wanted.plan = ""  # the file's was for its own region
    for name in OVERRIDES:
        if getattr(args, name) is not None:
            setattr(wanted, name, getattr(args, name))
    try:
        settings, region = radio_plan.load(wanted, file), region_of(found, file)
    except ConfigError as error:
        raise _placed(error, args) from None
    try:
        concentrator = hardware.concentrator(wanted, settings)
    except ValueError as error:
        key = ConfigError(file, "concentrator.port", wanted.port, str(error))
        raise _placed(key, args) from None
    return Bench(found, settings, concentrator, region)


def _configuration(args: argparse.Namespace, file: Path) -> config.Config:
    if args.config or not _absent(file):
        return config.load(file)
    if args.port is None:
        allowed = (
            "there is no such file; name the board's port with --port, or a file with --config"
        )
        raise ConfigError(file, "", None, allowed)
    found = config.Config()
    found.concentrator.firmware_dir = str(Path(found.gateway.state_dir) / "firmware")
    return found


def _absent(file: Path) -> bool:
    """Not there; one that may not be looked at is there."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    return False


def _placed(error: ConfigError, args: argparse.Namespace) -> ConfigError:
    """The error of an option names the option."""
    name = error.key.removeprefix("concentrator.")
    if name in OVERRIDES and getattr(args, name) is not None:
        return ConfigError("command line", f"--{name}", error.value, error.allowed)
    return error


@asynccontextmanager
async def started(concentrator: Concentrator) -> AsyncIterator[None]:
    """Running inside the block; raises DriverError."""
    try:
        await concentrator.start()
        yield
    finally:
        await concentrator.stop()


async def until_stopped(work: Coroutine[Any, Any, None], seconds: float | None = None) -> None:
    """Do the work until it is done, the time is up, or Ctrl-C; raises what the work raises."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait({task}, timeout=seconds)
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def explained(error: DriverError | StoreError, port: str) -> tuple[str, int]:
    """A fault of the port or the database in words, and the exit code for it."""
    cause = error.__cause__
    number = cause.errno if isinstance(cause, OSError) else None
    if number in BUSY:
        runs, taken = _("the daemon runs"), _("{port} is in use", port=port)
        stop = _(
            "Stop the daemon for the bench: sudo systemctl stop kogge (and start it again"
            " afterwards)"
        )
        return f"{runs if isinstance(error, StoreError) else taken}. {stop}", EX_UNAVAILABLE
    if number != errno.EACCES:
        return heard(str(error)), EX_FAILED
    hint = _("; use sudo") if isinstance(error, StoreError) else ""
    return f"{heard(str(error))}{hint}", EX_PERMISSION
