"""The textfile is whole at every moment, and what keeps it from being written is told once."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from gateway.metrics import textfile
from gateway.metrics.textfile import Textfile

WORDS = "metrics.textfile cannot be written"


async def one() -> str:
    return "kogge_uptime_seconds 1\n"


async def test_others_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        await Textfile(tmp_path / "kogge.prom", one).write()
    finally:
        os.umask(before)
    (file,) = await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
    assert file.name == "kogge.prom"
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.read_text() == await one()


async def test_reader_has_the_old_one_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kogge.prom"
    file.write_text("old")
    seen = []
    renamed = Path.replace

    def looked_at(self: Path, target: Path) -> Path:
        seen.append((file.read_text(), self.read_text(), self.suffix))
        return renamed(self, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    await Textfile(file, one).write()
    assert seen == [("old", await one(), ".new")]
    assert file.read_text() == await one()


async def test_left_over_of_a_kill_is_no_hindrance_and_a_link_is_not_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".kogge.prom.new").symlink_to(tmp_path / "precious")
    await Textfile(tmp_path / "kogge.prom", one).write()
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "kogge.prom").read_text() == await one()


async def test_failure_is_counted_each_time_and_told_once_until_it_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "none" / "kogge.prom"
    writing = Textfile(place, one)
    for _ in range(3):
        await writing.write()
    assert (writing.failures, told(caplog)) == (3, 1)
    await asyncio.to_thread(place.parent.mkdir)
    await writing.write()
    assert (writing.failures, place.read_text()) == (3, await one())
    place.unlink()
    place.parent.rmdir()
    await writing.write()
    assert (writing.failures, told(caplog)) == (4, 2)


def told(caplog: pytest.LogCaptureFixture) -> int:
    return sum(
        record.levelno == logging.WARNING and WORDS in record.getMessage()
        for record in caplog.records
    )


async def test_disk_that_hangs_is_a_failure_and_gets_no_second_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on = [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(path: Path, content: str) -> None:
        began.append(path)
        asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result()

    monkeypatch.setattr(textfile, "replace", hangs)
    monkeypatch.setattr(textfile, "WRITE_SECONDS", 0.01)
    writing = Textfile(tmp_path / "kogge.prom", one)
    await writing.write()
    await writing.write()
    assert (writing.failures, len(began)) == (2, 1)
    goes_on.set()
    monkeypatch.setattr(textfile, "WRITE_SECONDS", 20)
    await writing.write()
    assert writing.failures == 2


async def test_fault_of_our_own_is_none_of_the_disk(tmp_path: Path) -> None:
    async def wrong() -> str:
        raise KeyError("counts")

    with pytest.raises(KeyError):
        await Textfile(tmp_path / "kogge.prom", wrong).write()
