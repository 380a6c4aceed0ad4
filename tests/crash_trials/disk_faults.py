"""A disk below one directory that fails when it is told to: disk_faults.c, preloaded."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Fault: TypeAlias = Literal["none", "enospc", "eio", "erofs"]

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-shared", "-fPIC")


def build(directory: Path) -> Path:
    """The library to preload, once a session."""
    library = directory / "disk_faults.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *FLAGS, "-o", library, SOURCE, "-ldl"], check=True)
    return library


@dataclass(frozen=True)
class FaultyDisk:
    """`directory` for processes that get `env`; `control` is a file outside of it."""

    library: Path
    directory: Path
    control: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "KOGGE_FAULTY_DISK": str(self.directory.resolve()),
            "KOGGE_DISK_FAULT": str(self.control),
        }

    def begin(self, fault: Fault) -> None:
        """From the next call on; a half-written word is none."""
        written = self.control.with_name(self.control.name + ".new")
        written.write_text(fault, encoding="ascii")
        written.replace(self.control)
