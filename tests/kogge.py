"""`kogge` as a technician types it: a process of its own."""

import subprocess
import sys
from pathlib import Path

from patience import HUNG

HOUSE = Path(__file__).parents[1]


def kogge(*arguments: str, seconds: float = HUNG) -> subprocess.CompletedProcess[str]:
    """Run it to its end; no traceback is ever right."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True, text=True, timeout=seconds, cwd=HOUSE, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules, and those of the project, that a run of `kogge` brings in."""
    code = (
        "import sys; from gateway.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=HUNG, cwd=HOUSE, check=True,
    )  # fmt: skip
    return set(done.stderr.splitlines()[-1].split())
