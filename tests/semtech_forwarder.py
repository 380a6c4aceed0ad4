"""A packet forwarder for tests, from the text of its protocol: shares nothing with the driver.

Like the real one it has a socket up and a socket down, a 32-bit µs counter, and a just-in-time
queue that refuses what is not 42.5 ms … 512 s ahead.
"""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from patience import HUNG

EUI = bytes.fromhex("0016c001f0000001")
WRAP = 2**32
RXPK = {"chan": 2, "rfch": 0, "freq": 868.1, "mid": 8, "stat": 1, "modu": "LORA",
        "datr": "SF7BW125", "codr": "4/5", "rssis": -81, "lsnr": 8.2, "foff": -313,
        "rssi": -80}  # fmt: skip


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rxpk(payload: bytes, tmst: int, **other: Any) -> dict[str, Any]:
    data = base64.b64encode(payload).decode()
    return {"tmst": tmst, **RXPK, "size": len(payload), "data": data, **other}


@dataclass
class Sent:
    """A PULL_RESP: its token, its txpk, and how many µs ahead of its time it came."""

    token: bytes
    txpk: dict[str, Any]
    ahead_us: int

    @property
    def payload(self) -> bytes:
        return base64.b64decode(self.txpk["data"], validate=True)


@dataclass
class Socket(asyncio.DatagramProtocol):
    """One connected socket; what comes goes to `came`."""

    came: Callable[[bytes], None]

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.came(data)

    def error_received(self, exc: Exception) -> None:
        """The server is away: a forwarder goes on."""


@dataclass
class PacketForwarder:
    """`answer` may replace the JSON of a TX_ACK, given the PULL_RESP; None sends no TX_ACK."""

    port: int
    eui: bytes = EUI
    version: int = 2
    begin_us: int = 1_000_000
    answer: Callable[[Sent], bytes | None] | None = None
    sent: list[Sent] = field(default_factory=list)
    pull_acks: list[bytes] = field(default_factory=list)
    push_acks: list[bytes] = field(default_factory=list)
    _token: int = 0x2A00
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        server = ("127.0.0.1", self.port)
        self.up, _ = await loop.create_datagram_endpoint(
            lambda: Socket(self._came_up), remote_addr=server
        )
        self.down, _ = await loop.create_datagram_endpoint(
            lambda: Socket(self._came_down), remote_addr=server
        )

    def close(self) -> None:
        self.up.abort()
        self.down.abort()

    async def restart(self, begin_us: int = 0) -> None:
        """A process anew: other sockets, and a chip that counts from anew."""
        self.close()
        self.begin_us = begin_us
        await self.open()

    @property
    def counter(self) -> int:
        elapsed = asyncio.get_running_loop().time() - self._began
        return (self.begin_us + int(elapsed * 1e6)) % WRAP

    def token(self) -> bytes:
        self._token += 1
        return self._token.to_bytes(2, "big")

    def pull(self) -> bytes:
        """PULL_DATA; returns its token."""
        token = self.token()
        self.down.sendto(bytes([self.version]) + token + b"\x02" + self.eui)
        return token

    def push(self, *packets: dict[str, Any], token: bytes = b"", **root: Any) -> bytes:
        """PUSH_DATA with these `rxpk`; returns its token."""
        token = token or self.token()
        body = {"rxpk": list(packets), **root} if packets else root
        head = bytes([self.version]) + token + b"\x00" + self.eui
        self.up.sendto(head + json.dumps(body).encode())
        return token

    def uplink(self, payload: bytes, **other: Any) -> int:
        """A packet that ended just now; returns its tmst."""
        tmst = self.counter
        self.push(rxpk(payload, tmst, **other))
        return tmst

    async def has_sent(self, count: int) -> list[Sent]:
        return await self._has(self.sent, count)

    async def acknowledged(self, token: bytes) -> None:
        async with asyncio.timeout(HUNG):
            while token not in self.push_acks + self.pull_acks:
                await self._wait()

    async def _has(self, what: list[Sent], count: int) -> list[Sent]:
        async with asyncio.timeout(HUNG):
            while len(what) < count:
                await self._wait()
        return what

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _came_up(self, data: bytes) -> None:
        assert (data[0], data[3], len(data)) == (self.version, 1, 4), data
        self.push_acks.append(data[1:3])
        self._news.set()

    def _came_down(self, data: bytes) -> None:
        assert data[0] == self.version, data
        if data[3] == 4:
            assert len(data) == 4
            self.pull_acks.append(data[1:3])
        else:
            assert data[3] == 3, data
            self._pull_resp(data)
        self._news.set()

    def _pull_resp(self, data: bytes) -> None:
        txpk = json.loads(data[4:])["txpk"]
        ahead = 0 if txpk.get("imme") else (txpk["tmst"] - self.counter) % WRAP
        sent = Sent(data[1:3], txpk, ahead)
        self.sent.append(sent)
        body = (self.answer or verdict)(sent)
        if body is not None and self.version == 2:
            self.down.sendto(b"\x02" + sent.token + b"\x05" + self.eui + body)


def verdict(sent: Sent) -> bytes:
    """The just-in-time queue's."""
    if sent.txpk.get("imme"):
        return b""
    if sent.ahead_us <= 42_500:
        return b'{"txpk_ack":{"error":"TOO_LATE"}}'
    if sent.ahead_us > 512_000_000:
        return b'{"txpk_ack":{"error":"TOO_EARLY"}}'
    return b""


@asynccontextmanager
async def forwarder(port: int, every: float = 0.05, **how: Any) -> AsyncIterator[PacketForwarder]:
    """A running one that asks for downlinks `every` so many seconds."""
    one = PacketForwarder(port, **how)
    await one.open()

    async def keep_alive() -> None:
        while True:
            one.pull()
            await asyncio.sleep(every)

    task = asyncio.create_task(keep_alive())
    try:
        yield one
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        one.close()
