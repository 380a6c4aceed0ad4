"""Opening a port: what it may be, and what is said when it cannot be had."""

import asyncio
import os
import termios
from pathlib import Path

import pytest
import serial
from link_bench import GET_STATUS, STATUS, opened, prompt
from pty_board import pty_board

from drivers.concentrator import LinkLost
from drivers.link import open_link


async def test_second_opening_of_one_port_is_refused() -> None:
    with pty_board(prompt) as board:
        async with opened(board):
            with pytest.raises(LinkLost, match="in use by another program"):
                await open_link(board.path)
        async with opened(board) as link:
            assert await link.request(GET_STATUS, b"") == STATUS


async def test_absent_port_is_named() -> None:
    with pytest.raises(LinkLost, match="cannot open /dev/no-such-board: there is no such port"):
        await open_link("/dev/no-such-board")


@pytest.mark.parametrize(
    ("owner", "mode", "advice"),
    [
        (0, 0o660, "add this program's user to the group root"),
        (54321, 0o660, "add this program's user to the group 54321"),
        (0, 0o600, "its group root has no right to it either"),
    ],
)
async def test_missing_permission_names_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, advice: str
) -> None:
    port = tmp_path / "port"
    port.touch()
    port.chmod(mode)
    os.chown(port, -1, owner)

    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(
            13, f"could not open port {port}: [Errno 13] Permission denied"
        )

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(LinkLost, match=advice):
        await open_link(str(port))


async def test_what_is_no_serial_port_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for url in (tmp_path, tmp_path / "file", tmp_path / "pipe", "/dev/null"):
        with pytest.raises(LinkLost, match=rf"^{url} is not a serial port: .*by-id"):
            await open_link(str(url))


@pytest.mark.parametrize("url", ["/dev/no-such-board", "socket://127.0.0.1:9"])
async def test_missing_permission_is_a_lost_link_where_no_group_can_be_seen(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, f"could not open {url}: [Errno 13] Permission denied")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(LinkLost, match=f"cannot open {url}: .*Permission denied"):
        await open_link(url)


async def test_port_that_goes_while_it_is_opened_is_a_lost_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def vanish(*_: object, **__: object) -> None:
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr(serial, "serial_for_url", vanish)
    with pytest.raises(LinkLost, match="Input/output error"):
        await open_link("/dev/board")


async def test_port_without_a_descriptor_is_refused() -> None:
    with pytest.raises(LinkLost, match="loop://: it has no descriptor"):
        await open_link("loop://")


async def test_unknown_kind_of_url_is_refused() -> None:
    with pytest.raises(LinkLost, match="cannot open nonsense://there"):
        await open_link("nonsense://there")


async def test_spy_url_shows_the_wire(capsys: pytest.CaptureFixture[str]) -> None:
    with pty_board(prompt) as board:
        link = await open_link(f"spy://{board.path}")
        try:
            assert await link.request(GET_STATUS, b"") == STATUS
        finally:
            await link.close()
    trace = capsys.readouterr().err
    assert " TX " in trace
    assert " RX " in trace


async def test_socket_url_reaches_a_board_over_tcp() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(4)
        writer.write(prompt(head[0], head[3], b""))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    link = await open_link(f"socket://{host}:{port}")
    try:
        assert await link.request(GET_STATUS, b"") == STATUS
    finally:
        await link.close()
        server.close()
        await server.wait_closed()
