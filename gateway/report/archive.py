"""The archive itself: text files in one folder, for the eyes of its owner alone."""

import io
import os
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from gateway.whole_file import replacing

FOLDER: Final = "kogge-report"
KINDS: Final = (".zip", ".tar.gz", ".tgz", ".html")
FIRST_OF_ZIP: Final = 315_532_800  # 1980: a zip knows no earlier time
PAGE: Final = "report.html"


def kind(target: Path) -> str | None:
    """How FILE's name ends; None: not as an archive's."""
    return next((one for one in KINDS if target.name.lower().endswith(one)), None)


def owner(env: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Whose the archive shall be: with sudo it is for who called it, who wants to copy it."""
    ids = env.get("SUDO_UID", ""), env.get("SUDO_GID", "")
    if os.geteuid() != 0 or not all(map(str.isdecimal, ids)):
        return None
    return int(ids[0]), int(ids[1])


def write(
    target: Path,
    files: Mapping[str, str],
    at: float | None,
    owner: tuple[int, int] | None = None,
) -> int:
    """The files' names and texts; how many bytes it has. `at` is Unix seconds; `owner` user and
    group. Raises OSError; what was there before is replaced only by a whole one.
    """
    with replacing(target) as sink:
        if owner is not None:
            os.fchown(sink.fileno(), *owner)
        _fill(sink, kind(target), files, int(at or 0))
        return sink.tell()


def _fill(sink: BinaryIO, kind: str | None, files: Mapping[str, str], at: int) -> None:
    if kind == ".html":
        sink.write(files[PAGE].encode())
    elif kind == ".zip":
        _fill_zip(sink, files, time.gmtime(max(at, FIRST_OF_ZIP)))
    else:
        _fill_tar(sink, files, at)


def _fill_zip(sink: BinaryIO, files: Mapping[str, str], at: time.struct_time) -> None:
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", at[:6])
            entry.external_attr, entry.compress_type = 0o600 << 16, zipfile.ZIP_DEFLATED
            packed.writestr(entry, text.encode())


def _fill_tar(sink: BinaryIO, files: Mapping[str, str], at: int) -> None:
    with tarfile.open(fileobj=sink, mode="w:gz") as packed:
        for name, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, at
            packed.addfile(entry, io.BytesIO(content))
