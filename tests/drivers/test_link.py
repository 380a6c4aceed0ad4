"""The port over a real pseudo-terminal: what is answered, late, wrong, or gone."""

import asyncio
import os
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import serial
from patience import HUNG
from pty_board import PtyBoard, frame, pty_board

from drivers.concentrator import LinkLost, McuError
from drivers.link import DEADLINE, SerialLink, open_link
from drivers.sx1302.mcu import Command

STATUS = bytes(6)
GET_STATUS, SPI = Command.GET_STATUS, Command.MULTIPLE_SPI


def prompt(identity: int, command: int, payload: bytes) -> bytes:
    if command == GET_STATUS:
        return frame(identity, 0x41, STATUS)
    return frame(identity, command + 0x40, payload)


def silent(identity: int, command: int, payload: bytes) -> bytes:
    return b""


@asynccontextmanager
async def opened(board: PtyBoard, deadline: float = HUNG) -> AsyncIterator[SerialLink]:
    link = await open_link(board.path, deadline)
    try:
        yield link
    finally:
        await link.close()


async def test_request_is_answered() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            assert await link.request(GET_STATUS, b"") == STATUS
            assert await link.request(SPI, b"abc") == b"abc"


async def test_request_and_answer_may_be_larger_than_the_tty_buffer() -> None:
    payload = os.urandom(4200)
    with pty_board(prompt) as board:
        async with opened(board) as link:
            for _ in range(5):
                assert await link.request(SPI, payload) == payload


async def test_constant_answer_id_is_healthy() -> None:
    with pty_board(lambda _, command, payload: prompt(0, command, payload)) as board:
        async with opened(board) as link:
            for _ in range(3):
                assert await link.request(GET_STATUS, b"") == STATUS


async def test_answer_may_come_byte_by_byte() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(GET_STATUS, b""))
            await board.came.wait()
            for byte in prompt(7, GET_STATUS, b""):
                os.write(board.master, bytes((byte,)))
                await asyncio.sleep(0)
            assert await asked == STATUS


async def test_waiting_requests_take_turns() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            payloads = [bytes((i,)) for i in range(20)]
            answers = await asyncio.gather(*(link.request(SPI, each) for each in payloads))
            assert answers == payloads


async def test_bytes_left_by_an_earlier_program_are_thrown_away() -> None:
    with pty_board(prompt) as board:
        os.write(board.master, b"left over" * 100)
        async with opened(board) as link:
            assert await link.request(GET_STATUS, b"") == STATUS


async def test_late_answer_ends_the_link_and_is_never_anothers() -> None:
    with pty_board(silent) as board:
        async with opened(board, deadline=0.05) as link:
            with pytest.raises(LinkLost, match=r"no answer to command 0x01 within 0.05 s"):
                await link.request(GET_STATUS, b"")
            board.send(prompt(1, GET_STATUS, b""))
            with pytest.raises(LinkLost, match="no answer"):
                await link.request(GET_STATUS, b"")
            assert len(board.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        frame(1, 0x45, b""),
        frame(1, 0xFF, b""),
        frame(1, 0x41, bytes(7)),
        frame(1, 0x41, bytes(5)),
    ],
    ids=["anothers", "refused", "too long", "too short"],
)
async def test_wrong_answer_is_a_mcu_error_and_ends_the_link(answer: bytes) -> None:
    with pty_board(lambda *_: answer) as board:
        async with opened(board) as link:
            with pytest.raises(McuError):
                await link.request(GET_STATUS, b"")
            with pytest.raises(LinkLost):
                await link.request(GET_STATUS, b"")


@pytest.mark.parametrize("answer", [b"$GPGGA,1235", frame(1, 0x41, STATUS) + b"!"])
async def test_garbage_ends_the_link(answer: bytes) -> None:
    with pty_board(lambda *_: answer) as board:
        async with opened(board) as link:
            with pytest.raises(LinkLost):
                await link.request(GET_STATUS, b"")


GPS = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
MODEM = b"\r\nERROR\r\n"


@asynccontextmanager
async def chattering(board: PtyBoard, sentence: bytes, pause: float) -> AsyncIterator[list[bytes]]:
    """Gives what has been said."""
    said: list[bytes] = []

    async def chatter() -> None:
        while True:
            board.send(sentence)
            said.append(sentence)
            await asyncio.sleep(pause)

    task = asyncio.create_task(chatter())
    try:
        yield said
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("pause", [0.001, 0.05, 0.9])
async def test_gps_is_recognised_within_three_seconds(pause: float) -> None:
    with pty_board(silent) as board:
        async with chattering(board, GPS, pause) as said, opened(board, DEADLINE) as link:
            before = len(said)
            with pytest.raises(LinkLost, match="not a concentrator: it speaks like a GPS"):
                await link.request(Command.PING, b"")
            assert (len(said) - before) * pause < 3


async def test_gps_is_recognised_though_its_sentence_comes_in_pieces() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(Command.PING, b""))
            await board.came.wait()
            for start in range(20, 60, 3):
                board.send((GPS * 2)[start : start + 3])
                await asyncio.sleep(0.001)
            board.send((GPS * 2)[60:])
            with pytest.raises(LinkLost, match="like a GPS"):
                await asked


async def test_gps_that_speaks_before_the_first_request_is_recognised() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            board.send(GPS)
            while link._lost is None:
                await asyncio.sleep(0)
            with pytest.raises(LinkLost, match="it speaks like a GPS"):
                await link.request(Command.PING, b"")


