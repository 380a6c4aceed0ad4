"""The worker process: JavaScript codecs, each in a context of its own, behind two pipes.

Imports the standard library, quickjs-ng and lockdown.py alone, and reads no file once it serves.
stdin has requests, stdout answers, one each, in order:

- Request: u32 length of what follows, u8 call, 16 bytes key of the codec, body. For LOAD the body
  is u8 mode, u32 length, source, and examples (u32 length, text); else the input as JSON.
- Answer: u32 length of what follows, u8 status, text. That to GREET says what confines it.

What is strangers' here is the code. So a context has limits of time, memory and stack, and is
thrown away when one was broken; what QuickJS does not interrupt the kernel ends (ITIMER_PROF: the
processor's time, so a busy machine blames nobody).
"""

import os
import signal
import struct
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.codecs.lockdown import lock_down

LOAD, DECODE_UPLINK, ENCODE_DOWNLINK, DECODE_DOWNLINK, GREET = range(5)
CALLS: Final = {
    DECODE_UPLINK: "decodeUplink",
    ENCODE_DOWNLINK: "encodeDownlink",
    DECODE_DOWNLINK: "decodeDownlink",
}
GOOD, FAILED, BROKE_A_LIMIT, NOT_LOADED = range(4)
WARM, FRESH, UNKNOWN = range(3)

HEAD: Final = struct.Struct(">IB16s")
SIZE: Final = struct.Struct(">I")
ANSWER: Final = struct.Struct(">IB")

CALL_SECONDS: Final = 0.05  # QuickJS ends a call, of the processor's time
LOAD_SECONDS: Final = 0.1
CALL_ENDS: Final = 0.08  # the kernel ends the process
LOAD_ENDS: Final = 0.2
EXAMPLES_SECONDS: Final = 0.05
MEMORY: Final = 8 << 20
STACK: Final = 256 << 10
LONGEST_OUTPUT: Final = 64 << 10  # characters
CONTEXTS: Final = 16
LOOK_EVERY: Final = 256  # calls, at what a context has kept
KEPT: Final = 1 << 20  # bytes that a context may keep from call to call

LIMITS: Final = {
    "InternalError: interrupted": f"it ran longer than {CALL_SECONDS * 1000:.0f} ms",
    "InternalError: out of memory": f"it wanted more than {MEMORY >> 20} MiB",
    "[uninitialized]": f"it wanted more than {MEMORY >> 20} MiB",  # within a Proxy
    "RangeError: Maximum call stack size exceeded": "it called itself too deep",
}


class Failed(Exception):
    """The codec's own error."""


class BrokeALimit(Exception):
    """The context is of no more use."""


class Codec:
    """One codec. In mode FRESH each call has a context that has seen no other."""

    def __init__(self, engine: Any, prelude: tuple[str, str], mode: int, source: str) -> None:
        self._engine, self._prelude, self.mode, self._source = engine, prelude, mode, source
        self._calls = 0
        self._run: Any = None
        self._context: Any = None
        self._renew()

    def call(self, name: str, text: str) -> str:
        """The function's result as JSON. Raises Failed, BrokeALimit."""
        self._calls += 1
        if self._run is None or (self.mode == FRESH and self._calls > 1):
            self._renew()
        try:
            return self._said(name, text)
        except BrokeALimit:
            self._run = self._context = None
            raise

    def _said(self, name: str, text: str) -> str:
        said: str = self._limited(self._run, name, text)
        if said[0] == "!":
            raise _fault(said[1:])
        if len(said) > LONGEST_OUTPUT:
            raise BrokeALimit(f"its result has more than {LONGEST_OUTPUT} characters")
        if self._calls % LOOK_EVERY == 0 and self._context.memory()["malloc_size"] > KEPT:
            self._run = self._context = None
        return said

    def _renew(self) -> None:
        context = self._engine.Context()
        context.set_memory_limit(MEMORY)
        context.set_max_stack_size(STACK)
        prelude, buffer = self._prelude
        run = context.eval(prelude)
        if "Buffer" in self._source:
            context.eval(buffer)
        context.set_time_limit(LOAD_SECONDS)
        # what a script's last expression is may be of a type that Python has not
        self._limited(context.eval, self._source + "\n;0")
        context.set_time_limit(CALL_SECONDS)
        self._run, self._context = run, context

    def _limited(self, call: Any, *arguments: str) -> Any:
        """What the engine says, its exceptions as ours."""
        try:
            return call(*arguments)
        except self._engine.JSException as error:
            raise _fault(str(error).split("\n    at ", 1)[0].strip()) from None
        except UnicodeDecodeError:
            raise Failed("what it threw is no text") from None
        except ValueError as error:  # a source with a NUL in it
            raise Failed(str(error)) from None
        except (MemoryError, TypeError) as error:
            raise BrokeALimit(f"its result is unusable: {error}") from None


