"""Where a backup's database comes from: the running daemon, or the files while it is stopped."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from gateway import gateway_eui
from gateway.diagnostics import client
from gateway.errors import BackupError, ControlError, StoreError
from gateway.files import DATABASE
from gateway.store import copying, sealing
from gateway.store.copying import Row

_PATIENCE: Final = 60.0  # seconds; a slow card


class Source(Protocol):
    """`image` is the database without readings, `keys` open its sessions; `eui` "" if unknown."""

    image: bytes
    keys: list[bytes]
    eui: str

    def readings(self) -> Iterator[list[Row]]:
        """What is not delivered, oldest first, in slices."""
        ...


class Running:
    """The daemon behind a control socket; ControlError when there is none."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        answer = self._ask()
        self.image, self.eui = base64.b64decode(answer["image"]), str(answer["eui"])
        self.keys = [bytes.fromhex(key) for key in answer["keys"]]

    def readings(self) -> Iterator[list[Row]]:
        after = 0
        while rows := self._ask(after=after)["rows"]:
            yield [(first, count, at, base64.b64decode(blob)) for first, count, at, blob in rows]
            after = rows[-1][0]

    def _ask(self, **more: Any) -> dict[str, Any]:
        answer = next(client.stream(self._socket, "backup", _PATIENCE, **more))
        if "error" in answer:
            raise BackupError(f"the daemon could not make the copy: {answer['error']}")
        return answer


class Stopped:
    """The files themselves, under the daemon's lock; nothing is changed."""

    def __init__(self, database: copying.Closed, path: Path, eui: str) -> None:
        self._database = database
        self.image, self.keys = database.copy(), sealing.read_keys(path.parent)
        self.eui = eui or database.recall(gateway_eui.NAME)

    def readings(self) -> Iterator[list[Row]]:
        after = 0
        while rows := self._database.rows(after):
            yield rows
            after = rows[-1][0]


def check(state_dir: Path) -> None:
    """Whether there is anything. Raises StoreError; where this user may not look there may be."""
    path = state_dir / DATABASE
    if os.access(state_dir, os.X_OK) and not path.exists():
        raise StoreError(
            f"{path} is not there: this gateway has never run, so there is nothing to back up;"
            " copy its configuration files"
        )


@contextmanager
def stopped(state_dir: Path, eui: str) -> Iterator[Stopped]:
    """`eui` is the configured one. Raises StoreError: no database, in use, or not readable."""
    check(state_dir)
    path = state_dir / DATABASE
    with copying.closed(path) as database:
        yield Stopped(database, path, eui)


@contextmanager
def of(socket: Path, state_dir: Path, eui: str) -> Iterator[Source]:
    """The daemon if one answers, else the files, which nobody may be using then."""
    try:
        running = Running(socket)
    except ControlError:
        with stopped(state_dir, eui) as found:
            yield found
    else:
        yield running
