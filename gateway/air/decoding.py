"""Readings of JavaScript codecs: raw in the buffer until the worker has answered (D1d).

The radio task never waits: a reading enters the buffer at once, `begin` asks the worker beside it,
and the answer replaces the reading where it still is in memory. What is undecoded on its way out,
from this run or an earlier one, is decoded there, by the codec that its device has then. A worker
that is down is waited for a little; what cannot be decoded goes out raw, and says why (D5).
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from gateway.codecs.catalogue import Codec
from gateway.codecs.javascript import JavaScript
from gateway.codecs.worker import Down
from gateway.errors import GatewayError
from gateway.lorawan.device import Device
from gateway.records import Reading, Record

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, Reading | None]], asyncio.Task[Reading | None]]

NO_CODEC: Final = "no codec is set for this device in devices.toml"
PATIENCE_SECONDS: Final = 0.5  # of a batch with a worker that is down; longer than its first rest
LARGEST_PAYLOAD: Final = 242  # RP002-1.0.4, of any region


class NotEncoded(GatewayError):
    """Why no downlink can be made of an object."""


class Decoding:
    """`devices` by DevEUI and `codecs` by name, as they are now; `replace` is the buffer's; `told`
    gets each reading once its codec has answered, or cannot.
    """

    def __init__(
        self,
        devices: Mapping[int, Device],
        codecs: Mapping[str, Codec],
        javascript: JavaScript,
        replace: Callable[[Reading], None],
        spawn: Spawn,
        told: Callable[[Reading], None],
    ) -> None:
        self._devices, self._codecs = devices, codecs
        self._javascript, self._replace = javascript, replace
        self._spawn, self._told = spawn, told
        self._under_way: dict[str, asyncio.Task[Reading | None]] = {}

    def begin(self, reading: Reading) -> None:
        """It is in the buffer now."""
        self._under_way[reading.id] = self._spawn(self._decode(reading))

    async def finished(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records as they go out."""
        if not any(isinstance(record, Reading) and record.undecoded for record in records):
            return records
        patience = PATIENCE_SECONDS
        found: list[Record] = []
        for record in records:
            if isinstance(record, Reading) and record.undecoded:
                decoded = await self._finish(record)
                if decoded is None and patience:
                    await asyncio.sleep(patience)
                    patience = 0.0
                    decoded = await self._finish(record)
                found.append(decoded or self._given_up(record))
            else:
                found.append(record)
        return found

    async def encode(self, dev_eui: int, f_port: int, data: dict[str, Any]) -> tuple[int, bytes]:
        """FPort and payload of a downlink given as an object; the codec's FPort counts, if it says
        one. Raises NotEncoded.
        """
        codec = self._codec(self._devices.get(dev_eui))
        if codec is None or codec.script is None:
            raise NotEncoded("this device's codec encodes nothing: give the payload in base64")
        try:
            output = await self._javascript.encode_downlink(codec.script, data, f_port)
        except Down as down:
            raise NotEncoded(str(down)) from None
        return downlink_of(output, f_port)

    def status(self) -> dict[str, Any]:
        """How the worker is, and which codecs are not run any more and why."""
        scripts = {name: codec.script for name, codec in self._codecs.items() if codec.script}
        reasons = {name: self._javascript.disabled(script) for name, script in scripts.items()}
        disabled = {name: reason for name, reason in reasons.items() if reason}
        return {**msgspec.structs.asdict(self._javascript.state), "disabled": disabled}

    async def _decode(self, reading: Reading) -> Reading | None:
        try:
            decoded = await self._decoded(reading)
        except Down as down:
            self._told(msgspec.structs.replace(reading, error=f"not decoded yet: {down}"))
            return None
        finally:
            del self._under_way[reading.id]
        self._replace(decoded)
        self._told(decoded)
        return decoded

    async def _finish(self, reading: Reading) -> Reading | None:
        under_way = self._under_way.get(reading.id)
        if under_way is not None:
            return await asyncio.shield(under_way)
        try:
            decoded = await self._decoded(reading)
        except Down:
            return None
        self._replace(decoded)
        return decoded

    async def _decoded(self, reading: Reading) -> Reading:
        """Raises Down."""
        device, payload = self._device(reading), bytes.fromhex(reading.payload or "")
        codec = self._codec(device)
        if device is None or codec is None or not reading.f_port:
            return _with(reading, error=NO_CODEC)
        if codec.script is None:
            output = codec.output(reading.f_port, payload)
        else:
            output = await self._javascript.decode_uplink(
                codec.script, reading.f_port, payload, reading.moment.at
            )
        decoded = codec.measured(output, reading.f_port, payload, device.depth)
        return _with(
            reading,
            measurements=reading.measurements | decoded.measurements,
            units=reading.units | decoded.units,
            payload=reading.payload if decoded.error else None,
            error=decoded.error,
            flags=decoded.flags or None,
        )

    def _device(self, reading: Reading) -> Device | None:
        return self._devices.get(int(reading.device, 16))

    def _codec(self, device: Device | None) -> Codec | None:
        return None if device is None or not device.codec else self._codecs[device.codec]

    def _given_up(self, reading: Reading) -> Reading:
        state = self._javascript.state
        return _with(reading, error=f"the codec worker is down: {state.reason}")


def _with(reading: Reading, **changes: Any) -> Reading:
    return msgspec.structs.replace(reading, undecoded=False, **changes)


def downlink_of(output: dict[str, Any], f_port: int) -> tuple[int, bytes]:
    """What encodeDownlink's output means. Raises NotEncoded."""
    if output.get("errors"):
        raise NotEncoded(f"the codec says: {'; '.join(output['errors'])}")
    return _f_port(output.get("fPort"), f_port), _payload(output.get("bytes"))


def _f_port(said: Any, wanted: int) -> int:
    if said is None:
        return wanted
    if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= 223:
        raise NotEncoded(f"the codec says fPort {said}: applications have 1 to 223")
    return said


def _payload(said: Any) -> bytes:
    if not isinstance(said, list):
        raise NotEncoded("the codec gives no bytes")
    if len(said) > LARGEST_PAYLOAD:
        raise NotEncoded(f"the codec gives {len(said)} bytes: at most {LARGEST_PAYLOAD} fit")
    for byte in said:
        if isinstance(byte, bool) or not isinstance(byte, int) or not 0 <= byte <= 255:
            raise NotEncoded(f"the codec gives {byte} as a byte: they are 0 to 255")
    return bytes(said)
