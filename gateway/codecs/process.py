"""One life of the codec worker's process: its start, one question after the other, its end."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from gateway.codecs.sandbox import ANSWER

GUILTY_SECONDS: Final = 0.02  # of the processor's time over one question; usual are 0.0001
PATIENCE_SECONDS: Final = 1.0
LONGEST_ANSWER: Final = 1 << 20  # bytes
ROOT: Final = Path(__file__).parents[2]
BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from gateway.codecs.sandbox import main;"
    " main(sys.argv[2], int(sys.argv[3]))"
)


class Ended(Exception):
    """The process is gone, or going. `late`: it was killed after so many seconds without answer;
    `guilty`: and had used the processor; `nonsense`: it was killed for what it said.
    """

    def __init__(self, late: float = 0.0, *, guilty: bool = False, nonsense: bool = False) -> None:
        self.late, self.guilty, self.nonsense = late, guilty, nonsense

    def why(self, code: int) -> str:
        """`code` is how the process ended."""
        if self.nonsense:
            return "it said what nobody had asked"
        if self.late:
            return f"no answer within {self.late:g} s"
        if code == -signal.SIGPROF:
            return "it used up the processor and could not be interrupted"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with code {code}"


class Nonsense(Exception):
    """Not the answer to one question."""


class Answers:
    """What the process says, cut into answers; there is never more than one."""

    def __init__(self) -> None:
        self.held = b""

    def add(self, data: bytes) -> tuple[int, bytes] | None:
        """Status and text when they are complete. Raises Nonsense."""
        self.held += data
        if len(self.held) < ANSWER.size:
            return None
        size, status = ANSWER.unpack_from(self.held)
        missing = size + ANSWER.size - 1 - len(self.held)
        if missing < 0 or size > LONGEST_ANSWER:
            self.held = b""
            raise Nonsense
        if missing:
            return None
        text, self.held = self.held[ANSWER.size :], b""
        return status, text


class Process(asyncio.Protocol):
    """One life of the worker. `ask` may be called again when the last answer has come."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self._popen, self.pid = popen, popen.pid
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._answers, self._ended = Answers(), Ended()

    @classmethod
    async def start(cls) -> "Process":
        """Raises OSError; ImportError without quickjs-ng."""
        # the worker ends with the thread that made it: the loop's own threads stay for its life
        spawning = asyncio.ensure_future(asyncio.to_thread(_spawn))
        try:
            process = cls(await asyncio.shield(spawning))
        except asyncio.CancelledError:
            (await spawning).kill()
            raise
        await process._connect()
        return process

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._reading, _ = await loop.connect_read_pipe(lambda: self, self._popen.stdout)
            self._writing, _ = await loop.connect_write_pipe(
                asyncio.BaseProtocol, self._popen.stdin
            )
        except BaseException:
            self._popen.kill()
            raise

    async def ask(self, question: bytes, seconds: float) -> tuple[int, bytes]:
        """Raises Ended: killed after `seconds`, or PATIENCE_SECONDS where the machine is so busy
        that the process has hardly run.
        """
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._writing.write(question)
        self._alarm = loop.call_later(seconds, self._expired, seconds, 1, self._cpu_seconds())
        try:
            return await self._answer
        finally:
            self._answer = None
            self._alarm.cancel()

    @property
    def gone(self) -> bool:
        return self._reading.is_closing()

    def _cpu_seconds(self) -> float:
        """How long it has had the processor (clock_getcpuclockid(3))."""
        return time.clock_gettime(~self.pid << 3 | 2)

    async def end(self) -> int:
        """Kill it, if it lives; its exit code."""
        self._popen.kill()
        self._reading.close()
        if not self._writing.is_closing():
            self._writing.abort()
        return await asyncio.to_thread(self._popen.wait)

    def _expired(self, seconds: float, times: int, began: float) -> None:
        guilty = self._cpu_seconds() - began >= GUILTY_SECONDS
        if guilty or seconds * times >= PATIENCE_SECONDS:
            self._ended = Ended(seconds * times, guilty=guilty)
            self._popen.kill()
        else:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(seconds, self._expired, seconds, times + 1, began)

    def data_received(self, data: bytes) -> None:
        try:
            answer = self._answers.add(data)
        except Nonsense:
            self._speaks_nonsense()
            return
        if answer is None:
            return
        if self._answer is None:
            self._speaks_nonsense()
        elif not self._answer.done():
            self._answer.set_result(answer)

    def _speaks_nonsense(self) -> None:
        self._ended = Ended(nonsense=True)
        self._popen.kill()

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._ended)


def _spawn() -> "subprocess.Popen[bytes]":
    """With two pipes, and nothing else of the daemon's."""
    engine = importlib.util.find_spec("_quickjs")
    if engine is None or engine.origin is None:
        raise ImportError("quickjs-ng is missing: install Kogge again")
    own, parent = str(Path(engine.origin).parent), str(os.getpid())
    return subprocess.Popen(  # noqa: S603 # a command of our own
        [sys.executable, "-I", "-S", "-c", BOOT, str(ROOT), own, parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={"TZ": "UTC0"},
        start_new_session=True,  # a Ctrl-C in the terminal is the daemon's alone
    )
