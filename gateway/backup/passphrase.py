"""A passphrase from a file, or typed where nobody sees it; never from the command line."""

import argparse
import os
import sys
from getpass import getpass
from pathlib import Path

from gateway.cli.language import _
from gateway.errors import BackupError

SHORTEST = 8


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="its first line, instead of asking; for a script",
    )


def read(file: Path | None, *, twice: bool) -> str:
    """Raises BackupError: none, too short, or not the same twice."""
    if file is not None:
        return _checked(_first_line(file), str(file))
    if not _has_terminal():
        raise BackupError("there is no terminal to ask for the passphrase: give --passphrase-file")
    typed = getpass(_("Passphrase of the backup: "), stream=sys.stderr)
    if twice and getpass(_("Once more: "), stream=sys.stderr) != typed:
        raise BackupError("the two were not the same: nothing was made; try again")
    return _checked(typed, "it")


def _first_line(file: Path) -> str:
    try:
        return (file.read_text(encoding="utf-8").splitlines() or [""])[0]
    except FileNotFoundError:
        raise BackupError(f"there is no {file}: --passphrase-file names the passphrase's") from None


def _checked(text: str, where: str) -> str:
    if len(text) < SHORTEST:
        raise BackupError(
            f"{where} has fewer than {SHORTEST} characters: whoever finds the file has all keys of"
            " the gateway once they guess it; take several words"
        )
    return text


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
