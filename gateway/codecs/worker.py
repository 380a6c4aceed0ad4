"""The codec worker's process, seen from the daemon: started when it is first asked, one question at
a time, ended when it does not answer, started again.

- An answer that has not come `seconds` after its question is not waited for: the process is killed.
  Where it has hardly had the processor in that time it is waited for a second: the machine is busy.
- A process that ends over a question has used the processor over it, or crashed; then the question
  is to blame (`Fatal`), and the next one starts the process again at once. Or it was killed from
  outside, or the machine was too busy for it: nobody's fault (`Down`).
- After an end that is nobody's fault, and when it cannot be started, it rests: 0.25 s, a second, a
  minute at last; until then every question is answered with `Down`.
- What it says is not trusted: an answer that nobody waits for, or too long a one, ends it, and is
  the last question's fault.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.codecs import sandbox
from gateway.codecs.process import Ended, Process
from gateway.errors import GatewayError
from gateway.northbound.backoff import Backoff

GREETING: Final = sandbox.HEAD.pack(sandbox.HEAD.size - sandbox.SIZE.size, sandbox.GREET, b"")
START_SECONDS: Final = 10.0  # a slow board with a busy card
FROM_OUTSIDE: Final = (0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)


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
        self._process: Process | None = None
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
                self._fault(Ended().why(await self._process.end()))
                self._process = None
            process = self._process or await self._start()
            try:
                answer = await process.ask(question, seconds)
            except Ended as ended:
                raise await self._lost(process, ended) from None
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

    async def _start(self) -> Process:
        if time.monotonic() < self._rest_until:
            raise Down(f"the codec worker is down: {self._state.reason}")
        try:
            process = await Process.start()
        except (OSError, ImportError) as error:
            raise self._rest(f"it cannot be started: {error}") from None
        try:
            _, holds = await process.ask(GREETING, START_SECONDS)
        except Ended as ended:
            raise self._rest(f"it did not start: {ended.why(await process.end())}") from None
        except asyncio.CancelledError:
            await process.end()
            raise
        self._process = process
        self._state.starts += 1
        self._state.state, self._state.holds = "running", holds.decode(errors="replace")
        self._state.pid = process.pid
        return process

    async def _lost(self, process: Process, ended: Ended) -> GatewayError:
        self._process = None
        code = await process.end()
        reason = ended.why(code)
        if code in FROM_OUTSIDE and not (ended.guilty or ended.nonsense):
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
