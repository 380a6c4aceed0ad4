"""A damaged database is moved beside, and a new one takes its place.

- `NAME.damaged-N` and its log are as they were found; the last KEPT are kept, others go.
- `NAME.taken-back` is what an upgrade had that was taken back (systemd/package/upgrade_check.py);
  it goes like the copies from before an upgrade (migrations.py).
- `NAME.salvaged` is complete and synced before anything is moved, and each move is on disk before
  the next: `finish`, at each start, ends what a power cut has interrupted.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.store.opening import rename

if TYPE_CHECKING:
    from gateway.store.salvage import Salvaged

KEPT: Final = 2
BESIDE: Final = ("-wal", "-shm", "-journal")  # SQLite's files


def quarantine(
    path: Path, scripts: Sequence[str], point_of_no_return: Callable[[], None] = lambda: None
) -> "tuple[Path, Salvaged]":
    """Where the damaged one is now, and what the new one has. Raises sqlite3.Error and OSError of
    the disk: then nothing has been moved, or `finish` will end it. `point_of_no_return` is called
    before anything is moved; who breaks it off until then finds all as it was.
    """
    from gateway.store.salvage import salvage  # memory: only who has lost something

    new = _new(path)
    try:
        found = salvage(path, new, scripts)
    except KeyboardInterrupt:
        _remove(new)
        raise
    point_of_no_return()
    numbers = _numbers(path)
    moved = _damaged(path, max(numbers, default=0) + 1)
    rename(path, moved)
    _take_place(path, new, moved)
    for number in sorted(numbers)[: len(numbers) + 1 - KEPT]:
        _remove(_damaged(path, number))
    return moved, found


def finish(path: Path) -> None:
    """Raises OSError."""
    new = _new(path)
    if not new.exists():
        return
    if path.exists():
        new.unlink()
    else:
        _take_place(path, new, _damaged(path, max(_numbers(path), default=1)))


def quarantined(path: Path) -> list[str]:
    """The names of those that are beside it, damaged ones the oldest first."""
    aside = [path.with_name(f"{path.name}.taken-back")]
    damaged = [_damaged(path, number).name for number in sorted(_numbers(path))]
    return damaged + [file.name for file in aside if file.exists()]


def _take_place(path: Path, new: Path, moved: Path) -> None:
    for suffix in BESIDE:
        file = Path(f"{path}{suffix}")
        if file.exists():
            rename(file, Path(f"{moved}{suffix}"))
    rename(new, path)


def _remove(damaged: Path) -> None:
    for suffix in ("", *BESIDE):
        Path(f"{damaged}{suffix}").unlink(missing_ok=True)


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvaged")


def _damaged(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.damaged-{number}")


def _numbers(path: Path) -> list[int]:
    form = re.compile(re.escape(path.name) + r"\.damaged-(\d{1,9})")
    found = (form.fullmatch(file.name) for file in path.parent.iterdir())
    return [int(match[1]) for match in found if match]
