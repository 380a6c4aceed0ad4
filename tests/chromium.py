"""A headless Chromium that opens one page: its DOM afterwards, what it complained of, and what it
asked the network for, which here is a proxy that answers nobody.
"""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 200
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-default-apps", "--no-first-run",
    "--enable-logging=stderr", "--proxy-bypass-list=<-loopback>",
)  # fmt: skip
OWN = ("google.com", "googleapis.com", "gstatic.com", "gvt1.com")  # its maker's, asked by itself


@dataclass
class Seen:
    """`asked` are hosts; `said` is what the page's console got."""

    dom: str = ""
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def program() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def opened(page: Path, *flags: str) -> Seen:
    """Raises OSError or subprocess.SubprocessError where the browser does not work."""
    found = program()
    assert found is not None
    with TemporaryDirectory() as profile, _proxy() as (port, asked):
        done = subprocess.run(
            [found, *FLAGS, *flags, f"--proxy-server=http://127.0.0.1:{port}",
             f"--user-data-dir={profile}", "--dump-dom", page.absolute().as_uri()],
            capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(done.stdout, said, [one for one in asked if not one.endswith(OWN)])


@contextmanager
def _proxy() -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = threading.Thread(target=_listen, args=(server, asked), daemon=True)
        listening.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        listening.join()


def _listen(server: socket.socket, asked: list[str]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(5)
            try:
                words = connection.recv(4096).split(b" ")
            except OSError:
                continue
            host = words[1].decode().split("://")[-1].split("/")[0] if len(words) > 1 else ""
            asked.append(host.partition(":")[0])
