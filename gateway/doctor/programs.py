"""What other programs of the machine tell: systemctl, journalctl, dmesg, vcgencmd."""

import subprocess
from typing import Final

SECONDS: Final = 3.0


def said(*command: str, seconds: float = SECONDS) -> list[str] | None:
    """The lines of its output; None: it is not there, may not be asked, or does not answer."""
    try:
        done = subprocess.run(  # noqa: S603 # arguments of our own
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines() if done.returncode == 0 else None


def kernel() -> list[str] | None:
    """Warnings and errors of the kernel since it was started; None: this user may not read them."""
    lines = said("dmesg", "--level=emerg,alert,crit,err,warn")
    return lines or said("journalctl", "-k", "-b", "-p", "warning", "-o", "cat", "-q") or lines
