"""Backup and restore as commands: what is put where, what is kept, and what is refused."""

import asyncio
import errno
import json
import os
import shutil
import signal
import sqlite3
import stat
import time
import tomllib
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lamp_post import APP_KEY, write_files

from gateway.backup import contents, passphrase, placing, sealed
from gateway.cli import main
from gateway.errors import BackupError, StoreError
from gateway.northbound import names
from gateway.store import copying
from gateway.store import secret as sealed_note
from gateway.store.database import Store
from gateway.store.migrations import schema

EUI = "0011223344556677"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed.Sealer.__init__, "__defaults__", (4,))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A stopped gateway that has learnt its EUI from its chip."""
    place = tmp_path / "old"
    (place / "codecs").mkdir(parents=True)
    (place / "codecs" / "own.js").write_text("// own")
    config = write_files(place, 1883, 'username = "lamp"')
    text = config.read_text().replace('eui = "0016c001ff10a235"', 'eui = ""  # the chip\'s')
    config.write_text(text)
    with closing(sqlite3.connect(place / "kogge.db", isolation_level=None)) as database:
        for script in schema():
            database.create_function("sealed", 2, lambda plain, whose: plain)
            database.executescript(script)
        database.execute(f"PRAGMA user_version = {len(schema())}")
        database.execute("INSERT INTO note VALUES ('gateway_eui', ?)", (EUI,))
    (place / "kogge.key").write_text(bytes(32).hex() + "\n")
    (tmp_path / "words").write_text("brave new words\n")
    return config


def run(verb: str, config: Path, *more: str, words: str = "words") -> int:
    top = config.parent.parent
    file, passphrase = str(top / "a.kogge"), str(top / words)
    return main([verb, file, "--config", str(config), "--passphrase-file", passphrase, *more])


def test_backup_is_private_and_shows_no_key(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backup", old) == 0
    file = old.parent.parent / "a.kogge"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("restore", old, "--dry-run", "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[-1])["files"][-1].startswith("firmware/")
    for secret in (APP_KEY, bytes(32)):
        assert secret.hex() not in out
        assert secret.hex().encode() not in file.read_bytes()
    assert "credential of systemd's" in out


def test_ctrl_c_leaves_the_backup_of_yesterday_and_nothing_else(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    assert run("backup", old) == 0
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    monkeypatch.setattr(sealed.Sealer, "close", interrupted)
    assert run("backup", old) == 130
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before


def test_restore_puts_all_in_place_and_keeps_the_eui(old: Path, tmp_path: Path) -> None:
    assert run("backup", old) == 0
    new = tmp_path / "new" / "kogge.toml"
    assert run("restore", new) == 0
    gateway = tomllib.loads(new.read_text())["gateway"]
    assert gateway["eui"] == EUI
    assert "# the chip's" in new.read_text()
    assert (new.parent / "codecs" / "own.js").read_text() == "// own"
    for name in ("kogge.db", "kogge.key", "kogge.db.lock"):
        assert stat.S_IMODE((new.parent / name).stat().st_mode) == 0o600
    assert not (new.parent / ".restoring").exists()
    assert not list(new.parent.glob("*-wal"))


def test_devices_keep_their_pseudonyms_at_the_replacement(old: Path, tmp_path: Path) -> None:
    async def key(config: Path) -> bytes:
        store = await Store.open(config.parent / "kogge.db")
        try:
            return await sealed_note.secret(store, names.NAME)
        finally:
            await store.close()

    before, new = asyncio.run(key(old)), tmp_path / "new" / "kogge.toml"
    assert run("backup", old) == 0
    assert run("restore", new) == 0
    assert asyncio.run(key(new)) == before


def test_restore_refuses_a_state_that_is_there_and_with_force_keeps_it(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backup", old) == 0
    before = (old.parent / "kogge.db").read_bytes()
    assert run("restore", old) == 1
    assert "--force" in capsys.readouterr().err
    assert (old.parent / "kogge.db").read_bytes() == before
    for number in ("", "-2"):
        assert run("restore", old, "--force") == 0
        assert (old.parent / f"kogge.db.before-restore{number}").exists()
    assert (old.parent / "kogge.db.before-restore").read_bytes() == before


@pytest.mark.parametrize("wrong", ["passphrase", "bit", "cut", "missing"])
def test_what_is_refused_by_name_changes_nothing(
    old: Path, tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backup", old) == 0
    file, new = tmp_path / "a.kogge", tmp_path / "new" / "kogge.toml"
    content = bytearray(file.read_bytes())
    (tmp_path / "other").write_text("another passphrase\n")
    if wrong == "bit":
        content[-100] ^= 1
    file.write_bytes(content[: -50 if wrong == "cut" else None])
    if wrong == "missing":
        file.unlink()
    assert run("restore", new, words="other" if wrong == "passphrase" else "words") == 1
    said = {"passphrase": "passphrase is wrong", "bit": "damaged", "cut": "cut off",
            "missing": "there is no"}  # fmt: skip
    assert said[wrong] in capsys.readouterr().err
    assert not new.parent.exists()


class Killed(BaseException):
    """As by SIGKILL: nothing more is done on the disk."""


def killed_at(step: int, config: Path) -> bool:
    """`kogge restore --force` that dies at its so-manieth step; False: it had fewer."""
    left = step

    def counted(real: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left <= 0:
                raise Killed
            return real(*args, **more)

        return call

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        for name in ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync"):
            patch.setattr(os, name, counted(getattr(os, name)))
        run("restore", config, "--force")
    return left <= 0


def opens(config: Path) -> str:
    """ "" or why the daemon's store does not."""

    async def opened() -> None:
        await (await Store.open(config.parent / "kogge.db")).close()

    try:
        asyncio.run(opened())
    except StoreError as error:
        return str(error)
    return ""


