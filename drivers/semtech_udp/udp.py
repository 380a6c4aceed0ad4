"""Any board that already runs a Semtech packet forwarder, as a `Concentrator` over UDP.

The rules:

- We are the server: the forwarder sends to the address that we listen on. One gateway is heard,
  the configured one or the first that speaks, for the life of this object; others are counted.
- `start` waits for the forwarder's first sign; 45 s without any is a lost link. A forwarder asks
  for downlinks every 10 s unless told otherwise (`keepalive_interval`): four of those got lost.
  One that still brings packets but has stopped asking is heard on; what is to be sent is refused.
- Nobody can ask the chip for its counter: it is what the packets told, extrapolated (`count`), and
  unknown until the first one. A `tmst` that does not fit opens a new chip session, and so does a
  forwarder that asks from another port, for it has started anew.
- Packets go to where the last PULL_DATA came from, when they are due in less than 500 ms. The
  forwarder has a queue of its own and wants them 42.5 ms ahead at least.
- A TX_ACK without an error is an acceptance. Version 1 knows none: there what was sent counts as
  accepted. Silence in version 2 is a refusal, as is the forwarder's way with what it cannot use;
  should only the TX_ACK have been lost, the device hears the same frame in a second window.
- What the network repeats is acknowledged again, and delivered once.
"""

import asyncio
import itertools
import secrets
from collections import Counter as Tally
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from drivers.concentrator import (
    ConcentratorStatus,
    Counter,
    CounterUnknown,
    LinkLost,
    RxPacket,
    TxPacket,
    TxStatus,
)
from drivers.semtech_udp.address import Address
from drivers.semtech_udp.count import Count, until
from drivers.semtech_udp.frames import WITH_EUI, Drop, Frame, Kind
from drivers.semtech_udp.packets import Stat, read_push, read_tx_ack, write_txpk
from drivers.semtech_udp.port import Port, Source, listen

FIRST_SIGN = 9.0  # s that `start` waits; most forwarders speak every 5 or 10 s
SILENCE = 45.0  # s
QUIET = 1.0  # s without a packet after which `receive` says so
ANSWER = 0.3  # s until a TX_ACK; a forwarder answers within milliseconds, RX2 is a second away
REPEATED_WITHIN = 10.0  # s in which the same datagram is a repetition
REPEATS_KEPT, PACKETS_KEPT = 256, 1024
TOO_LATE_US = 42_500  # the forwarder's start delay, margin and just-in-time delay
TOO_EARLY_US = 120_000_000


class _WayDown(NamedTuple):
    """Where the last PULL_DATA came from, its version, when, and in which chip session."""

    source: Source
    version: int
    at: float
    chip_session: int


