"""An independent receiver of systemd's journal protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

libsystemd knows one socket only, which is not there in a container: `journal_socket.c` names ours.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("journal_socket.c")
FLAGS = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")


class Journal:
    """Bound in `directory`; `env` leads a program to it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal"
        self._library = directory / "journal_socket.so"
        compiler = shutil.which("cc")
        assert compiler, "a C compiler is part of the set-up"
        command = [compiler, *FLAGS, "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._socket.setblocking(False)

    @property
    def env(self) -> Mapping[str, str]:
        return {**os.environ, "LD_PRELOAD": str(self._library), "KOGGE_JOURNAL": str(self._path)}

    def entries(self) -> list[dict[str, str]]:
        """What has come."""
        found = []
        while True:
            try:
                found.append(fields(self._socket.recv(1 << 20)))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


def fields(datagram: bytes) -> dict[str, str]:
    """`KEY=value` lines, or `KEY`, a 64-bit little-endian length, and so many bytes."""
    found: dict[str, str] = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        key, is_text, value = line.partition(b"=")
        if not is_text:
            size = int.from_bytes(datagram[:8], "little")
            value, datagram = datagram[8 : 8 + size], datagram[8 + size + 1 :]
        assert key.decode() not in found
        found[key.decode()] = value.decode()
    return found
