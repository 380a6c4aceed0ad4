"""The last raw frames, up and down, and what became of each: a ring in memory, `{"op":"frames"}`.

- What is in it was on the air for everybody: no keys, and payloads as they are encrypted.
- `FRAMES` and `BYTES` bound it; the oldest goes first. Numbers rise from 1, so a gap in them shows
  what nobody has fetched in time.
- A frame down is kept once its fate is known, with the channel that it went, or was to go.
- Kept packed: 160 bytes of memory each instead of 420.
- Whoever watches is told of each at once, as `frame`, and more than is kept: whose it is, and what
  is in it once it is decrypted.

`{"op":"frames","after":N,"wait":S}` is answered with `{"frames"}`, at most `AT_ONCE` above number
N; where there is none yet, after S seconds at most (`LONGEST`). Nothing stays open between two.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from drivers.concentrator import RxPacket, TxPacket, TxStatus
from gateway.diagnostics.watch import Watch
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer
from gateway.lorawan.mac_uplink import parse_uplink
from gateway.lorawan.outcome import Drop, Joined, Uplink
from gateway.records import Moment
from gateway.shapes import plainly

FRAMES: Final = 2000
BYTES: Final = 256 * 1024  # of payloads
AT_ONCE: Final = 200
LONGEST: Final = 4.0  # seconds


class Request(msgspec.Struct):
    after: Annotated[int, Meta(ge=0)] = 0
    wait: Annotated[float, Meta(ge=0, le=LONGEST)] = 0.0


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """`fate` of one up: "accepted", "join", or the reason of its drop; down: ChirpStack's word,
    or "unknown": the radio failed in between.
    """

    number: int
    at: float | None
    time_quality: str
    monotonic_s: float
    direction: Literal["up", "down"]
    payload: bytes
    fate: str
    dev_eui: int | None
    frequency: int
    sf: int
    bandwidth: int
    modulation: str
    rssi: float | None = None
    snr: float | None = None
    crc: str | None = None
    power: int | None = None
    counter_us: int | None = None


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Frame).decode


class Frames:
    """`now` dates what goes down; `dated` is the clock's, for what came before it was set;
    `devices` by DevEUI, as they are now.
    """

    def __init__(
        self,
        now: Callable[[], Moment],
        dated: Callable[[Moment], Moment],
        watch: Watch,
        devices: Mapping[int, Device],
    ) -> None:
        self._now, self._dated, self._watch, self._devices = now, dated, watch, devices
        self._ring: deque[bytes] = deque()
        self._boot = ""
        self._bytes, self._last = 0, 0
        self._news = asyncio.Event()

    def up(self, packet: RxPacket, moment: Moment, outcome: Drop | Uplink | Joined) -> None:
        match outcome:
            case Drop():
                fate, dev_eui = str(outcome.reason), outcome.dev_eui
            case Joined():
                fate, dev_eui = "join", outcome.device.dev_eui
            case Uplink():
                fate, dev_eui = "accepted", outcome.device.dev_eui
        self._last += 1
        self._keep(
            Frame(
                self._last, *self._told_by(moment), "up", packet.payload, fate, dev_eui,
                packet.frequency, packet.sf, packet.bandwidth, packet.modulation,
                packet.rssi, packet.snr, packet.crc.value,
                counter_us=packet.counter_us,
            ),
            _of_outcome(outcome) if self._watch.watched else {},
        )  # fmt: skip

    def down(self, answer: Answer, packet: TxPacket | None, status: TxStatus | None) -> None:
        """`packet` is None for what never got so far: its first window is told, if it had one."""
        window = answer.windows[0] if answer.windows else None
        place = packet or window
        self._last += 1
        self._keep(
            Frame(
                self._last, *self._told_by(self._now()), "down",
                answer.phy_payload, str(status or "unknown"), answer.dev_eui,
                place.frequency if place else 0, place.sf if place else 0,
                place.bandwidth if place else 0, "LORA", power=place.power if place else None,
                counter_us=packet.counter_us if packet else None,
            ),
            {"window": _window(answer, packet)},
        )  # fmt: skip

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            asked = msgspec.convert(request, Request)
        except msgspec.ValidationError as error:
            return {"error": f"not understood: {plainly(error)}"}
        if self._last <= asked.after and asked.wait:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(asked.wait):
                    await self._news.wait()
        begin = max(0, asked.after - (self._last - len(self._ring)))
        found = islice(self._ring, begin, begin + AT_ONCE)
        return {"frames": [self._told(_unpack(packed)) for packed in found]}

    def _told_by(self, moment: Moment) -> tuple[float | None, str, float]:
        """What of a moment is kept with a frame: all are of one boot."""
        self._boot = moment.boot_id
        return moment.at, moment.time_quality, moment.monotonic_s

    def _keep(self, frame: Frame, more: Mapping[str, Any]) -> None:
        """`more` is for whoever watches alone."""
        self._ring.append(_pack(frame))
        self._bytes += len(frame.payload)
        while len(self._ring) > FRAMES or self._bytes > BYTES:
            self._bytes -= len(_unpack(self._ring.popleft()).payload)
        self._news.set()
        if self._watch.watched:
            self._watch.tell("frame", **self._told(frame), name=self._name(frame), **more)

    def _name(self, frame: Frame) -> str:
        """Of our own devices, whatever became of the frame."""
        device = None if frame.dev_eui is None else self._devices.get(frame.dev_eui)
        return device.name if device else ""

    def _told(self, frame: Frame) -> dict[str, Any]:
        moment = self._dated(Moment(frame.at, frame.time_quality, self._boot, frame.monotonic_s))
        return {
            "number": frame.number,
            "at": moment.at,
            "monotonic_s": moment.monotonic_s,
            "direction": frame.direction,
            "fate": frame.fate,
            "device": None if frame.dev_eui is None else f"{frame.dev_eui:016x}",
            "frequency": frame.frequency,
            "sf": frame.sf,
            "bw": frame.bandwidth,
            "modulation": str(frame.modulation),
            "rssi": frame.rssi,
            "snr": frame.snr,
            "crc": frame.crc,
            "power": frame.power,
            "counter_us": frame.counter_us,
            "payload": frame.payload.hex(),
        }


def _of_outcome(outcome: Drop | Uplink | Joined) -> dict[str, Any]:
    """What the network server has made of an uplink; `id` is its reading's."""
    match outcome:
        case Drop():
            dev_addr = None if outcome.dev_addr is None else f"{outcome.dev_addr:08x}"
            return {"dev_addr": dev_addr, "says": outcome.says}
        case Joined():
            return {"dev_addr": f"{outcome.session.dev_addr:08x}"}
        case Uplink():
            return {
                "dev_addr": f"{outcome.session.dev_addr:08x}",
                "id": outcome.reading_id,
                "f_cnt": outcome.f_cnt,
                "f_port": outcome.f_port,
                "frm_payload": outcome.frm_payload.hex(),
                "mac_commands": _mac_commands(outcome),
                "repeated": outcome.retransmission,
            }


def _mac_commands(uplink: Uplink) -> list[str]:
    """With their fields, by the names of the specification."""
    said = uplink.frm_payload if uplink.f_port == 0 else uplink.f_opts
    return [repr(one) for one in parse_uplink(said, uplink.session.version).commands]


def _window(answer: Answer, packet: TxPacket | None) -> int | None:
    """RX1 or RX2, by the channel that it went."""
    went = packet and (packet.frequency, packet.sf, packet.bandwidth)
    places = {(one.frequency, one.sf, one.bandwidth): one.number for one in answer.windows[::-1]}
    return places.get(went) if went else None
