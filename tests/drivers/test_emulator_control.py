"""The control socket, and what the wire and the cable do to a program that has the port open."""

import asyncio
import json
import os
import stat
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from emulator_host import frame
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulator import FaultError, Running, serve
from drivers.emulator.control import ControlServer
from drivers.emulator.faults import Faults
from drivers.emulator.json_lines import Client, Json

PING = frame(0)


class Operator:
    """One client of the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, message: Any) -> Any:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.writer.write(line + b"\n")
        return json.loads(await self.reader.readline())


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serve(tmp_path / "tty", control=tmp_path / "control") as running:
        yield running


@asynccontextmanager
async def operating(running: Running) -> AsyncIterator[Operator]:
    operator = Operator(*await asyncio.open_unix_connection(running.control))
    yield operator
    operator.writer.close()


@pytest.fixture
async def operator(running: Running) -> AsyncIterator[Operator]:
    async with operating(running) as operator:
        yield operator


class Program:
    """What has the port open; hears the board in the pieces in which it speaks."""

    def __init__(self, port: str) -> None:
        self.fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self.fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.heard.put_nowait(data)
        if not data:
            asyncio.get_running_loop().remove_reader(self.fd)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.fd)
        os.close(self.fd)

    async def ask(self, request: bytes = PING, size: int = 25) -> bytes:
        os.write(self.fd, request)
        answer = b""
        while len(answer) < size:
            answer += await self.heard.get()
        return answer


@pytest.fixture
async def program(running: Running) -> AsyncIterator[Program]:
    program = Program(running.port)
    yield program
    program.close()


async def test_faults_begin_and_end_on_demand(operator: Operator, running: Running) -> None:
    done = {"op": "done"}
    assert await operator.ask({"op": "fault", "name": "lose", "count": 2}) == done
    assert await operator.ask({"op": "fault", "name": "deaf", "id": 7}) == done | {"id": 7}
    async with operating(running) as other:
        assert await other.ask({"op": "faults"}) == {
            "op": "faults",
            "active": [{"name": "lose", "count": 2, "share": 1.0}, {"name": "deaf"}],
        }
        assert await other.ask({"op": "end", "name": "deaf"}) == done
    assert running.faults.active == [{"name": "lose", "count": 2, "share": 1.0}]
    assert await operator.ask({"op": "heal"}) == done
    assert running.faults.active == []


async def test_who_has_said_all_still_gets_the_answers(running: Running) -> None:
    """As `nc -N -U` and socat do."""
    async with operating(running) as operator:
        operator.writer.write(b'{"op":"fault","name":"unplug"}\n{"op":"heal"}\n{"op":"faults"}\n')
        operator.writer.write_eof()
        answers = [json.loads(line) for line in (await operator.reader.read()).splitlines()]
    assert sorted(answer["op"] for answer in answers) == ["done", "done", "faults"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "not a line of JSON"),
        (b"[]", "not a JSON object"),
        (b'{"op":"uplink"}', '"op" must be "fault" or "end"'),
        (b'{"op":"fault"}', "no such fault; there are lose"),
        (b'{"op":"fault","name":{}}', "no such fault"),
        (b'{"op":"end","name":"fire"}', "no such fault"),
        (b'{"op":"fault","name":"split","size":0}', '"size" must be'),
        (b'{"op":"fault","name":"split","self":0}', "no such parameter"),
        (b'{"op":"fault","name":"plug"}', "unplug it first"),
        (b'{"op":"fault","name":"delay","seconds":NaN}', "NaN is not JSON"),
    ],
)
async def test_nonsense_is_answered(line: bytes, why: str, operator: Operator) -> None:
    answer = await operator.ask(line)
    assert answer["op"] == "error"
    assert why in answer["reason"]
    assert await operator.ask({"op": "faults"}) == {"op": "faults", "active": []}


class Silent(Client):
    """A client whose answers go into a list."""

    def __init__(self, control: ControlServer) -> None:
        super().__init__(control.lines)
        self.answers: list[Json] = []

    def tell(self, message: Json) -> None:
        self.answers.append(message)


@given(st.binary(max_size=200).filter(lambda line: line.strip() and b"\n" not in line))
def test_any_line_is_answered(line: bytes) -> None:
    async def nothing() -> None:
        pass

    client = Silent(ControlServer(Faults(0), nothing))
    client.data_received(line + b"\n")
    assert client.answers[0]["op"] == "error"


async def test_only_its_owner_may_open_the_socket_and_it_goes_with_the_board(
    tmp_path: Path,
) -> None:
    path = tmp_path / "control"
    async with serve(control=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_socket_left_behind_is_replaced_but_not_one_that_answers(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with serve(control=path):
        with pytest.raises(OSError, match="in use"):
            async with serve(control=path):
                pass
        left = tmp_path / "left"
        path.rename(left)
        path = left
    async with serve(control=left):
        assert left.is_socket()
    left.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        async with serve(control=left):
            pass
    assert left.read_text() == "mine"


@pytest.fixture
def taken(program: Program, monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[bytes]:
    """What the board has read, as it reads it."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    read = os.read

    def noted(fd: int, size: int) -> bytes:
        data = read(fd, size)
        if fd != program.fd:
            queue.put_nowait(data)
        return data

    monkeypatch.setattr(os, "read", noted)
    return queue


