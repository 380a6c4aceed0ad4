"""The machine as the kernel tells it, from made-up /proc and /sys; what is not there is None."""

from pathlib import Path

from gateway.diagnostics import machine


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


PI = {
    "proc/meminfo": "MemTotal:  900000 kB\nMemFree: 10 kB\nMemAvailable: 600000 kB\nHuge: 0\n",
    "proc/612/status": "Name:\tkogge\nVmRSS:\t   45000 kB\nThreads:\t3\n",
    "proc/uptime": "1047600.51 4000000.00\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
}


def test_raspberry_pi_is_read(tmp_path: Path) -> None:
    root = write(tmp_path, PI)
    found = machine.look(str(tmp_path), 612, root / "proc", root / "sys")
    assert found.memory == (600_000 * 1024, 900_000 * 1024, 45_000 * 1024)
    assert (found.temperature, found.up, found.undervoltage) == (48.312, 1_047_600.51, True)
    assert found.model == "Raspberry Pi 4 Model B Rev 1.5"
    assert found.disk is not None
    assert 0 < found.disk.free <= found.disk.total
    assert 0 <= found.disk.percent <= 100


def test_machine_that_says_nothing_is_no_fault(tmp_path: Path) -> None:
    found = machine.look(None, None, tmp_path / "proc", tmp_path / "sys")
    assert found[:5] == (None, None, None, None, None)
    told = machine.told(found)
    assert (told["disk"], told["memory"], told["model"]) == (None, None, "")


def test_daemon_that_is_gone_has_no_memory(tmp_path: Path) -> None:
    root = write(tmp_path, PI)
    found = machine.look(None, 4711, root / "proc", root / "sys")
    assert found.memory is not None
    assert found.memory.daemon is None


def test_disk_of_a_directory_that_is_not_there_yet_is_the_one_above(tmp_path: Path) -> None:
    found = machine.disk(str(tmp_path / "absent" / "kogge"))
    assert found is not None
    assert found.path == str(tmp_path / "absent" / "kogge")
