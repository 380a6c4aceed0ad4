"""The same sources make the same package, byte for byte, wherever and whenever it is built."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from installed import build_in
from machine import HOUSE

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
# another place for what is made meanwhile, another time zone, language and order of names
OTHERWISE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}


def test_package_is_the_same_from_another_place_and_at_another_time(
    package: Path, tmp_path: Path
) -> None:
    copy, room = tmp_path / "by" / "somebody-else", tmp_path / "room"
    room.mkdir()
    copy.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=HOUSE, check=True, stdout=-1, text=True,
    )  # fmt: skip
    for name in filter(lambda name: (HOUSE / name).is_file(), listed.stdout.splitlines()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HOUSE / name, copy / name)
        (copy / name).chmod(0o700 if (HOUSE / name).stat().st_mode & 0o100 else 0o600)
    subprocess.run(["git", "init", "-q", copy], check=True)
    build_in(copy, {**OTHERWISE, "TMPDIR": str(room)})
    (made,) = (copy / "dist").glob("*.deb")
    assert made.name == package.name
    assert digest(made) == digest(package)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
