"""A device's life on an air of the test's own: joining, ACKs, repeating, collisions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import lorawan_oracle as oracle
import pytest
from patience import HUNG, until

from gateway.demo import life
from gateway.demo.air import antenna
from gateway.demo.device import Keys
from gateway.demo.life import Diary, Life
from gateway.demo.street import Resident, residents

Answer = Callable[[bytes, int], bytes | None]
SECOND = 1_000_000


@dataclass
class Air:
    """The air with one client: `answers` gives the downlink to a PHYPayload, if any. A device
    listens for `patience` seconds where one is given, and else not at all.
    """

    answers: Answer
    deaf_to: set[int] = field(default_factory=set)
    patience: float = HUNG
    heard: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            said = json.loads(line)
            received = len(self.heard) not in self.deaf_to
            self.heard.append(said)
            phy_payload = bytes.fromhex(said["payload"])
            down = self.answers(phy_payload, len(self.heard)) if received else None
            life.LISTEN_S = life.JOIN_LISTEN_S = self.patience if down else 0.0
            end = len(self.heard) * 10 * SECOND
            done = {"op": "uplink_done", "counter_us": end, "received": received, "reason": None}
            writer.write(json.dumps(done).encode() + b"\n")
            if down is not None:
                begins = end + (5 if phy_payload[0] == 0 else 1) * SECOND
                writer.write(self._downlink(down, begins, said))
        writer.close()
        await writer.wait_closed()
        self.left.set()

    def _downlink(self, down: bytes, begins: int, said: dict[str, Any]) -> bytes:
        fields = {"op": "downlink", "counter_us": begins, "end_us": begins + 50_000}
        rest = {"payload": down.hex(), "frequency": said["frequency"], "sf": said["sf"]}
        return json.dumps(fields | rest | {"bw": 125000, "inverted": True}).encode() + b"\n"


@asynccontextmanager
async def living(air: Air, resident: Resident) -> AsyncIterator[tuple[Diary, asyncio.Event]]:
    """The resident lives at an impatient pace until the block is left."""
    server = await asyncio.start_server(air.serve, "127.0.0.1", 0)
    diary, over = Diary(), asyncio.Event()
    async with server, AsyncExitStack() as stack:
        stack.push_async_callback(air.left.wait)
        own = await stack.enter_async_context(antenna(*server.sockets[0].getsockname()))
        listening = asyncio.create_task(own.listen())
        lives = Life(resident, own, diary, Random(1), lambda _: None, lambda _: None)
        task = asyncio.create_task(lives.live(0.0, over))
        yield diary, over
        over.set()
        await task
        listening.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN_S", "JOIN_LISTEN_S"):
        monkeypatch.setattr(life, name, 0.0)  # and back in the end, whatever the air makes of it
    sleep = life._sleep
    monkeypatch.setattr(life, "_sleep", lambda seconds, over: sleep(seconds / 100, over))


def resident(name: str) -> Resident:
    return next(one for one in residents(Random(2)) if one.name == name)


def with_abp(one: Resident) -> Resident:
    keys = Keys(one.keys.dev_eui, dev_addr=0x01020304, nwk_s_key=bytes(16), app_s_key=bytes(16))
    return replace(one, keys=keys)


def ack(f_cnt: int) -> bytes:
    return oracle.data_frame(
        m_type=3, dev_addr=0x01020304, f_ctrl=0x20, f_cnt=f_cnt, f_opts=b"", f_port=None,
        frm_payload=b"", nwk_s_key=bytes(16), app_s_key=bytes(16),
    )  # fmt: skip


async def test_confirmed_uplinks_are_acknowledged() -> None:
    downs = iter(range(1000))
    air = Air(lambda up, n: ack(next(downs)))
    async with living(air, with_abp(resident("bin-11"))) as (diary, _):
        await until(lambda: diary.acked >= 3)
    assert diary.repeated == 0
    assert [frame.key.f_cnt for frame in diary.frames.values()] == list(range(diary.asked))


async def test_unacknowledged_uplink_is_sent_again_as_it_was() -> None:
    downs = iter(range(1000))
    air = Air(lambda up, n: None if n <= 2 else ack(next(downs)))
    async with living(air, with_abp(resident("bin-11"))) as (diary, _):
        await until(lambda: diary.acked >= 2)
    payloads = [said["payload"] for said in air.heard]
    assert payloads[0] == payloads[1] == payloads[2] != payloads[3]
    assert diary.repeated == 2


async def test_an_ack_with_a_wrong_mic_counts_for_nothing() -> None:
    air = Air(lambda up, n: ack(n)[:-1] + b"\0", patience=0.05)
    async with living(air, with_abp(resident("bin-11"))) as (diary, _):
        await until(lambda: diary.repeated >= 3)
    assert diary.acked == 0


async def test_collided_frame_is_written_down_as_not_heard() -> None:
    air = Air(lambda up, n: None, deaf_to={1})
    async with living(air, resident("parking-02")) as (diary, _):
        await until(lambda: len(diary.frames) >= 4)
    heard = [frame.heard for frame in diary.frames.values()]
    assert heard[:3] == [True, False, True]


async def test_device_joins_with_a_new_nonce_each_time_until_it_is_answered() -> None:
    one = resident("gauge-03")

    def answer(up: bytes, n: int) -> bytes | None:
        if up[0] != 0 or n < 3:
            return None
        body = bytes.fromhex("a3020113000034120b260001")
        clear = body + oracle.cmac(one.keys.app_key, b"\x20" + body)[:4]
        return b"\x20" + oracle.aes_inverse(one.keys.app_key, clear)

    air = Air(answer)
    async with living(air, one) as (diary, _):
        await until(lambda: len(diary.frames) >= 2)
    requests = [said["payload"] for said in air.heard[:3]]
    keys = one.keys
    assert requests == [
        oracle.join_request(keys.app_key, keys.join_eui, keys.dev_eui, nonce).hex()
        for nonce in (1, 2, 3)
    ]
    assert diary.joined == {one.dev_eui}
    assert {key.session for key in diary.frames} == {"0102a30003"}