async def test_gps_heard_only_while_opening_is_named_when_it_does_not_answer() -> None:
    with pty_board(silent) as board:
        async with opened(board, deadline=0.05) as link:
            os.write(board.master, GPS)
            await link.drain()
            with pytest.raises(LinkLost, match="it speaks like a GPS"):
                await link.request(Command.PING, b"")


@pytest.mark.parametrize(
    ("voice", "says"),
    [
        (lambda *frame: MODEM, "it answers like a modem"),
        (lambda identity, code, payload: frame(identity, code, payload), "our own bytes back"),
        (lambda identity, code, payload: frame(identity, code, payload) + MODEM, "like a modem"),
        (lambda *_: b"\r\nraspberrypi login: ", "plain text"),
        (lambda *_: bytes.fromhex("b562010700"), "u-blox"),
    ],
    ids=["modem", "echo", "modem with echo", "console", "binary GPS"],
)
async def test_other_strangers_are_recognised(
    voice: Callable[[int, int, bytes], bytes], says: str
) -> None:
    with pty_board(voice) as board:
        async with opened(board) as link:
            with pytest.raises(LinkLost, match=f"this port is not a concentrator: .*{says}"):
                await link.request(Command.PING, b"")


async def test_stranger_that_cannot_be_named_ends_the_link_too() -> None:
    with pty_board(lambda *_: b"\xff\xfe\x00\x80\xf0") as board:
        async with opened(board) as link:
            with pytest.raises(LinkLost, match="no answer of a concentrator's MCU: ff fe"):
                await link.request(Command.PING, b"")


async def test_concentrator_once_known_is_not_taken_for_a_stranger() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            await link.request(GET_STATUS, b"")
            board.answer = lambda *_: GPS
            with pytest.raises(LinkLost, match="no answer of a concentrator's MCU"):
                await link.request(GET_STATUS, b"")


async def test_port_that_is_readable_and_gives_nothing_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            monkeypatch.setattr(link._port, "read", lambda _: b"")
            with pytest.raises(LinkLost, match="the port ended"):
                await link.request(GET_STATUS, b"")


async def test_bytes_that_nobody_asked_for_end_the_link() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            await link.request(GET_STATUS, b"")
            os.write(board.master, b"\x00")
            while link._lost is None:
                await asyncio.sleep(0)
            with pytest.raises(LinkLost, match="nobody asked"):
                await link.request(GET_STATUS, b"")


async def test_answer_before_the_request_is_out_ends_the_link() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, bytes(60_000)))
            while not link._unsent:
                await asyncio.sleep(0)
            os.write(board.master, frame(1, 0x45, b""))
            link._loop.remove_writer(link._descriptor)
            with pytest.raises(LinkLost, match="nobody asked"):
                await asked


async def test_unplugging_fails_every_waiter() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            waiters = [asyncio.create_task(link.request(GET_STATUS, b"")) for _ in range(3)]
            await board.came.wait()
            board.unplug()
            results = await asyncio.gather(*waiters, return_exceptions=True)
            assert [type(result) for result in results] == [LinkLost] * 3


async def test_unplugging_in_mid_answer_fails_the_waiter() -> None:
    with pty_board(lambda *_: frame(1, 0x41, STATUS)[:5]) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(GET_STATUS, b""))
            await board.came.wait()
            board.unplug()
            with pytest.raises(LinkLost):
                await asked


async def test_cancelled_requests_answer_is_not_taken_for_the_next() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            board.answer = prompt
            following = asyncio.create_task(link.request(SPI, b"other"))
            board.send(frame(1, 0x45, b"first"))
            assert await following == b"other"


async def test_cancelled_request_that_is_never_answered_ends_the_link_in_its_own_time() -> None:
    with pty_board(silent) as board:
        async with opened(board, deadline=0.05) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            asked.cancel()
            following = asyncio.create_task(link.request(SPI, b"other"))
            with pytest.raises(LinkLost, match="no answer"):
                await following
            board.send(frame(1, 0x45, b"first"))
            with pytest.raises(LinkLost, match="no answer"):
                await link.request(SPI, b"third")
            assert len(board.requests) == 1


@pytest.mark.parametrize("cancelled", range(6))
async def test_whoever_is_cancelled_the_others_get_their_own_answers(cancelled: int) -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            payloads = [bytes((i,)) for i in range(6)]
            asked = [asyncio.create_task(link.request(SPI, each)) for each in payloads]
            await board.came.wait()
            asked[cancelled].cancel()
            answers = await asyncio.gather(*asked, return_exceptions=True)
            for i, (payload, answer) in enumerate(zip(payloads, answers, strict=True)):
                assert answer == payload or i == cancelled


async def test_request_cancelled_as_the_port_ends_leaves_nobody_waiting() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            asked.cancel()
            link._fail("gone")
            await asyncio.gather(asked, return_exceptions=True)
            with pytest.raises(LinkLost, match="gone"):
                await link.request(SPI, b"other")


async def test_request_cancelled_as_its_answer_comes_does_no_harm() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            board.answer = prompt
            asked.cancel()
            link._accept(frame(1, 0x45, b"first"))
            await asyncio.gather(asked, return_exceptions=True)
            assert await link.request(SPI, b"other") == b"other"


async def test_closing_fails_waiters_and_may_be_repeated() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(GET_STATUS, b""))
            await board.came.wait()
            await link.close()
            await link.close()
            with pytest.raises(LinkLost, match="closed"):
                await asked


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
