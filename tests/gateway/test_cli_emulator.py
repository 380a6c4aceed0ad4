"""kogge emulator: runs until stopped, says where it is, refuses what it must."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import EX_FAILED, EX_USAGE, main


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "emulator", *arguments, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_runs_until_stopped_and_takes_its_link_with_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    link = tmp_path / "tty"
    control = tmp_path / "faults"
    process = await start(
        *("--link", str(link), "--air", "localhost:0", "--control", str(control)),
        *("--eui", "70B3D57ED0001234"),
    )
    assert process.stderr is not None
    text = (await process.stderr.readuntil(b"Ctrl-C.\n")).decode()
    assert "70b3d57ed0001234" in text
    assert f'port = "{link}"' in text
    host, port = re.findall(r"on (127\.0\.0\.1):(\d+),", text)[0]
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b'{"op":"time"}\n')
    assert json.loads(await reader.readline())["op"] == "time"
    assert f"healed through {control}," in text
    operator_reader, operator = await asyncio.open_unix_connection(control)
    operator.write(b'{"op":"faults"}\n')
    assert json.loads(await operator_reader.readline()) == {"op": "faults", "active": []}
    operator.close()
    assert link.is_symlink()
    process.send_signal(number)
    assert await process.wait() == 0
    assert not link.is_symlink()
    assert not control.exists()
    assert await process.stderr.read() == b""
    writer.close()


def test_it_says_where_it_is_in_one_write(tmp_path: Path) -> None:
    """A datagram is one write: a reader of a file or a pipe never sees half of the text."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    command = [sys.executable, "-m", "gateway", "emulator", "--link", str(tmp_path / "tty")]
    ours.settimeout(20)
    with ours, theirs, subprocess.Popen(command, stderr=theirs.fileno()) as process:
        try:
            said = ours.recv(10_000).decode()
        finally:
            process.terminate()
    assert said.startswith("SX1302 board with EUI ")
    assert said.endswith("Ctrl-C.\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--air", "0.0.0.0:4406"], "loopback only"),
        (["--air", "example.org:4406"], "an address and a port"),
        (["--air", "127.0.0.1"], "an address and a port"),
        (["--air", "127.0.0.1:70000"], "loopback only"),
        (["--eui", "12"], "16 hex digits"),
        (["--eui", "zz" * 8], "16 hex digits"),
        (["--chip", "sx1301"], "sx1301"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["emulator", "--link", "tty", *arguments])
    assert refused.value.code == EX_USAGE
    assert why in capsys.readouterr().err


def test_file_in_the_way_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "file"
    link.touch()
    assert main(["emulator", "--link", str(link)]) == EX_FAILED
    assert f"{link} exists and is not a link" in capsys.readouterr().err


def test_missing_directory_of_the_link_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulator", "--link", str(tmp_path / "none" / "tty")]) == EX_FAILED
    assert f"kogge: {tmp_path}/none, where the link goes, is no" in capsys.readouterr().err


def test_taken_address_is_named_with_what_helps_and_no_link_appears(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "tty"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["emulator", "--link", str(link), "--air", f"127.0.0.1:{port}"]) == EX_FAILED
    said = capsys.readouterr().err
    assert said.startswith(f"kogge: 127.0.0.1:{port} is taken by another program")
    assert "--air 127.0.0.1:0" in said
    assert not link.is_symlink()


def test_taken_control_socket_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(control))
        other.listen()
        arguments = ["emulator", "--link", str(tmp_path / "tty"), "--control", str(control)]
        assert main(arguments) == EX_FAILED
    assert f"kogge: {control} is taken by another program" in capsys.readouterr().err


async def test_second_emulator_is_refused_the_link_of_the_first_until_that_is_dead(
    tmp_path: Path,
) -> None:
    link = str(tmp_path / "tty")
    first = await start("--link", link)
    assert first.stderr is not None
    await first.stderr.readuntil(b"Ctrl-C.\n")
    port = (tmp_path / "tty").readlink()
    second = await start("--link", link)
    _, said = await second.communicate()
    assert second.returncode == EX_FAILED
    assert f"kogge: {link} is the link of another emulator, which still runs" in said.decode()
    assert (tmp_path / "tty").readlink() == port
    first.kill()
    await first.wait()
    third = await start("--link", link)
    assert third.stderr is not None
    await third.stderr.readuntil(b"Ctrl-C.\n")
    third.terminate()
    assert await third.wait() == 0
