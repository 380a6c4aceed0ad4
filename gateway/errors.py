"""Our own faults. What strangers send is never an exception: it is a counted drop.

::

    GatewayError
    ├── ConfigError    a file is wrong: which, which key, its value, what is allowed
    ├── StoreError     the database cannot be opened, read or written
    │   └── DiskFault  for now: the disk refuses, and is tried again
    ├── ControlError   the daemon cannot be reached, or refused a request
    └── BackupError    a backup cannot be made, read, or put in place

Errors of the hardware stand in `drivers.concentrator`.
"""

from pathlib import Path


class GatewayError(Exception):
    """Ends a command; its text says what happened, what it means and what to do next."""


class ConfigError(GatewayError):
    """A configuration file cannot be used as it is."""

    def __init__(self, file: Path | str, key: str, value: object, allowed: str) -> None:
        self.file, self.key, self.value, self.allowed = str(file), key, value, allowed
        where = f"{file}: {key}" if key else str(file)
        said = f"{where}; {allowed}" if value is None else f"{where} is {value!r}; {allowed}"
        super().__init__(said)


class StoreError(GatewayError):
    """The database cannot be opened, read or written."""


class DiskFault(StoreError):
    """The disk refuses for now: what comes in goes on from memory, and the disk is tried again."""


class ControlError(GatewayError):
    """The daemon cannot be reached over its socket, or refused a request."""


class BackupError(GatewayError):
    """A backup cannot be made, read, or put in place; nothing was changed."""