def has_sessions(config: Path) -> bool:
    with closing(sqlite3.connect(config.parent / "kogge.db")) as database:
        return bool(database.execute("SELECT count(*) FROM session").fetchone()[0])


def test_restore_that_is_killed_leaves_all_as_it_was_or_nothing_that_starts(
    old: Path, tmp_path: Path
) -> None:
    """Half of a gateway would begin anew with counters that its devices have seen."""
    new = tmp_path / "new" / "kogge.toml"
    with closing(sqlite3.connect(old.parent / "kogge.db")) as database, database:
        database.execute(
            "INSERT INTO session VALUES ('01', '0000010002', 'ffff0001', ?1, ?1, ?1, ?1, 1, 2, 3,"
            " 0, '1.0', 0, 0, 0, -1, '{}', NULL)",
            (b"locked",),
        )
    assert run("backup", old) == 0
    ends = set()
    for step in count(1):
        shutil.rmtree(new.parent, ignore_errors=True)
        new.parent.mkdir()
        new.write_text((old.parent / "kogge.toml").read_text() + "# of this box\n")
        (new.parent / "devices.toml").write_text("# none\n")
        assert opens(new) == ""
        if not killed_at(step, new):
            break
        said = opens(new)
        ends.add(said[-20:])
        if said:
            assert "half restored" in said
            assert run("backup", new) in (1, 78), "of a half"
            assert run("restore", new) == 0, "it goes on, without --force"
            assert has_sessions(new)
        elif not has_sessions(new):
            assert new.read_text().endswith("# of this box\n")
            assert (new.parent / "devices.toml").read_text() == "# none\n"
        assert opens(new) == ""
    assert step > 15
    assert len(ends) == 2


