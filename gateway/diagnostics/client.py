"""The asking side of the control socket; plain blocking sockets, for a CLI that starts fast.

What is open is closed where one stands, not when it is forgotten: a Ctrl-C that comes while Python
clears up would be lost.
"""

import json
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.errors import ControlError

_TIMEOUT = 5.0
_LONGEST = 1 << 20  # bytes of a line


class NoDaemon(ControlError):
    """Nobody listens there."""


def ask(path: Path, op: str, **more: Any) -> dict[str, Any]:
    """One request, one answer; raises ControlError when there is no daemon."""
    with closing(stream(path, op, _TIMEOUT, **more)) as answers:
        return next(answers)


def stream(
    path: Path, op: str, timeout: float | None = None, **more: Any
) -> Generator[dict[str, Any], None, None]:
    """One request, and each line that comes back; ends when the daemon does."""
    with _connect(path) as connection, connection.makefile("rb") as answers:
        connection.settimeout(timeout)
        try:
            connection.sendall(json.dumps({"op": op, **more}).encode() + b"\n")
            for line in answers:
                answer = json.loads(line)
                if "denied" in answer:
                    raise PermissionError(answer["error"])
                yield answer
        except TimeoutError:
            raise ControlError(
                f"the daemon at {path} does not answer; see: journalctl -u kogge"
            ) from None
        except ConnectionError:
            pass
    if timeout is not None:
        raise ControlError(f"the daemon at {path} hung up without an answer")


async def follow(path: Path, op: str) -> AsyncGenerator[dict[str, Any], None]:
    """As `stream`, for who has an event loop."""
    import asyncio

    connection = await asyncio.to_thread(_connect, path)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_LONGEST)
    try:
        writer.write(json.dumps({"op": op}).encode() + b"\n")
        async for line in reader:
            answer = json.loads(line)
            if "denied" in answer:
                raise PermissionError(answer["error"])
            yield answer
    except ConnectionError:
        pass
    finally:
        writer.close()


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except PermissionError:
        connection.close()
        raise PermissionError(
            f"you may not talk to the daemon at {path}; join its group:"
            " sudo adduser $USER kogge, then log in again"
        ) from None
    except OSError:
        connection.close()
        raise NoDaemon(
            f"no daemon answers at {path}: it is not running, or uses another control_socket;"
            " start it with: sudo systemctl start kogge"
        ) from None
    return connection
