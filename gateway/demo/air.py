"""A device's antenna: the emulator's air over TCP (docs/interfaces.md)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import msgspec

from gateway.demo.device import Downlink


class Sent(NamedTuple):
    """What became of an uplink: its end in counter µs, and whether the antenna received it."""

    end_us: int
    received: bool
    reason: str


class Antenna:
    """One connection to the air: speaks one uplink at a time, hears every downlink."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._done: asyncio.Queue[Sent] = asyncio.Queue()
        self.downlinks: asyncio.Queue[Downlink] = asyncio.Queue()

    async def uplink(
        self, phy_payload: bytes, frequency: int, sf: int, rssi: float, snr: float
    ) -> Sent:
        """Put a packet on the air now; returns when it has left."""
        request = {
            "op": "uplink",
            "payload": phy_payload.hex(),
            "frequency": frequency,
            "modulation": "LORA",
            "sf": sf,
            "bw": 125_000,
            "cr": 1,
            "rssi": rssi,
            "snr": snr,
            "crc": "ok",
        }
        self._writer.write(msgspec.json.encode(request) + b"\n")
        await self._writer.drain()
        return await self._done.get()

    async def listen(self) -> None:
        """Sort what the air says, until it goes away (which is a ConnectionError)."""
        while line := await self._reader.readline():
            said = msgspec.json.decode(line)
            if said["op"] == "uplink_done":
                self._done.put_nowait(
                    Sent(said["counter_us"], said["received"], said.get("reason") or "")
                )
            elif said["op"] == "downlink":
                self.downlinks.put_nowait(_downlink(said))
        raise ConnectionResetError("the air is gone")


def _downlink(said: dict[str, Any]) -> Downlink:
    return Downlink(
        phy_payload=bytes.fromhex(said["payload"]),
        counter_us=said["counter_us"],
        end_us=said["end_us"],
        frequency=said["frequency"],
        sf=said["sf"],
        inverted=said["inverted"],
    )


@asynccontextmanager
async def antenna(host: str, port: int) -> AsyncIterator[Antenna]:
    """An antenna on the air at host:port; its listening is a task of the caller's."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Antenna(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
