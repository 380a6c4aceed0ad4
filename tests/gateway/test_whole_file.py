"""What is written in place of a file is there whole, or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.whole_file import replacing


def write(file: Path, content: bytes) -> None:
    with replacing(file) as sink:
        sink.write(content)
        assert not file.exists() or file.read_bytes() != content


def test_file_is_there_at_the_end_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("refused", [0, errno.EINVAL])
def test_its_name_is_on_disk_too_where_the_file_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    synced: list[list[Path]] = []

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            synced.append(list(tmp_path.iterdir()))
            if refused:
                raise OSError(refused, os.strerror(refused))

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "a", b"new")
    assert synced == [[tmp_path / "a"]]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_broken_off_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / ".a.new").write_bytes(b"of one that was killed")

    def broken_off() -> None:
        with replacing(tmp_path / "a") as sink:
            sink.write(b"new")
            raise error

    with pytest.raises(error):
        broken_off()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "a")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a").read_bytes() == b"new"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(GatewayError, match="is no file"):
            write(place, b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
