"""How far a disk is worn, by what the kernel shows of an eMMC."""

import os
from pathlib import Path

import pytest

from gateway.doctor.wear import wear


def kernel(top: Path, partition: str, life: str, spare: str) -> Path:
    """/sys/dev/block with the disk that has `top`."""
    disk = top / "devices" / "mmcblk0"
    (disk / "device").mkdir(parents=True)
    (disk / partition).mkdir(exist_ok=True)
    (disk / "device/life_time").write_text(life)
    (disk / "device/pre_eol_info").write_text(spare)
    sys, number = top / "block", top.stat().st_dev
    sys.mkdir()
    (sys / f"{os.major(number)}:{os.minor(number)}").symlink_to(disk / partition)
    return sys


@pytest.mark.parametrize("partition", ["mmcblk0p2", "."])
@pytest.mark.parametrize(
    ("life", "spare", "used"),
    [
        ("0x01 0x02\n", "0x01\n", 20),
        ("0x0b 0x01\n", "0x01\n", 110),
        ("0x01 0x01\n", "0x02\n", 80),
        ("0x01 0x01\n", "0x03\n", 100),
        ("0x00 0x00\n", "0x00\n", None),
        ("nonsense\n", "0x01\n", None),
        ("", "", None),
    ],
)
def test_worse_figure_of_an_emmc_counts(
    tmp_path: Path, partition: str, life: str, spare: str, used: int | None
) -> None:
    assert wear(tmp_path, kernel(tmp_path, partition, life, spare)) == used


def test_disk_that_does_not_say_is_not_judged(tmp_path: Path) -> None:
    assert wear(tmp_path, tmp_path) is None
    assert wear(tmp_path / "absent") is None