@pytest.mark.parametrize("file", ["devices.toml.restored", "kogge.db"])
def test_gateway_goes_on_where_the_disk_has_no_room_for_what_is_restored(
    old: Path,
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def write(path: Path, content: bytes) -> int:
        if path.name == file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, content)

    real = Path.write_bytes
    assert run("backup", old) == 0
    (old.parent / "devices.toml").write_text("# others\n")
    before = (old.parent / "kogge.db").read_bytes()
    monkeypatch.setattr(Path, "write_bytes", write)
    assert run("restore", old, "--force") == 1
    named = old.with_name(file.removesuffix(".restored"))
    assert f"{named} cannot be written: No space left on device" in capsys.readouterr().err
    assert (old.parent / "devices.toml").read_text() == "# others\n"
    assert (old.parent / "kogge.db").read_bytes() == before
    assert not list(old.parent.rglob("*.restored"))
    assert opens(old) == ""


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_terminal_that_goes_away_does_not_end_it_half_way(
    old: Path, tmp_path: Path, one: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signalled(*arguments: Any) -> Any:
        signal.raise_signal(one)
        return put(*arguments)

    put = placing.put
    monkeypatch.setattr(placing, "put", signalled)
    assert run("backup", old) == 0
    before = signal.getsignal(one)
    assert run("restore", tmp_path / "new" / "kogge.toml") == 0
    assert signal.getsignal(one) is before


def test_passphrase_is_asked_for_last(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*_: object, **__: object) -> str:
        raise AssertionError("it was asked for, and nothing could come of it")

    assert run("backup", old) == 0
    whole = (tmp_path / "a.kogge").read_bytes()
    monkeypatch.setattr(passphrase, "read", asked)
    new = tmp_path / "new" / "kogge.toml"
    for content, said in ((b"", "is empty"), (b"a letter", "no backup"), (whole[:-1], "cut off")):
        (tmp_path / "a.kogge").write_bytes(content)
        assert run("restore", new) == 1
        assert said in capsys.readouterr().err
    (tmp_path / "a.kogge").unlink()
    assert run("restore", new) == 1
    os.mkfifo(tmp_path / "a.kogge")
    assert run("restore", new) == 1
    assert "is no file" in capsys.readouterr().err
    (tmp_path / "a.kogge").unlink()
    assert run("backup", old.parent / "absent" / "kogge.toml") == 78
    (old.parent / "kogge.db").unlink()
    assert run("backup", old) == 1
    assert "never run" in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe")
    for file, told in (
        (tmp_path / "nowhere" / "a", "no directory"),
        (tmp_path, "is a directory"),
        (tmp_path / "pipe", "is no file"),
        (Path("/dev/null"), "is no file"),
    ):
        words = ["backup", str(file), "--config", str(old)]
        assert main(words) == 1
        assert told in capsys.readouterr().err


def test_outsider_is_told_so_before_a_passphrase_is_asked_for(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of root a disk that is read-only says the same: that is no matter of who asks."""

    def may(path: Path, mode: int) -> bool:
        return not mode & os.W_OK or path != tmp_path

    assert run("backup", old) == 0
    monkeypatch.setattr(os, "access", may)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert run("restore", tmp_path / "new" / "kogge.toml", words="absent") == 1, "it goes on"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    capsys.readouterr()
    assert run("restore", tmp_path / "new" / "kogge.toml", words="absent") == 77
    said = capsys.readouterr().err
    assert f"{tmp_path} may not be written by this user: use sudo" in said
    assert run("restore", tmp_path / "new" / "kogge.toml", "--dry-run") == 0, "nothing is written"


def test_disk_that_is_full_is_named_and_the_backup_of_yesterday_stays(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert run("backup", old) == 0
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    monkeypatch.setattr(sealed.Sealer, "_seal", full)
    assert run("backup", old) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'a.kogge'} cannot be written: No space left" in said
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before


def test_backup_of_a_newer_schema_is_refused(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(old.parent / "kogge.db")) as database:
        database.execute(f"PRAGMA user_version = {len(schema()) + 1}")
    assert run("backup", old) == 0
    assert run("restore", tmp_path / "new" / "kogge.toml") == 1
    assert "a newer Kogge" in capsys.readouterr().err


def test_files_of_strangers_are_not_written_over_and_short_words_are_refused(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.kogge").write_text("a letter")
    assert run("backup", old) == 1
    assert (tmp_path / "a.kogge").read_text() == "a letter"
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "a.kogge").rename(tmp_path / "letter")
    assert run("backup", old, words="short") == 1
    assert "fewer than 8" in capsys.readouterr().err
    (tmp_path / "letter").rename(tmp_path / "a.kogge")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.kogge", "old", "short", "words"]


@pytest.mark.parametrize(
    "text", ["", "[gateway]\n", '[gateway]\neui = ""\n', "[mqtt]\n", "a=1\n[gateway]"]
)
def test_eui_is_written_into_any_toml_that_has_none(text: str) -> None:
    changed = contents.with_eui(text.encode(), EUI).decode()
    assert tomllib.loads(changed)["gateway"]["eui"] == EUI


def test_copy_of_ten_thousand_sessions_is_quick_enough_for_the_stores_thread(old: Path) -> None:
    """Answers wait for that thread, and RX1 is a second away: a copy costs no more than three times
    what it took to write the sessions, some 50 ms on a PC."""
    with closing(sqlite3.connect(old.parent / "kogge.db", isolation_level=None)) as database:
        began = time.process_time()
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO session VALUES (?, '0000010002', 'ffff0001', ?, ?, ?, ?, 1, 2, 3, 0,"
            " '1.0', 0, 0, 0, -1, '{}', NULL)",
            [(f"{n:016x}", *(bytes(44),) * 4) for n in range(10_000)],
        )
        database.execute("COMMIT")
        written = time.process_time() - began
        image = copying.copy(database)
        assert time.process_time() - began - written < 3 * written
        assert copying.held(image).sessions == 10_000


def test_configuration_of_brackets_without_end_is_refused() -> None:
    with pytest.raises(BackupError, match="nested too deep"):
        contents.with_eui(b"a = " + b"[" * 100_000, EUI)