async def test_lost_answer_never_comes_and_the_next_does(
    program: Program, running: Running, taken: asyncio.Queue[bytes]
) -> None:
    running.faults.begin("lose")
    os.write(program.fd, PING)
    assert await taken.get() == PING
    assert (await program.ask(frame(1), size=10))[3] == 0x41


async def test_answers_come_byte_by_byte(
    program: Program, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = os.write

    def noted(fd: int, data: bytes) -> int:
        written.append(write(fd, data))
        return written[-1]

    whole = await program.ask()
    monkeypatch.setattr(os, "write", noted)
    running.faults.begin("split")
    assert await program.ask() == whole
    assert written == [len(PING)] + [1] * 25


async def test_late_answers_keep_their_order(
    program: Program, running: Running, taken: asyncio.Queue[bytes]
) -> None:
    running.faults.begin("delay", seconds=0.05)
    asked_at = asyncio.get_running_loop().time()
    os.write(program.fd, PING)
    await taken.get()
    running.faults.heal()
    answers = await program.ask(frame(1), size=35)
    assert (answers[3], answers[28]) == (0x40, 0x41)
    assert asyncio.get_running_loop().time() - asked_at >= 0.05


async def test_stalled_board_does_and_answers_nothing(
    program: Program, running: Running, taken: asyncio.Queue[bytes]
) -> None:
    running.faults.begin("stall")
    os.write(program.fd, frame(5, bytes.fromhex("00 01 00 00 04 00 D6 43 5A")))
    await taken.get()
    running.faults.end("stall")
    read = frame(5, bytes.fromhex("00 01 00 00 05 00 56 43 00 00"))
    assert (await program.ask(read, size=14))[-1] == 0


async def test_unplugged_board_ends_the_port_and_comes_back_under_another_name(
    program: Program, operator: Operator, running: Running, tmp_path: Path
) -> None:
    before, link = running.port, tmp_path / "tty"
    running.board.chip.registers.put(0x5643, 0xA5)
    assert await operator.ask({"op": "fault", "name": "unplug"}) == {"op": "done"}
    assert await program.heard.get() == b""
    assert running.port == ""
    assert not link.is_symlink()
    assert await operator.ask({"op": "fault", "name": "plug"}) == {"op": "done"}
    assert running.faults.active == []
    assert running.port not in ("", before)
    assert str(link.readlink()) == running.port
    again = Program(str(link))
    read = frame(5, bytes.fromhex("00 01 00 00 05 00 56 43 00 00"))
    assert (await again.ask(read, size=14))[-1] == 0  # it had no power
    again.close()


async def test_board_is_plugged_in_under_another_link(
    operator: Operator, running: Running, tmp_path: Path
) -> None:
    other = tmp_path / "ttyACM1"
    running.faults.begin("unplug")
    running.faults.begin("plug", link=str(other))
    await running.settled()
    assert str(other.readlink()) == running.port
    assert not (tmp_path / "tty").is_symlink()


async def test_board_comes_back_by_itself(running: Running, tmp_path: Path) -> None:
    running.faults.begin("unplug", seconds=0.01)
    await running.settled()
    while running.faults.active:
        await asyncio.sleep(0)
    await running.settled()
    assert str((tmp_path / "tty").readlink()) == running.port


async def test_heal_plugs_in_once(running: Running, tmp_path: Path) -> None:
    running.faults.begin("unplug", seconds=60)
    running.faults.heal()
    port = running.port
    running.faults.heal()
    await running.settled()
    assert running.port == port != ""
    with pytest.raises(FaultError, match="unplug it first"):
        running.faults.begin("plug")


async def test_link_that_cannot_be_placed_is_said(operator: Operator, tmp_path: Path) -> None:
    await operator.ask({"op": "fault", "name": "unplug"})
    nowhere = str(tmp_path / "nowhere" / "tty")
    answer = await operator.ask({"op": "fault", "name": "plug", "link": nowhere})
    assert answer["op"] == "error"
    assert "nowhere" in answer["reason"]
    await operator.ask({"op": "fault", "name": "unplug"})
    again = {"op": "fault", "name": "plug", "link": str(tmp_path / "tty")}
    assert await operator.ask(again) == {"op": "done"}
