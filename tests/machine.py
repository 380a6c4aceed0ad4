"""A Debian machine of its own for tests: a container with systemd as PID 1, without a network.

Its root is the one that .ci/system-root makes, under an overlay in `room`: what a test writes
outlives a reboot, and not the test. Nothing outlives the process that started it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HOUSE: Final = Path(__file__).parents[1]
REBOOT: Final = 133
PATIENCE: Final = 120.0  # seconds; what a slow and busy machine may need for one thing
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# two containers in one control group end each other: each has its own
BOOT: Final = """
mkdir -p "$1/upper" "$1/work" "$1/merged"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/merged"
for all in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -e "$all/cgroup.procs" ] || { mkdir "$all/$3" && echo $$ >"$all/$3/cgroup.procs"; }
done
exec setpriv --pdeathsig KILL systemd-nspawn --quiet --boot --directory="$1/merged" \\
    --machine="$3" --register=no --keep-unit --private-network --link-journal=no --console=pipe \\
    --resolv-conf=off --timezone=off
"""


class CannotBoot(Exception):
    """This host lets no container boot: no root, no tool, or a sandbox around it."""


class Machine:
    """One container. `run` raises AssertionError with all that was said when the command fails."""

    def __init__(self, room: Path, root: Path) -> None:
        self._room, self._root = room, root
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Returns when systemd says that it has started all there is to start."""
        (self._room / "upper").mkdir(parents=True, exist_ok=True)
        self._start()
        self.until(self._is_up)

    def _start(self) -> None:
        name = f"kogge-{os.getpid()}-{time.monotonic_ns() % 10**6}"
        where = map(str, (self._room, self._root))
        words = ["unshare", "--mount", "sh", "-euc", BOOT, "sh", *where, name]
        with (self._room / "console").open("ab") as console:
            self._nspawn = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )

    def off(self) -> None:
        """As when the mains fail: nothing is told. nspawn ends with its PID 1, not the reverse."""
        if self._nspawn is not None:
            if leader := self.leader():
                os.kill(leader, signal.SIGKILL)
            else:
                self._nspawn.kill()
            self._nspawn.wait()
            self._nspawn = None

    def reboot(self) -> None:
        """In order, as systemctl does it; nspawn ends with its code for that."""
        self.run("systemctl", "reboot", check=False)
        assert self._nspawn is not None
        assert self._nspawn.wait(PATIENCE) == REBOOT, self.console()
        self.boot()

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
            if self._nspawn is None or self._nspawn.poll() is not None:
                ended = self._nspawn.poll() if self._nspawn else None
                raise CannotBoot(f"nspawn ended with {ended}\n{self.console()}")
            assert time.monotonic() < end, f"it never came to this\n{self.console()}"
            time.sleep(0.1)

    def console(self) -> str:
        return (self._room / "console").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _is_up(self) -> bool:
        if self.leader() is None:
            return False
        return self.says("systemctl", "is-system-running") in ("running", "degraded")

    def leader(self) -> int | None:
        """The pid of the container's PID 1."""
        if self._nspawn is None:
            return None
        of = f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children"
        try:
            children = Path(of).read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None


@contextmanager
def machine(room: Path) -> Iterator[Machine]:
    """A machine that has not booted yet. Raises CannotBoot."""
    one = Machine(room, root())
    try:
        yield one
    finally:
        one.off()


def root() -> Path:
    """Where the prepared root is. Raises CannotBoot."""
    if os.geteuid() != 0:
        raise CannotBoot("only root may boot containers")
    tools = subprocess.run(
        [HOUSE / ".ci" / "setup", "system"], capture_output=True, text=True, check=False
    )
    if tools.returncode != 0:
        raise CannotBoot(tools.stderr)
    making = HOUSE / ".ci" / "system-root"
    made = subprocess.run([making], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise CannotBoot(f"there is no Debian root: {made.stderr[-500:]}")
    return Path(made.stdout.strip())