class SemtechUdp:
    """One packet forwarder. `start` listens at `address`."""

    lead_us = 500_000

    def __init__(self, address: Address) -> None:
        self._address, self._eui = address, address.eui
        self._drops: Tally[str] = Tally()
        self._stat = Stat(None, ())
        self._version = 2
        self._session = 0
        self._count: Count | None = None
        self._port: Port | None = None
        self._tokens = itertools.count(secrets.randbits(16))
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._repeats: dict[int, float] = {}
        self._packets: list[RxPacket] = []
        self._news = asyncio.Event()
        self._heard_at: float | None = None
        self._way_down: _WayDown | None = None

    async def start(self) -> None:
        await self._close()
        self._heard_at = self._way_down = None
        self._begin_session()
        self._port = await listen(self._address, self._came_in, self._send_failed)
        try:
            async with asyncio.timeout(FIRST_SIGN):
                while self._heard_at is None:
                    await self._wait_for_news()
        except TimeoutError:
            await self._close()
            raise LinkLost(self._nobody()) from None
        except BaseException:
            await self._close()
            raise

    def _nobody(self) -> str:
        who = "no packet forwarder" if self._eui is None else f"packet forwarder {self._eui:016x}"
        verb = "speaks" if self._eui is None else "does not speak"
        return (
            f"{who} {verb} to {self._address}: see that it runs, and point its server_address,"
            " serv_port_up and serv_port_down there"
        )

    def _begin_session(self) -> None:
        self._session += 1
        self._count = None

    async def receive(self) -> list[RxPacket]:
        if not self._packets:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET):
                    await self._wait_for_news()
        if self._heard_at is None or _now() - self._heard_at > SILENCE:
            raise LinkLost(f"{self._nobody()} (silent for {SILENCE:g} s)")
        packets, self._packets = self._packets, []
        return packets

    async def _wait_for_news(self) -> None:
        self._news.clear()
        self._listening()
        await self._news.wait()
        self._listening()

    def _listening(self) -> Port:
        if self._port is None:
            raise LinkLost(f"nobody listens at {self._address}: the concentrator is not started")
        return self._port

    async def counter(self) -> Counter:
        self._listening()
        return Counter(self._counter_now(), self._session)

    def _counter_now(self) -> int:
        if self._count is None:
            raise CounterUnknown(
                "the packet forwarder has not told its counter yet: no packet came"
            )
        return self._count.now(_now())

    async def send(self, packet: TxPacket) -> TxStatus:
        while True:
            port = self._listening()
            if packet.chip_session != self._session:
                return TxStatus.TOO_LATE
            if packet.counter_us is None:
                break
            ahead = until(packet.counter_us, self._counter_now())
            if ahead <= TOO_LATE_US:
                return TxStatus.TOO_LATE
            if ahead > TOO_EARLY_US:
                return TxStatus.TOO_EARLY
            if ahead <= self.lead_us:
                break
            await asyncio.sleep((ahead - self.lead_us) / 1e6)
        return await self._hand_over(packet, port)

    async def _hand_over(self, packet: TxPacket, port: Port) -> TxStatus:
        way = self._way_down
        if way is None or _now() - way.at > SILENCE:
            self._drops[Drop.NO_PULL_DATA] += 1
            return TxStatus.TOO_LATE
        token = next(self._tokens) % (1 << 16)
        frame = Frame(Kind.PULL_RESP, way.version, token, body=write_txpk(packet))
        if way.version == 1:
            port.send(frame.to_bytes(), way.source)
            return TxStatus.OK
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        port.send(frame.to_bytes(), way.source)
        return await self._verdict(token, answer)

    async def _verdict(self, token: int, answer: "asyncio.Future[bytes]") -> TxStatus:
        try:
            async with asyncio.timeout(ANSWER):
                status, odd = read_tx_ack(await answer)
        except TimeoutError:
            status, odd = TxStatus.TOO_LATE, Drop.UNANSWERED
        finally:
            self._answers.pop(token, None)
        if odd is not None:
            self._drops[odd] += 1
        return status

    def status(self) -> ConcentratorStatus:
        told = f" ({self._stat})" if self._stat.counts else ""
        return ConcentratorStatus(
            eui=self._eui,
            model="Semtech packet forwarder",
            firmware=f"protocol version {self._version}{told}",
            temperature=self._stat.temperature,
            chip_session=self._session,
            drops=dict(self._drops),
        )

    async def stop(self) -> None:
        await self._close()

    async def _close(self) -> None:
        port, self._port = self._port, None
        lost = LinkLost(f"{self._address} was closed")
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(lost)
        self._answers.clear()
        self._news.set()
        if port is not None:
            await port.close()

    def _came_in(self, datagram: bytes, source: Source) -> None:
        """One datagram, whoever sent it."""
        frame = Frame.from_bytes(datagram)
        odd = frame if isinstance(frame, Drop) else self._taken(frame, datagram, source)
        if odd is not None:
            self._drops[odd] += 1

    def _send_failed(self) -> None:
        """The system could not send a datagram; the silence that follows has its own deadline."""
        self._drops[Drop.SEND_FAILED] += 1

    def _taken(self, frame: Frame, datagram: bytes, source: Source) -> Drop | None:
        if frame.kind not in WITH_EUI:
            return Drop.KIND
        if self._eui is None and frame.kind is not Kind.TX_ACK:
            self._eui = frame.eui
        if frame.eui != self._eui:
            return Drop.STRANGER
        self._version, self._heard_at = frame.version, _now()
        self._news.set()
        if frame.kind is Kind.PUSH_DATA:
            return self._pushed(frame, datagram, source)
        if frame.kind is Kind.TX_ACK:
            return self._answered(frame)
        self._pulled(frame, source)
        return None

    def _acknowledge(self, frame: Frame, kind: Kind, source: Source) -> None:
        if self._port is not None:
            self._port.send(Frame(kind, frame.version, frame.token).to_bytes(), source)

    def _answered(self, frame: Frame) -> Drop | None:
        answer = self._answers.pop(frame.token, None)
        if answer is None or answer.done():
            return Drop.UNKNOWN_TOKEN
        answer.set_result(frame.body)
        return None

    def _pulled(self, frame: Frame, source: Source) -> None:
        """Another port is a new session, unless its packets have opened one already."""
        self._acknowledge(frame, Kind.PULL_ACK, source)
        way = self._way_down
        if way is not None and way.source != source and way.chip_session == self._session:
            self._begin_session()
        self._way_down = _WayDown(source, frame.version, _now(), self._session)

    def _repeated(self, datagram: bytes) -> bool:
        now, same = _now(), hash(datagram)
        repeated = now - self._repeats.pop(same, -REPEATED_WITHIN) < REPEATED_WITHIN
        self._repeats[same] = now
        if len(self._repeats) > REPEATS_KEPT:
            del self._repeats[next(iter(self._repeats))]
        return repeated

    def _pushed(self, frame: Frame, datagram: bytes, source: Source) -> Drop | None:
        self._acknowledge(frame, Kind.PUSH_ACK, source)
        if self._repeated(datagram):
            return Drop.REPEATED
        push = read_push(frame.body)
        self._drops.update(push.drops)
        self._stat = push.stat or self._stat
        for packet in push.packets:
            self._deliver(packet)
        return None

    def _deliver(self, packet: RxPacket) -> None:
        now = _now()
        if self._count is not None and not self._count.goes_on(packet.counter_us, now):
            self._begin_session()
        if self._count is None:
            self._count = Count(packet.counter_us, now)
        if len(self._packets) < PACKETS_KEPT:
            ended_at = self._count.second(packet.counter_us, now)
            self._packets.append(replace(packet, chip_session=self._session, ended_at=ended_at))
        else:
            self._drops[Drop.OVERRUN] += 1


def _now() -> float:
    return asyncio.get_running_loop().time()
