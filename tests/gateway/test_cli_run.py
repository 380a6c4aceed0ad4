"""kogge run that cannot run: one clear line and the exit code that systemd acts on."""

import asyncio
from pathlib import Path

import pytest
from kogge import kogge

from gateway.cli import main
from gateway.store.database import Store


def write(directory: Path, state_dir: str = "state", control_socket: str = "kogge.sock") -> Path:
    (directory / "devices.toml").write_text("", encoding="utf-8")
    file = directory / "kogge.toml"
    file.write_text(
        f'[gateway]\nstate_dir = "{state_dir}"\ncontrol_socket = "{control_socket}"\n'
        '[concentrator]\nport = "absent"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\nplain_is_ok = true\n',
        encoding="utf-8",
    )
    return file


def one_line(said: str, *parts: str) -> None:
    (line,) = said.splitlines()
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[mqtt]", "[mqttt]"), "did you mean 'mqtt'?"),
        (('"absent"', "5"), "concentrator.port"),
        (("plain_is_ok = true", ""), "not encrypted"),
        (("[mqtt]", "[mqtt"), "not valid TOML"),
    ],
)
def test_wrong_configuration_is_78(
    tmp_path: Path, change: tuple[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    assert main(["run", "--config", str(file)]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    one_line(captured.err, "kogge: ", str(file), says)


def test_missing_configuration_says_where_to_start_from(tmp_path: Path) -> None:
    done = kogge("run", "--config", str(tmp_path / "kogge.toml"))
    assert done.returncode == 78
    one_line(done.stderr, "there is no such file; start from")


def test_wrong_device_is_78_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path)
    (tmp_path / "devices.toml").write_text('[[device]]\nname = "x"\n', encoding="utf-8")
    assert main(["run", "--config", str(file)]) == 78
    one_line(capsys.readouterr().err, "devices.toml", "`dev_eui`")


def test_key_file_that_holds_no_key_is_78_too_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "kogge.key").write_text("lost+found", encoding="utf-8")
    assert main(["run", "--config", str(file)]) == 78
    one_line(capsys.readouterr().err, "kogge.key", "from your copy", "join again")
    assert (tmp_path / "state" / "kogge.key").read_text(encoding="utf-8") == "lost+found"


async def test_second_daemon_on_one_state_dir_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    await asyncio.to_thread((tmp_path / "state").mkdir)
    first = await Store.open(tmp_path / "state" / "kogge.db")
    done = await asyncio.to_thread(kogge, "run", "--config", str(file))
    await first.close()
    assert done.returncode == 1
    one_line(done.stderr, "kogge.db")
    assert not (tmp_path / "kogge.sock").exists(), "the first one's socket is left alone"


@pytest.mark.parametrize("state_dir", ["kogge.toml", "/proc/kogge"])
def test_state_dir_that_cannot_be_made_is_named(tmp_path: Path, state_dir: str) -> None:
    done = kogge("run", "--config", str(write(tmp_path, state_dir)))
    assert done.returncode == 1
    one_line(done.stderr, "gateway.state_dir", state_dir)


@pytest.mark.parametrize("control_socket", ["/proc/kogge/kogge.sock", "x" * 120])
def test_control_socket_that_cannot_be_made_is_named(tmp_path: Path, control_socket: str) -> None:
    done = kogge("run", "--config", str(write(tmp_path, control_socket=control_socket)))
    assert done.returncode == 1
    one_line(done.stderr, "gateway.control_socket", control_socket)


def test_state_dir_that_may_not_be_made_is_77(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = write(tmp_path)
    monkeypatch.setattr(Path, "mkdir", forbidden)
    assert main(["run", "--config", str(file)]) == 77
    one_line(capsys.readouterr().err, "gateway.state_dir", "may not be made")


def test_keys_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "state/kogge.key").mkdir(parents=True)
    done = kogge("run", "--config", str(write(tmp_path)))
    assert done.returncode == 1
    one_line(done.stderr, "the keys in", "cannot be read", "dmesg")
