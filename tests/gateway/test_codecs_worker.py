"""The worker's process: what it may do, what its end means, and what it weighs."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import javascript as javascript_module
from gateway.codecs import process as module
from gateway.codecs.javascript import JavaScript, Script
from gateway.codecs.worker import Down, Fatal, Worker

GOOD = Script("function decodeUplink(input) { return {data: {first: input.bytes[0]}}; }")
HANGS = Script("function decodeUplink(input) { return {data: new Array(4294967295).join('')}; }")
SAYS = {"data": {"first": 7}}
PR_GET_SECCOMP = 21  # linux/prctl.h; -1 where system calls cannot be filtered, as under qemu-user

needs_filter = pytest.mark.skipif(
    ctypes.CDLL(None).prctl(PR_GET_SECCOMP) < 0, reason="system calls cannot be filtered here"
)


@pytest.fixture
async def javascript(codecs_have_time: None) -> AsyncIterator[JavaScript]:
    engine = JavaScript(Worker(lambda: 0.5))
    yield engine
    await engine.close()


async def decoded(javascript: JavaScript) -> object:
    return await javascript.decode_uplink(GOOD, 1, b"\7")


def pid_of(javascript: JavaScript) -> int:
    pid = javascript.state.pid
    assert pid is not None
    return pid


def held(pid: int) -> set[str]:
    """Its open descriptors; none when it is gone."""
    try:
        return {entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return set()


def proc(javascript: JavaScript, name: str) -> str:
    return Path(f"/proc/{pid_of(javascript)}/{name}").read_text()


async def test_there_is_no_process_until_it_is_needed(javascript: JavaScript) -> None:
    assert (javascript.state.state, javascript.state.pid) == ("not needed", None)
    await decoded(javascript)
    assert (javascript.state.state, javascript.state.starts) == ("running", 1)


async def test_process_has_nothing_but_its_pipes(javascript: JavaScript) -> None:
    await decoded(javascript)
    assert held(pid_of(javascript)) == {"0", "1"}
    environment = proc(javascript, "environ")
    assert environment == "TZ=UTC0\0"


@needs_filter
async def test_process_is_confined(javascript: JavaScript) -> None:
    await decoded(javascript)
    status = dict(line.split(":\t", 1) for line in proc(javascript, "status").splitlines())
    limits = {
        line[:26].strip(): line[26:].split() for line in proc(javascript, "limits").splitlines()
    }
    assert status["NoNewPrivs"] == "1"
    assert status["Threads"] == "1"
    assert status["Seccomp"] == "2", "system calls are filtered"
    assert limits["Max address space"][:2] == [str(256 << 20)] * 2
    for name in ("Max open files", "Max processes", "Max file size", "Max core file size"):
        assert limits[name][:2] == ["0", "0"]


@needs_filter
async def test_filter_refuses_files_sockets_and_processes() -> None:
    """The real filter around a program that tries."""
    tries = (
        "import os, socket, sys\n"
        "from gateway.codecs.lockdown import lock_down\n"
        "said = [lock_down(os.getppid())]\n"
        "for name, attempt in {\n"
        "    'file': lambda: os.open('/etc/passwd', os.O_RDONLY),\n"
        "    'socket': lambda: socket.socket(),\n"
        "    'process': lambda: os.fork(),\n"
        "    'signal': lambda: os.kill(os.getppid(), 0),\n"
        "}.items():\n"
        "    try:\n"
        "        attempt(); said.append(name + ' allowed')\n"
        "    except OSError as error:\n"
        "        said.append(f'{name} {error.errno}')\n"
        "os.write(1, ', '.join(said).encode())\n"
        "os._exit(0)\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", tries, stdout=-1)
    said, _ = await process.communicate()
    assert said.decode().split(", ")[-4:] == ["file 1", "socket 1", "process 1", "signal 1"]


@pytest.mark.bench
async def test_process_weighs_at_most_20_mib_with_all_its_codecs(javascript: JavaScript) -> None:
    for n in range(40):
        script = Script(f"var t = {list(range(n, n + 500))}; {GOOD.source}")
        await javascript.decode_uplink(script, 1, b"\7")
    (kib,) = [
        int(line.split()[1]) for line in proc(javascript, "status").splitlines() if "VmHWM" in line
    ]
    assert kib <= 20 << 10


async def test_process_that_died_idle_is_started_again_for_the_next_reading(
    javascript: JavaScript,
) -> None:
    await decoded(javascript)
    process = javascript._worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    while not process.gone:
        await asyncio.sleep(0.001)
    assert await decoded(javascript) == SAYS
    assert (javascript.state.starts, javascript.state.faults) == (2, 1)
    assert "SIGKILL" in javascript.state.reason


async def test_killed_over_a_question_is_nobodys_fault(
    javascript: JavaScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    await decoded(javascript)
    os.kill(pid_of(javascript), signal.SIGSTOP)
    with monkeypatch.context() as short:
        short.setattr(javascript_module, "CALL_WAITS", 0.2)
        with pytest.raises(Down, match="no answer within"):
            await decoded(javascript)
    assert not javascript.disabled(GOOD)
    with pytest.raises(Down):
        await decoded(javascript)
    while True:
        try:
            assert await decoded(javascript) == SAYS
            break
        except Down:
            await asyncio.sleep(0.02)
    assert javascript.state.state == "running"


async def test_end_by_a_codec_is_counted_with_its_reason(javascript: JavaScript) -> None:
    await javascript.decode_uplink(HANGS, 1, b"")
    assert (javascript.state.faults, javascript.state.state) == (1, "ended")
    assert javascript.state.reason
    assert await decoded(javascript) == SAYS


async def test_cancelled_question_leaves_no_answer_behind(javascript: JavaScript) -> None:
    await decoded(javascript)
    asking = asyncio.create_task(javascript.decode_uplink(HANGS, 1, b""))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await decoded(javascript) == SAYS


async def test_process_that_says_what_nobody_asked_is_ended(
    javascript: JavaScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    await decoded(javascript)
    process = javascript._worker._process
    assert process is not None
    process.data_received(b"\0\0\0\1\0")
    while not process.gone:
        await asyncio.sleep(0.001)
    assert await decoded(javascript) == SAYS
    assert javascript.state.starts == 2


async def test_answer_with_something_behind_it_is_the_questions_fault() -> None:
    worker = Worker(lambda: 0.5)
    await JavaScript(worker).decode_uplink(GOOD, 1, b"\7")
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    asking = asyncio.create_task(worker.ask(b"", 5.0))
    await asyncio.sleep(0)
    process.data_received(b"\0\0\0\1\0 and more")
    with pytest.raises(Fatal, match="nobody had asked"):
        await asking
    await worker.close()


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_of_the_process_are_answers_or_nonsense(pieces: list[bytes]) -> None:
    answers = module.Answers()
    for piece in pieces:
        try:
            answer = answers.add(piece)
        except module.Nonsense:
            assert answers.held == b""
            continue
        assert answer is None or answers.held == b""


async def test_worker_that_cannot_start_rests(
    javascript: JavaScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOOT", "raise SystemExit(3)")
    with pytest.raises(Down, match="it did not start: it ended with code 3"):
        await decoded(javascript)
    faults = javascript.state.faults
    with pytest.raises(Down):
        await decoded(javascript)
    assert javascript.state.faults == faults, "it rests"


async def test_worker_ends_with_its_parent() -> None:
    source = (
        "import asyncio, os\n"
        "from gateway.codecs.worker import Worker\n"
        "from gateway.codecs.javascript import JavaScript, Script\n"
        "async def main():\n"
        "    js = JavaScript(Worker(lambda: 0.5))\n"
        "    await js.decode_uplink(Script('1'), 1, b'')\n"
        "    print(js.state.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", source, stdout=-1)
    said, _ = await process.communicate()
    while held(int(said)):
        await asyncio.sleep(0.01)
