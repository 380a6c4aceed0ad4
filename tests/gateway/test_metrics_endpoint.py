"""One resource, one method; whoever asks otherwise, too long, too slowly or too often is answered
or sent away, and never raises.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import HUNG, until

from gateway.metrics import endpoint, http
from gateway.metrics.endpoint import MOST_CLIENTS, Endpoint
from gateway.metrics.listen import Loopback, Place

GET = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


async def text() -> str:
    return "kogge_uptime_seconds 1\n"


@asynccontextmanager
async def serving(place: Place) -> AsyncIterator[Endpoint]:
    one = Endpoint(place, text)
    beats = asyncio.Event()
    task = asyncio.create_task(one.run(beats.set))
    async with asyncio.timeout(HUNG):
        await beats.wait()
    yield one
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(Loopback("127.0.0.1", 0)) as one:
        yield one.port


async def exchange(port: int, request: bytes, *, ends: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    if ends:
        writer.write_eof()
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_metrics_are_answered_with_their_type_and_length(port: int) -> None:
    head, _, body = (await exchange(port, GET)).partition(b"\r\n\r\n")
    assert body.decode() == await text()
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert "Connection: close" in lines


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /metrics HTTP/1.0", 200),
        ("GET /metrics?name[]=kogge_health HTTP/1.1", 200),
        ("GET / HTTP/1.1", 404),
        ("GET /metrics/../../etc/passwd HTTP/1.1", 404),
        ("POST /metrics HTTP/1.1", 405),
        ("HEAD /metrics HTTP/1.1", 405),
        ("PRI * HTTP/2.0", 400),
        ("GET /metrics", 400),
        ("\xff\x00", 400),
        ("", 400),
    ],
)
async def test_everything_else_is_refused_by_its_number(
    port: int, request_line: str, status: int
) -> None:
    answer = await exchange(port, request_line.encode("latin-1") + b"\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"Allow: GET" in answer) == (status == 405)


async def test_head_without_an_end_is_cut_off(port: int) -> None:
    assert await exchange(port, b"GET /metrics HTTP/1.1\r\n", ends=True) == b""
    answer = await exchange(port, b"a" * (4 * http.LONGEST_HEAD))
    assert answer[:12] in (b"HTTP/1.1 431", b"")  # what it has not read resets the connection
    assert (await exchange(port, GET)).startswith(b"HTTP/1.1 200")


async def test_who_says_nothing_is_sent_away(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "REQUEST_SECONDS", 0.01)
    assert (await exchange(port, b"GET /met")).startswith(b"HTTP/1.1 408 ")


async def test_too_many_at_once_are_told_so_and_the_next_is_served(port: int) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CLIENTS)]
    answers = b""
    async with asyncio.timeout(HUNG):
        while not answers.startswith(b"HTTP/1.1 503 "):
            answers = await exchange(port, GET)
    for _, writer in silent:
        writer.close()
    async with asyncio.timeout(HUNG):
        while not answers.startswith(b"HTTP/1.1 200 "):
            answers = await exchange(port, GET)


async def test_who_does_not_read_is_left_alone_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """He reads nothing of an answer that no buffer takes; then there is room for others again."""
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(endpoint, "MOST_CLIENTS", 1)

    async def endless() -> str:
        return "x" * 50_000_000

    async with serving(Loopback("127.0.0.1", 0)) as one:
        one._text = endless
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(GET)
        await reader.readexactly(1)
        one._text = text
        answer = b""
        async with asyncio.timeout(HUNG):
            while not answer.startswith(b"HTTP/1.1 200 "):
                answer = await exchange(one.port, GET)
        writer.close()


async def test_port_that_is_taken_is_told_once_and_had_when_it_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endpoint, "RETRY_SECONDS", 0.01)
    beats = 0
    came_again = asyncio.Event()

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            came_again.set()

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        one = Endpoint(Loopback("127.0.0.1", port), text)
        task = asyncio.create_task(one.run(beat))
        async with asyncio.timeout(HUNG):
            await came_again.wait()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["metrics.listen cannot be opened" in one.getMessage() for one in warnings] == [True]
    await until(lambda: one.port)
    assert (await exchange(port, GET)).startswith(b"HTTP/1.1 200")
    task.cancel()
    await asyncio.wait({task})


async def test_socket_that_a_killed_daemon_left_is_replaced_and_goes_at_the_end(
    tmp_path: Path,
) -> None:
    place = tmp_path / "m.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(place))
    async with serving(place):
        reader, writer = await asyncio.open_unix_connection(place)
        writer.write(GET)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert not place.exists()


async def test_socket_of_somebody_who_answers_and_a_file_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="another program answers"):
        async with serving(tmp_path / "m.sock"):
            await asyncio.to_thread(endpoint._make_room, tmp_path / "m.sock")
    (tmp_path / "file").write_text("mine")
    await asyncio.to_thread(endpoint._make_room, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@given(st.binary(max_size=200))
def test_any_head_has_an_answer(head: bytes) -> None:
    status = http.judged(head)
    assert http.answer(status, "body").startswith(f"HTTP/1.1 {status.value} ".encode())
    assert status is not HTTPStatus.OK or head.startswith(b"GET /metrics")