def _fault(said: str) -> Exception:
    for sign, limit in LIMITS.items():
        if said.startswith(sign):
            return BrokeALimit(limit)
    if said == "null":  # thrown where not even an error's text found room
        return BrokeALimit(LIMITS["InternalError: out of memory"])
    return Failed(said or "it threw an empty text")


class Codecs:
    """Those used last, by key."""

    def __init__(self, engine: Any, prelude: tuple[str, str]) -> None:
        self._engine, self._prelude = engine, prelude
        self._codecs: OrderedDict[bytes, Codec] = OrderedDict()

    def answer(self, call: int, key: bytes, body: bytes) -> tuple[int, str]:
        try:
            if call == LOAD:
                return GOOD, self._load(key, body)
            codec = self._codecs.get(key)
            if codec is None:
                return NOT_LOADED, ""
            self._codecs.move_to_end(key)
            return GOOD, codec.call(CALLS[call], body.decode())
        except Failed as error:
            return FAILED, str(error)
        except BrokeALimit as error:
            return BROKE_A_LIMIT, str(error)

    def _load(self, key: bytes, body: bytes) -> str:
        """Returns the mode that the codec works in, in digits."""
        mode, (source, *examples) = body[0], _texts(body[1:])
        if mode == UNKNOWN:
            mode = self._mode(source, examples)
        self._codecs[key] = Codec(self._engine, self._prelude, mode, source)
        if len(self._codecs) > CONTEXTS:
            self._codecs.popitem(last=False)
        return str(mode)

    def _mode(self, source: str, examples: list[str]) -> int:
        """FRESH when examples, forwards and backwards, come out otherwise where others went before.

        Bounded in time: what it has found by then counts.
        """
        until = time.process_time() + EXAMPLES_SECONDS
        warm = Codec(self._engine, self._prelude, WARM, source)
        alone: dict[str, str] = {}
        for example in [*examples, *reversed(examples)]:
            if time.process_time() > until:
                break
            if example not in alone:
                fresh = Codec(self._engine, self._prelude, FRESH, source)
                alone[example] = _outcome(fresh, example)
            if _outcome(warm, example) != alone[example]:
                return FRESH
        return WARM


def _outcome(codec: Codec, example: str) -> str:
    try:
        return codec.call(CALLS[DECODE_UPLINK], example)
    except Failed as error:
        return f"!{error}"


def _texts(body: bytes) -> Iterator[str]:
    at = 0
    while at < len(body):
        (size,) = SIZE.unpack_from(body, at)
        at += SIZE.size
        yield body[at : at + size].decode()
        at += size


def serve(codecs: Codecs, holds: str) -> None:
    """Until the parent closes its end."""
    while (head := _read(HEAD.size)) is not None:
        size, call, key = HEAD.unpack(head)
        body = _read(size - HEAD.size + SIZE.size)
        if body is None:
            return
        if call == GREET:
            _write(GOOD, holds)
            continue
        signal.setitimer(signal.ITIMER_PROF, LOAD_ENDS if call == LOAD else CALL_ENDS)
        status, text = codecs.answer(call, key, body)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(status, text)


_held = b""


def _read(size: int) -> bytes | None:
    """So many bytes; None at the end."""
    global _held
    while len(_held) < size:
        more = os.read(0, 1 << 16)
        if not more:
            return None
        _held += more
    found, _held = _held[:size], _held[size:]
    return found


def _write(status: int, text: str) -> None:
    body = text.encode(errors="replace")
    message = ANSWER.pack(len(body) + 1, status) + body
    while message:
        message = message[os.write(1, message) :]


def main(directory: str, parent: int) -> None:
    """Serve; `directory` is where quickjs-ng is, `parent` the pid whose end is this process's."""
    sys.path.append(directory)
    import _quickjs  # quickjs itself would start a thread

    here = Path(__file__)
    prelude = here.with_name("prelude.js").read_text(encoding="utf-8")
    buffer = here.with_name("buffer.js").read_text(encoding="utf-8")
    time.tzset()
    serve(Codecs(_quickjs, (prelude, buffer)), lock_down(parent))
