"""`kogge watch` on a terminal: how many frames a second it keeps up with.

The daemon's control socket is real, what happens is told as fast as the watcher takes it: each
frame with its reading and that it is safe. The terminal is a pty of 120x40 that reads at once. It
has kept up when the last one is on the screen, and none was left out.
"""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

from .load import PER_SECOND
from .row import Row

sys.path.append(str(Path(__file__).parents[1]))  # what bench shares with the tests stands there
import socket_daemon
import watch_cases as cases
from kogge import HOUSE
from screen_cases import STATUS
from socket_daemon import Daemon

FRAMES = 60 * PER_SECOND
LAST = "feedbeef"
WAITING = 5000  # happenings; the daemon leaves out what is above 10 000


def frames_kept_up_with() -> Row:
    with tempfile.TemporaryDirectory() as directory:
        seconds, left_out = asyncio.run(_measure(Path(directory) / "kogge.sock"))
    rate = FRAMES / seconds
    return Row(
        what="kogge watch keeps up with",
        measured=f"{rate:,.0f} frames/s",
        limit=f"{PER_SECOND}/s on the air",
        goal=f"≥ {PER_SECOND}/s, none left out",
        met=rate >= PER_SECOND and not left_out,
    )


async def _measure(path: Path) -> tuple[float, bool]:
    """Seconds until the last is on the screen, and whether any is missing.."""
    async with socket_daemon.daemon(path, STATUS) as daemon:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "watch", "--socket", str(path)),
            stdin=slave, stdout=slave, stderr=slave, cwd=HOUSE,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        os.close(slave)
        said, shown = bytearray(), asyncio.Event()

        def read() -> None:
            try:
                said.extend(os.read(master, 1 << 16))
            except OSError:  # the watcher has left
                loop.remove_reader(master)
            if LAST.encode() in said:
                shown.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(master, read)
        await daemon.watched()
        started = time.perf_counter()
        await _tell(daemon)
        await shown.wait()
        seconds = time.perf_counter() - started
        os.write(master, b"q")
        await process.wait()
        loop.remove_reader(master)
        os.close(master)
        assert process.returncode == 0, said[-1000:]
        return seconds, b"LEFT OUT" in said


async def _tell(daemon: Daemon) -> None:
    """Never more than the daemon would keep for a watcher."""
    (onlooker,) = daemon.watch._onlookers
    for f_cnt in range(FRAMES - 1):
        while onlooker._queue.qsize() > WAITING:
            await asyncio.sleep(0)
        for one in (cases.uplink(f_cnt), cases.reading(f_cnt), cases.safe(f_cnt)):
            daemon.watch.tell(**one)
    daemon.watch.tell(**cases.drop(dev_addr=LAST))


BENCHES: tuple[Callable[[], Row], ...] = (frames_kept_up_with,)
