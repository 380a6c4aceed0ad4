"""Semtech's firmware images as they are published: raw, or as C arrays in the source of its HAL.

A file is recognised by what is in it, not by its name: 8192 bytes whose SHA-256 is known. In text
they are the hexadecimal literals between the first brace and the one that closes it
(sx1302_hal 2.1.0: `agc_fw_sx1250.var`, `arb_fw.var`).
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from drivers.sx1302.firmware import IMAGE_SIZE, KNOWN, digest

SUFFIXES = (".var", ".bin", ".c", ".h")
MAX_FILE = 1 << 20  # bytes; the sources are a tenth of it


def image(data: bytes) -> bytes | None:
    """The 8192 bytes that a file holds, raw or as a C array; None when it holds no image."""
    if len(data) == IMAGE_SIZE:
        return data
    _, _, rest = data.partition(b"{")
    array, closed, _ = rest.partition(b"}")
    values = [int(literal, 16) for literal in re.findall(rb"0x([0-9A-Fa-f]{1,2})\b", array)]
    return bytes(values) if closed and len(values) == IMAGE_SIZE else None


def find(path: Path, known: Mapping[str, str] = KNOWN) -> dict[str, bytes]:
    """Known images by the name under which they are installed, in one file or below a directory."""
    names = {sha256: name for name, sha256 in known.items()}
    found = {}
    for file in _files(path):
        candidate = image(file.read_bytes())
        if candidate is not None and (name := names.get(digest(candidate))):
            found[name] = candidate
    return found


def install(images: Mapping[str, bytes], directory: Path) -> None:
    """Write each image so that a power cut leaves the old one or the new one, never half of one;
    nor does Ctrl-C leave anything beside them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in images.items():
        draft = directory / f".{name}.new"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(directory / name)
        finally:
            draft.unlink(missing_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.suffix in SUFFIXES and file.is_file() and file.stat().st_size <= MAX_FILE:
            yield file
