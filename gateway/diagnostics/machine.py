"""The machine that the gateway runs on: disk, memory, heat, supply; asked of the kernel alone.

Works with the daemon up or down. What cannot be known is None.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

PROC: Final = Path("/proc")
SYS: Final = Path("/sys")


class Disk(NamedTuple):
    """Of the file system that holds `path`; bytes. `free` is for one who is not root."""

    path: str
    free: int
    total: int
    used: int
    read_only: bool

    @property
    def percent(self) -> float:
        """Used, as df(1) says it."""
        return 100 * self.used / max(1, self.used + self.free)


class Memory(NamedTuple):
    """Bytes; `daemon` is what its process has in memory."""

    available: int
    total: int
    daemon: int | None


class Machine(NamedTuple):
    """`temperature` is the processor's in °C; `up` seconds since it was switched on;
    `undervoltage`: the supply is too weak now, as a Raspberry Pi's sensor says.
    """

    disk: Disk | None
    memory: Memory | None
    temperature: float | None
    up: float | None
    undervoltage: bool | None
    model: str
    kernel: str
    python: str


def look(
    state_dir: str | None, pid: int | None = None, proc: Path = PROC, sysfs: Path = SYS
) -> Machine:
    return Machine(
        disk(state_dir) if state_dir else None,
        _memory(pid, proc),
        _temperature(sysfs),
        _up(proc),
        _undervoltage(sysfs),
        _text(proc / "device-tree" / "model").rstrip("\0"),
        os.uname().release,
        sys.version.split()[0],
    )


def told(machine: Machine) -> dict[str, Any]:
    """As JSON has it."""
    found = machine._asdict()
    found["disk"] = machine.disk and machine.disk._asdict()
    found["memory"] = machine.memory and machine.memory._asdict()
    return found


def disk(path: str) -> Disk | None:
    """Of the nearest directory above that is there."""
    for place in (Path(path), *Path(path).parents):
        try:
            found = os.statvfs(place)
        except OSError:
            continue
        unit = found.f_frsize
        used = (found.f_blocks - found.f_bfree) * unit
        read_only = bool(found.f_flag & os.ST_RDONLY)
        return Disk(path, found.f_bavail * unit, found.f_blocks * unit, used, read_only)
    return None


def _memory(pid: int | None, proc: Path) -> Memory | None:
    lines = _kibibytes(proc / "meminfo")
    if not {"MemAvailable", "MemTotal"} <= lines.keys():
        return None
    process = _kibibytes(proc / str(pid) / "status") if pid else {}
    return Memory(lines["MemAvailable"], lines["MemTotal"], process.get("VmRSS"))


def _kibibytes(file: Path) -> dict[str, int]:
    """proc(5): lines of `Name:  12 kB`; in bytes."""
    words = (line.split() for line in _text(file).splitlines())
    return {
        line[0].rstrip(":"): int(line[1]) * 1024
        for line in words
        if len(line) == 3 and line[2] == "kB"
    }


def _temperature(sysfs: Path) -> float | None:
    text = _text(sysfs / "class" / "thermal" / "thermal_zone0" / "temp").strip()
    return int(text) / 1000 if text.lstrip("-").isdecimal() else None


def _up(proc: Path) -> float | None:
    words = _text(proc / "uptime").split()
    return float(words[0]) if words else None


def _undervoltage(sysfs: Path) -> bool | None:
    """The kernel's rpi_volt; other machines have no such sensor."""
    for sensor in sorted((sysfs / "class" / "hwmon").glob("hwmon*")):
        if _text(sensor / "name").strip() == "rpi_volt":
            return _text(sensor / "in0_lcrit_alarm").strip() == "1"
    return None


def _text(file: Path) -> str:
    """ "": it is not there, or not for us."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
