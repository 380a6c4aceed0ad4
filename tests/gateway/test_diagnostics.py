"""The control socket and its CLI client, the watchdog's judgement, the stream of happenings."""

import asyncio
import gc
import inspect
import json
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from patience import HUNG
from socket_daemon import answering

from gateway.diagnostics import client
from gateway.diagnostics.control import Control
from gateway.diagnostics.health import Health
from gateway.diagnostics.watch import Onlooker, Watch
from gateway.errors import ControlError


@asynccontextmanager
async def control(path: Path, watch: Watch) -> AsyncIterator[Control]:
    one = Control(path, lambda: {"health": "healthy"}, watch)
    async with answering(one):
        yield one


async def exchange(path: Path, line: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = await reader.readline()
    writer.close()
    return json.loads(answer)


async def test_status_is_answered_with_one_object(tmp_path: Path) -> None:
    async with control(tmp_path / "c.sock", Watch()):
        answer = await asyncio.to_thread(client.ask, tmp_path / "c.sock", "status")
    assert answer == {"health": "healthy"}


NOT_UNDERSTOOD = [
    b"\n",
    b"{}\n",
    b'{"op":5}\n',
    b"\xff\x00\n",
    b'{"op":"rm"}\n',
    b'{"op":"\xff"}\n',
    b"[" * 50_000 + b"\n",
]


@pytest.mark.parametrize(
    "line", NOT_UNDERSTOOD, ids=lambda line: line[:12].decode("ascii", "replace")
)
async def test_a_line_that_is_not_understood_is_answered(tmp_path: Path, line: bytes) -> None:
    async with control(tmp_path / "c.sock", Watch()):
        assert "error" in await exchange(tmp_path / "c.sock", line)


async def test_a_line_without_end_only_ends_its_own_connection(tmp_path: Path) -> None:
    async with control(tmp_path / "c.sock", Watch()):
        _, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(b"x" * 200_000)
        await writer.drain()
        assert await exchange(tmp_path / "c.sock", b'{"op":"status"}\n') == {"health": "healthy"}
        writer.close()


async def test_watcher_sees_what_happens_and_its_leaving_is_noticed(tmp_path: Path) -> None:
    watch = Watch()
    async with control(tmp_path / "c.sock", watch):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(b'{"op":"watch"}\n')
        assert json.loads(await reader.readline()) == {"event": "watching"}
        watch.tell("safe", id="ab")
        assert json.loads(await reader.readline()) == {"event": "safe", "id": "ab"}
        writer.close()
        while watch.watched:
            await asyncio.sleep(0)


async def counting(request: dict[str, Any], ended: asyncio.Event) -> AsyncGenerator[Any, None]:
    try:
        for number in range(request["to"]):
            made.append(number)
            yield {"number": number, "fill": "x" * 1000}
        raise ControlError("it is over")
    finally:
        ended.set()


made: list[int] = []


@asynccontextmanager
async def counter(path: Path) -> AsyncIterator[asyncio.Event]:
    made.clear()
    ended = asyncio.Event()
    one = Control(path, dict, Watch(), {"count": lambda request: counting(request, ended)})
    async with answering(one):
        yield ended


async def test_an_answer_of_many_lines_ends_with_its_error_and_the_next_is_answered(
    tmp_path: Path,
) -> None:
    async with counter(tmp_path / "c.sock"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        for _ in range(2):
            writer.write(b'{"op":"count","to":3}\n')
            lines = [json.loads(await reader.readline()) for _ in range(4)]
            assert [line.get("number") for line in lines] == [0, 1, 2, None]
            assert lines[3] == {"error": "it is over"}
        writer.close()


async def test_no_line_is_made_ahead_of_a_slow_reader_and_his_leaving_ends_it(
    tmp_path: Path,
) -> None:
    async with counter(tmp_path / "c.sock") as ended:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock", limit=1)
        writer.write(b'{"op":"count","to":1000000}\n')
        await reader.read(1)
        count = -1
        while count != len(made):  # until it rests
            count = len(made)
            await asyncio.sleep(0.05)
        assert 0 < count < 5000
        writer.close()
        await asyncio.wait_for(ended.wait(), HUNG)


async def test_socket_of_a_killed_daemon_is_replaced_and_removed_at_the_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.sock"
    path.touch()
    async with control(path, Watch()):
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


async def test_asker_that_still_listens_at_the_end_is_let_go_without_complaint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with control(tmp_path / "c.sock", Watch()):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(b'{"op":"status"}\n')
        await reader.readline()
    assert await reader.read() == b""
    writer.close()
    assert caplog.text == ""


async def test_asker_that_comes_at_the_very_end_is_let_go_without_complaint(
    tmp_path: Path,
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    async with control(tmp_path / "c.sock", Watch()):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.settimeout(HUNG)
            asker.connect(str(tmp_path / "c.sock"))
            while not (serving := [t for t in asyncio.all_tasks() if "_serve" in repr(t)]):
                await asyncio.sleep(0)
            coroutine = serving[0].get_coro()
            assert inspect.iscoroutine(coroutine)
            assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
            serving[0].cancel()
            await asyncio.wait(serving)
            await asyncio.sleep(0)
            assert await asyncio.to_thread(asker.recv, 1) == b""
    assert complaints == []


async def test_watcher_that_is_killed_with_lines_unread_leaves_no_complaint(
    tmp_path: Path,
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    watch = Watch()
    async with control(tmp_path / "c.sock", watch):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock", limit=1)
        writer.write(b'{"op":"watch"}\n')
        await reader.read(1)
        for _ in range(5000):  # more than the socket takes
            watch.tell("drop", reason="x" * 100)
        await asyncio.sleep(0)
        writer.close()
        while watch.watched:
            await asyncio.sleep(0)
    gc.collect()  # a task whose exception nobody asked for complains when it goes
    assert complaints == []


async def test_place_where_no_socket_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = Control(tmp_path / "file" / "c.sock", dict, Watch())
    with pytest.raises(ControlError, match=r"gateway\.control_socket = .*file/c\.sock"):
        await one.open()


async def test_socket_of_a_daemon_that_lives_is_left_alone(tmp_path: Path) -> None:
    async with control(tmp_path / "c.sock", Watch()):
        second = Control(tmp_path / "c.sock", dict, Watch())
        with pytest.raises(ControlError, match="another daemon answers"):
            await second.open()
        assert await exchange(tmp_path / "c.sock", b'{"op":"status"}\n') == {"health": "healthy"}


def test_without_a_daemon_the_technician_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no daemon answers"):
        client.ask(tmp_path / "absent.sock", "status")


async def test_stream_ends_with_the_daemon(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    async with control(tmp_path / "c.sock", Watch()):
        stream = client.stream(tmp_path / "c.sock", "watch")
        thread = threading.Thread(target=lambda: seen.extend(stream))
        thread.start()
        while not seen:
            await asyncio.sleep(0.01)
    await asyncio.to_thread(thread.join)
    assert seen == [{"event": "watching"}]


async def test_slow_onlooker_is_told_how_much_it_missed() -> None:
    slow = Onlooker(limit=2)
    for n in range(5):
        slow.put({"event": "safe", "id": n})
    assert [(await slow.next())["id"] for _ in range(2)] == [0, 1]
    slow.put({"event": "safe", "id": 5})
    assert await slow.next() == {"event": "left_out", "count": 3}
    assert (await slow.next())["id"] == 5


def test_a_task_that_does_not_go_round_is_named() -> None:
    now = 0.0
    health = Health(lambda: now)
    receive, forward = health.task("receive", 10), health.task("forward", 30)
    now = 20.0
    assert health.overdue() == ["receive"]
    receive()
    assert health.overdue() == []
    now = 31.0
    forward()
    assert health.overdue() == ["receive"]
