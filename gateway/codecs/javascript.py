"""JavaScript codecs (TS013): what is asked of the worker, and what its answers mean.

- A codec's own error, an exception of it, a broken limit: the payload is not decoded, and why
  stands in the output's `errors` (D5). Only `worker.Down` is raised: ask again later.
- A broken limit, or an end of the worker that is the codec's fault, is a strike. A codec that has
  STRIKES of them is not run any more by this daemon, unless another source replaces it.
"""

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from gateway.codecs import sandbox
from gateway.codecs.worker import Down, Fatal, State, Worker
from gateway.errors import GatewayError
from gateway.one_line import one_line

STRIKES: Final = 3
TRIES: Final = 8
CALL_WAITS: Final = 0.2  # seconds, of the wall clock
LOAD_WAITS: Final = 0.3
MOST_EXAMPLES: Final = 32
NOTHING_TO_CALL: Final = "the codec has no function decodeUplink, Decoder or Decode"
NOT_LOADED: Final = "the codec cannot be loaded"
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Example(NamedTuple):
    """An uplink with which a codec shows what it does."""

    f_port: int
    payload: bytes
    received_ms: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A codec's source. `examples` show whether it remembers one uplink at the next."""

    source: str
    examples: tuple[Example, ...] = ()
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.source.encode(errors="replace"))
        for example in self.examples:
            digest.update(_uplink(*example))
        object.__setattr__(self, "key", digest.digest()[:16])


class Unusable(GatewayError):
    """Why a script is no codec."""


