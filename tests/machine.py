"""A Debian machine of its own for tests: a container with systemd as PID 1, without a network.

Its root is the one that .ci/system-root makes, under an overlay in `room`: what a test writes
outlives a reboot, and not the test. The container is in a namespace of processes that ends with
whoever started it, however that one ends.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

HOUSE: Final = Path(__file__).parents[1]
REBOOT: Final = 133
PATIENCE: Final = 600.0  # seconds, against hanging alone: a slow and busy machine is waited for
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTROL_GROUPS: Final = [Path("/sys/fs/cgroup", name) for name in (".", "systemd", "unified")]
ALONE: Final = (
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child",
)  # fmt: skip
# systemd takes the control group it finds itself in for its own, and makes its units' below it
CONTAINER: Final = """
room=$1 root=$2 name=$3
shift 3
mkdir -p "$room/upper" "$room/work" "$room/merged"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$room/upper,workdir=$room/work" "$room/merged"
for all in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -e "$all/cgroup.procs" ] || { mkdir "$all/$name" && echo $$ >"$all/$name/cgroup.procs"; }
done
exec systemd-nspawn --quiet --directory="$room/merged" --machine="$name" --register=no \\
    --keep-unit --private-network --link-journal=no --console=pipe --resolv-conf=off \\
    --timezone=off "$@"
"""


class NotHere(Exception):
    """What a container needs: the rights of root, a tool, a Debian root."""


class Machine:
    """One container. `run` raises AssertionError with all that was said when the command fails."""

    def __init__(self, room: Path, root: Path) -> None:
        self._room, self._root = room, root
        self.name = ""
        self._outside: subprocess.Popen[bytes] | None = None

    def boot(self, writable: Sequence[str] = ()) -> None:
        """Returns when systemd says that it has started all there is to start.

        With `writable`, files and directories that it has made itself before, nothing else can be
        written but what is in memory, /run and /tmp.
        """
        self._start("--boot", *self._read_only(writable))
        self.until(self._is_up)

    def _read_only(self, but_for: Sequence[str]) -> list[str]:
        if not but_for:
            return []
        there = f"{self._room}/upper"  # what the machine has written itself, past the overlay
        return ["--read-only", "--tmpfs=/tmp", *(f"--bind={there}{one}:{one}" for one in but_for)]

    def _start(self, *options: str) -> None:
        self.name = f"kogge-{os.getpid()}-{time.monotonic_ns()}"
        inside = (str(self._room), str(self._root), self.name, *options)
        with (self._room / "console").open("ab") as console:
            self._outside = subprocess.Popen(
                [*ALONE, "sh", "-euc", CONTAINER, "sh", *inside],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip

    def off(self) -> None:
        """As when the mains fail: nothing is told, and all ends at once."""
        if self._outside is None:
            return
        if self._outside.poll() is None:
            # the first process of the namespace: the kernel ends all others before it
            for first in _children(self._outside.pid) or [self._outside.pid]:
                os.kill(first, signal.SIGKILL)
            self._outside.wait(PATIENCE)
        self._outside = None
        remove_control_groups(self.name)

    def reboot(self, writable: Sequence[str] = ()) -> None:
        """In order, as systemctl does it; nspawn ends with its code for that."""
        self.run("systemctl", "reboot", check=False)
        assert self._outside is not None
        assert self._outside.wait(PATIENCE) == REBOOT, self.console()
        self.off()
        self.boot(writable)

    def run(
        self, *words: str, check: bool = True, text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        leader = self.leader()
        assert leader is not None, self.console()
        done = subprocess.run(
            ["nsenter", "--target", str(leader), "--all", "--wd=/", "env", "-i", f"PATH={PATH}",
             "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "HOME=/root", *words],
            input=text, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        said = f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert not check or done.returncode == 0, said
        return done

    def says(self, *words: str) -> str:
        return self.run(*words, check=False).stdout.strip()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds; AssertionError with the console's words when it never does."""
        end = time.monotonic() + PATIENCE
        while not holds():
            ended = self._outside.poll() if self._outside else "nothing"
            assert ended is None, f"the container ended: {ended}\n{self.console()}"
            assert time.monotonic() < end, f"it never came to this\n{self.console()}"
            time.sleep(0.1)

    def console(self) -> str:
        return (self._room / "console").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _is_up(self) -> bool:
        if self.leader() is None:
            return False
        return self.says("systemctl", "is-system-running") in ("running", "degraded")

    def leader(self) -> int | None:
        """The pid of the container's PID 1, once it is systemd and no longer what makes its room:
        what is said to that would be said to this host.
        """
        if self._outside is None:
            return None
        nspawn = _children(self._outside.pid)
        found = [pid for one in nspawn for pid in _children(one) if _program(pid) == "systemd"]
        return found[0] if found else None


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return []


def _program(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def remove_control_groups(names: str) -> None:
    """Those that are left, as their systemd has not ended in order; `names` is a pattern."""
    for group in CONTROL_GROUPS:
        for left in group.glob(names):
            for below in (*sorted(left.rglob("*/"), reverse=True), left):
                below.rmdir()


@contextmanager
def machine(room: Path, root: Path) -> Iterator[Machine]:
    """A machine that has not booted yet, over a root of `debian`."""
    one = Machine(room, root)
    try:
        yield one
    finally:
        one.off()


def debian() -> Path:
    """The Debian root that `make test-system` has made. Raises NotHere."""
    if shutil.which("systemd-nspawn") is None:
        raise NotHere("there is no systemd-nspawn here; make test-system installs it")
    done = subprocess.run(
        [HOUSE / ".ci" / "system-root", "--made"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NotHere(done.stderr.strip())
    return Path(done.stdout.strip())
