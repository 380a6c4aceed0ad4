"""The codec worker's process, seen from the daemon: started when it is first asked, one question at
a time, ended when it does not answer, started again.

- An answer that has not come `seconds` after its question is not waited for: the process is killed.
- A process that ends over a question has used the processor over it, or crashed; then the question
  is to blame (`Fatal`), and the next one starts the process again at once. Or it was killed from
  outside, or the machine was too busy for it: nobody's fault (`Down`).
- After an end that is nobody's fault, and when it cannot be started, it rests: 0.25 s, a second, a
  minute at last; until then every question is answered with `Down`.
- What it says is not trusted: an answer that nobody waits for, or too long a one, ends it.
"""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.codecs.sandbox import ANSWER
from gateway.errors import GatewayError
from gateway.northbound.backoff import Backoff

START_SECONDS: Final = 10.0  # a slow board with a busy card
GUILTY_SECONDS: Final = 0.02  # of the processor's time over one question; usual are 0.0001
LONGEST_ANSWER: Final = 1 << 20  # bytes
FROM_OUTSIDE: Final = (0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
ROOT: Final = Path(__file__).parents[2]
BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from gateway.codecs.sandbox import main;"
    " main(sys.argv[2], int(sys.argv[3]))"
)


class Down(GatewayError):
    """There is no worker just now, and why; what was asked may be asked again later."""


class Fatal(GatewayError):
    """The worker ended over this question, and that is the question's fault."""


class State(msgspec.Struct):
    """For `kogge status`; `holds` is what confines the process, in words."""

    state: str = "not needed"
    reason: str = ""
    holds: str = ""
    starts: int = 0
    faults: int = 0
    pid: int | None = None


class Worker:
    """`random` gives 0 ≤ x < 1, for the back-off."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._turn = asyncio.Lock()
        self._process: _Process | None = None
        self._backoff = Backoff(random)
        self._rest_until = 0.0  # monotonic
        self._state = State()

    @property
    def state(self) -> State:
        """A snapshot."""
        return msgspec.structs.replace(self._state)

    async def ask(self, question: bytes, seconds: float) -> tuple[int, bytes]:
        """Status and text of the answer. Raises Down, Fatal; when cancelled the process ends."""
        async with self._turn:
            if self._process is not None and self._process.gone:
                # it died while nobody asked anything of it: that is no reason to rest
                self._fault(_Ended(0.0, 0.0).why(await self._process.end()))
                self._process = None
            process = self._process or await self._start()
            used = process.cpu_seconds()
            try:
                answer = await process.ask(question, seconds)
            except _Ended as ended:
                raise await self._lost(process, ended, ended.used - used) from None
            except asyncio.CancelledError:
                self._process = None
                await process.end()
                raise
            self._backoff.reset()
            return answer

    async def close(self) -> None:
        """End the process, if there is one."""
        async with self._turn:
            process, self._process = self._process, None
            if process is not None:
                self._state.state, self._state.pid = "not needed", None
                await process.end()

    async def _start(self) -> "_Process":
        if time.monotonic() < self._rest_until:
            raise Down(f"the codec worker is down: {self._state.reason}")
        try:
            process = await _Process.start()
        except (OSError, ImportError) as error:
            raise self._rest(f"it cannot be started: {error}") from None
        try:
            _, holds = await process.ask(b"", START_SECONDS)
        except _Ended as ended:
            raise self._rest(f"it did not start: {ended.why(await process.end())}") from None
        except asyncio.CancelledError:
            await process.end()
            raise
        self._process = process
        self._state.starts += 1
        self._state.state, self._state.holds = "running", holds.decode()
        self._state.pid = process.pid
        return process

    async def _lost(self, process: "_Process", ended: "_Ended", used: float) -> GatewayError:
        self._process = None
        code = await process.end()
        reason = ended.why(code)
        if code in FROM_OUTSIDE and not (ended.late and used >= GUILTY_SECONDS):
            return self._rest(reason)
        self._fault(reason)
        return Fatal(reason)

    def _rest(self, reason: str) -> Down:
        self._fault(reason)
        self._rest_until = time.monotonic() + self._backoff.next()
        return Down(f"the codec worker is down: {reason}")

    def _fault(self, reason: str) -> None:
        self._state.faults += 1
        self._state.state, self._state.reason, self._state.pid = "ended", reason, None


class _Ended(Exception):
    """The process is gone, or going; `late`: it was killed after so many seconds without answer."""

    def __init__(self, late: float, used: float) -> None:
        self.late, self.used = late, used

    def why(self, code: int) -> str:
        """`code` is how the process ended."""
        if self.late:
            return f"no answer within {self.late:g} s"
        if code == -signal.SIGPROF:
            return "it used up the processor and could not be interrupted"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with code {code}"


class _Process(asyncio.Protocol):
    """One life of the worker. `ask` may be called again when the last answer has come."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self._popen, self.pid = popen, popen.pid
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._held = b""
        self._late = self._used = 0.0

    @classmethod
    async def start(cls) -> "_Process":
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
        """Raises _Ended."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._writing.write(question)
        alarm = loop.call_later(seconds, self._expired, seconds)
        try:
            return await self._answer
        finally:
            self._answer = None
            alarm.cancel()

    @property
    def gone(self) -> bool:
        return self._reading.is_closing()

    def cpu_seconds(self) -> float:
        """How long it has had the processor (clock_getcpuclockid(3))."""
        return time.clock_gettime(~self.pid << 3 | 2)

    async def end(self) -> int:
        """Kill it, if it lives; its exit code."""
        self._popen.kill()
        self._reading.close()
        if not self._writing.is_closing():
            self._writing.abort()
        return await asyncio.to_thread(self._popen.wait)

    def _expired(self, seconds: float) -> None:
        self._late, self._used = seconds, self.cpu_seconds()
        self._popen.kill()

    def data_received(self, data: bytes) -> None:
        self._held += data
        if len(self._held) < ANSWER.size:
            return
        size, status = ANSWER.unpack_from(self._held)
        missing = size + ANSWER.size - 1 - len(self._held)
        if missing < 0 or size > LONGEST_ANSWER or self._answer is None:
            self._popen.kill()
        elif missing == 0:
            text, self._held = self._held[ANSWER.size :], b""
            if not self._answer.done():
                self._answer.set_result((status, text))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(_Ended(self._late, self._used))


def _spawn() -> "subprocess.Popen[bytes]":
    """With two pipes, and nothing else of the daemon's."""
    engine = importlib.util.find_spec("_quickjs")
    if engine is None or engine.origin is None:
        raise ImportError("quickjs-ng is not installed (.ci/setup run installs it)")
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
