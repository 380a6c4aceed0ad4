"""The archive is whole or not there, and its owner's alone."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from gateway.report import archive

FILES = {"report.html": "<p>Grüße", "log.txt": "a\nb\n"}


@pytest.mark.parametrize("name", ["x.zip", "x.ZIP", "x.tar.gz", "x.tgz"])
def test_archive_has_every_file_in_one_folder(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    size = archive.write(target, FILES, 1_790_000_000.5)
    assert target.stat().st_size == size
    assert target.stat().st_mode & 0o777 == 0o600
    assert contents(target) == {f"kogge-report/{one}": text for one, text in FILES.items()}


def contents(target: Path) -> dict[str, str]:
    if target.suffix.lower() == ".zip":
        with zipfile.ZipFile(target) as packed:
            assert packed.testzip() is None
            return {name: packed.read(name).decode() for name in packed.namelist()}
    with tarfile.open(target) as tar:
        found = {one.name: tar.extractfile(one) for one in tar}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


def test_page_alone(tmp_path: Path) -> None:
    archive.write(tmp_path / "x.html", FILES, None)
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == "<p>Grüße"
    assert (tmp_path / "x.html").stat().st_mode & 0o777 == 0o600


def test_older_one_of_other_rights_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    target.write_bytes(b"old")
    target.chmod(0o666)
    archive.write(target, FILES, None)
    assert target.stat().st_mode & 0o777 == 0o600
    assert zipfile.is_zipfile(target)


def test_older_one_stays_when_the_new_cannot_be_made(tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    target.write_bytes(b"old")
    with pytest.raises(UnicodeEncodeError):
        archive.write(target, {"a": "\ud800"}, None)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_kinds() -> None:
    kinds = [archive.kind(Path(name)) for name in ("a.zip", "a.tar.gz", "a.html", "a", "a.tar")]
    assert kinds == [".zip", ".tar.gz", ".html", None, None]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_with_sudo_it_is_for_who_called(tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    whose = archive.owner({"SUDO_UID": "1234", "SUDO_GID": "5678"})
    archive.write(target, FILES, None, whose)
    found = target.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 5678, 0o600)


@pytest.mark.parametrize("env", [{}, {"SUDO_UID": "1234"}, {"SUDO_UID": "-1", "SUDO_GID": "x"}])
def test_without_sudo_it_is_whoever_made_it(env: dict[str, str]) -> None:
    assert archive.owner(env) is None