class JavaScript:
    """All codecs of a daemon."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._modes: dict[bytes, int] = {}
        self._strikes: dict[bytes, int] = {}
        self._disabled: dict[bytes, str] = {}

    @property
    def state(self) -> State:
        return self._worker.state

    def disabled(self, script: Script) -> str:
        """Why it is not run any more; empty while it is."""
        return self._disabled.get(script.key, "")

    def forgive(self) -> None:
        """Forget all strikes: who says so has put the codecs right, or wants to see them again."""
        self._strikes.clear()
        self._disabled.clear()

    async def tried(self, script: Script) -> str:
        """Whether it can be loaded and has a function that decodes. Its context: "warm", or "fresh"
        where its examples show that it remembers. Raises Unusable, Down.
        """
        try:
            status, said = await self._load(script)
        except Fatal as fatal:
            raise Unusable(f"it cannot be loaded: {fatal}") from None
        if status != sandbox.GOOD:
            reason = one_line(said.decode(errors="replace").removeprefix(f"{NOT_LOADED}: "))
            raise Unusable(f"it cannot be loaded: {reason}")
        empty = await self.decode_uplink(script, 1, b"")
        if any(NOTHING_TO_CALL in error for error in empty.get("errors", [])):
            raise Unusable("it has no function decodeUplink, Decoder or Decode")
        return "fresh" if self._modes[script.key] == sandbox.FRESH else "warm"

    async def decode_uplink(
        self, script: Script, f_port: int, payload: bytes, at: float | None = None
    ) -> dict[str, Any]:
        """TS013's output; `at` in Unix seconds. Raises Down."""
        received = "null" if at is None else round(at * 1000)
        text = (
            f'{{"bytes":{list(payload)},"fPort":{f_port},"recvTime":{received},"variables":{{}}}}'
        )
        return await self._call(script, sandbox.DECODE_UPLINK, text.encode())

    async def encode_downlink(
        self, script: Script, data: dict[str, Any], f_port: int
    ) -> dict[str, Any]:
        """TS013's output; `f_port` is what ChirpStack adds to the input. Raises Down."""
        text = msgspec.json.encode({"data": data, "fPort": f_port, "variables": {}})
        return await self._call(script, sandbox.ENCODE_DOWNLINK, text)

    async def decode_downlink(self, script: Script, f_port: int, payload: bytes) -> dict[str, Any]:
        """TS013's output. Raises Down."""
        text = _uplink(f_port, payload, "null")
        return await self._call(script, sandbox.DECODE_DOWNLINK, text)

    async def close(self) -> None:
        await self._worker.close()

    async def _call(self, script: Script, call: int, text: bytes) -> dict[str, Any]:
        reason = self._disabled.get(script.key)
        if reason:
            return _failed(reason)
        try:
            status, answer = await self._ask(script, call, text)
        except Fatal as fatal:
            return _failed(self._strike(script, str(fatal)))
        said = answer.decode(errors="replace")
        if status == sandbox.GOOD:
            return output_of(said)
        said = one_line(said)
        return _failed(self._strike(script, said) if status == sandbox.BROKE_A_LIMIT else said)

    async def _ask(self, script: Script, call: int, text: bytes) -> tuple[int, bytes]:
        """Loads the codec first where the worker has it not. Raises Down, Fatal."""
        head = sandbox.HEAD.pack(len(text) + sandbox.HEAD.size - 4, call, script.key)
        for _ in range(TRIES):  # between load and call another codec may end the worker
            answer = await self._worker.ask(head + text, CALL_WAITS)
            if answer[0] != sandbox.NOT_LOADED:
                return answer
            loaded = await self._load(script)
            if loaded[0] != sandbox.GOOD:
                return loaded
        raise Down("the codec worker ended each time before it could be asked")

    async def _load(self, script: Script) -> tuple[int, bytes]:
        mode = self._modes.get(script.key, sandbox.UNKNOWN if script.examples else sandbox.WARM)
        examples = script.examples[:MOST_EXAMPLES] if mode == sandbox.UNKNOWN else ()
        texts = [script.source.encode(errors="replace"), *(_uplink(*one) for one in examples)]
        body = bytes([mode]) + b"".join(struct.pack(">I", len(text)) + text for text in texts)
        head = sandbox.HEAD.pack(len(body) + sandbox.HEAD.size - 4, sandbox.LOAD, script.key)
        status, said = await self._worker.ask(head + body, LOAD_WAITS)
        if status == sandbox.GOOD:
            self._modes[script.key] = sandbox.FRESH if said == b"1" else sandbox.WARM
        elif status == sandbox.FAILED:  # it would fail again
            text = one_line(said.decode(errors="replace"))
            reason = f"{NOT_LOADED}: {text}"
            self._disabled[script.key] = reason
            said = reason.encode()
        return status, said

    def _strike(self, script: Script, reason: str) -> str:
        """Returns what to say of it."""
        strikes = self._strikes[script.key] = self._strikes.get(script.key, 0) + 1
        if strikes < STRIKES:
            return f"the codec was stopped: {reason}"
        said = f"the codec is disabled, it was stopped {STRIKES} times, the last time: {reason}"
        self._disabled[script.key] = said
        return said


def _uplink(f_port: int, payload: bytes, received_ms: int | str) -> bytes:
    """The functions' input; `variables` is ChirpStack's. Twice as fast as through a dict."""
    bytes_ = f'{{"bytes":{list(payload)},"fPort":{f_port}'
    return f'{bytes_},"recvTime":{received_ms},"variables":{{}}}}'.encode()


def output_of(text: str) -> dict[str, Any]:
    """A result as TS013 wants it: `errors` and `warnings`, where they are, lists of text."""
    try:
        found = msgspec.json.decode(text)
    except _NOT_JSON as error:
        return _failed(f"its result cannot be read: {error}")
    if not isinstance(found, dict):
        return _failed(f"it returned {text[:40]} instead of an object with data")
    for name in ("errors", "warnings"):
        if name in found:
            found[name] = _texts(found[name])
    return found


def _texts(value: Any) -> list[str]:
    if not value:
        return []
    several = value if isinstance(value, list) else [value]
    return [_text(one) for one in several[:20]]


def _text(value: Any) -> str:
    said = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return one_line(said[:500])


def _failed(reason: str) -> dict[str, Any]:
    return {"errors": [reason]}
