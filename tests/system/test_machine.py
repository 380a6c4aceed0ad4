"""The container itself: it ends when it is told to, and with whoever started it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from machine import CONTROL_GROUPS, HOUSE, machine, remove_control_groups

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
BOOT = """
import sys
from pathlib import Path
from machine import Machine
one = Machine(Path(sys.argv[1]), Path(sys.argv[2]))
one.boot()
print(one.leader(), flush=True)
sys.stdin.read()
"""


def test_container_ends_with_whoever_started_it(root: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BOOT, tmp_path, root], cwd=HOUSE / "tests", text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as starter:  # fmt: skip
        assert starter.stdout is not None
        leader = int(starter.stdout.readline())
        ended = subprocess.Popen(["tail", f"--pid={leader}", "-f", "/dev/null"])
        starter.send_signal(signal.SIGKILL)
        assert ended.wait() == 0
    remove_control_groups(f"kogge-{starter.pid}-*")


def test_nothing_is_left_of_a_container_that_lost_its_power(root: Path, tmp_path: Path) -> None:
    with machine(tmp_path, root) as one:
        one.boot()
        leader = one.leader()
    assert not Path(f"/proc/{leader}").exists()
    assert not [left for group in CONTROL_GROUPS for left in group.glob(f"{one.name}*")]
