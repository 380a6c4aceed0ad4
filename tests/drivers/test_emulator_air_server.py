"""Devices on the air over TCP: JSON lines as docs/interfaces.md fixes them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from emulator_host import Host, golden
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulator import Board, Running, serve
from drivers.emulator.air_messages import uplink_request
from drivers.emulator.json_lines import MessageError, parse

UPLINK = {
    "op": "uplink",
    "payload": "40deadbeef000100",
    "frequency": 868_100_000,
    "modulation": "LORA",
    "sf": 7,
    "bw": 125_000,
    "cr": 1,
    "rssi": -80,
    "snr": 8.5,
    "crc": "ok",
}
FAR = {key: value for key, value in UPLINK.items() if key not in ("rssi", "snr")}
MORE_KEYS = ("at_us", "datarate", "public", "distance_m", "tx_power_dbm")


class Device:
    """One client of the air."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, message: Any) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def hear(self) -> Any:
        return json.loads(await self.reader.readline())

    async def ask(self, message: Any) -> Any:
        self.say(message)
        return await self.hear()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serve(air=("127.0.0.1", 0)) as running:
        Host(running.board).start_eu868()
        yield running


async def connect(running: Running) -> Device:
    assert running.air_address is not None
    return Device(*await asyncio.open_connection(*running.air_address))


@pytest.fixture
async def device(running: Running) -> AsyncIterator[Device]:
    device = await connect(running)
    yield device
    device.writer.close()


async def test_uplink_is_done_after_its_time_on_air(device: Device, running: Running) -> None:
    before = (await device.ask({"op": "time"}))["counter_us"]
    done = await device.ask(UPLINK)
    after = (await device.ask({"op": "time"}))["counter_us"]
    assert done.keys() == {"op", "counter_us", "received", "reason"}
    assert (done["op"], done["received"], done["reason"]) == ("uplink_done", True, None)
    assert before + 36_096 <= done["counter_us"] <= after
    data = Host(running.board).fetch()
    assert data[9 : 9 + data[2]].hex() == UPLINK["payload"]


async def test_uplink_at_a_counter_value_ends_exactly_there(device: Device) -> None:
    now = (await device.ask({"op": "time"}))["counter_us"]
    done = await device.ask(UPLINK | {"at_us": now + 250_000})
    assert (done["received"], done["counter_us"]) == (True, now + 250_000 + 36_096)


async def test_uplink_whose_time_has_passed_is_not_sent(device: Device, running: Running) -> None:
    now = (await device.ask({"op": "time"}))["counter_us"]
    done = await device.ask(UPLINK | {"at_us": (now - 60_000) % 2**32})
    assert (done["received"], done["reason"]) == (False, '"at_us" has passed')


async def test_far_device_is_heard_with_what_arrives_or_is_too_weak(device: Device) -> None:
    near = await device.ask(FAR | {"distance_m": 100, "tx_power_dbm": 14})
    assert near["received"] is True
    far = await device.ask(FAR | {"distance_m": 100_000})
    assert far["received"] is False
    assert far["reason"].startswith("too weak: SNR ")


async def test_unheard_uplink_says_why(device: Device) -> None:
    done = await device.ask(UPLINK | {"frequency": 869_525_000})
    assert done["received"] is False
    assert "no channel at 869525000 Hz" in done["reason"]


async def test_answers_carry_the_id_of_their_question(device: Device) -> None:
    device.say(UPLINK | {"id": "slow", "sf": 9})
    device.say(UPLINK | {"id": "fast"})
    assert [(await device.hear())["id"] for _ in range(2)] == ["fast", "slow"]


async def test_downlink_reaches_every_client_when_it_begins(
    device: Device, running: Running
) -> None:
    other = await connect(running)
    await other.ask({"op": "time"})
    recorded = golden("tx-eu868.json")["tx"][0]
    host = Host(running.board)
    for address, value in recorded["registers"].items():
        host.write(int(address, 16), value)
    host.write(0x5207, 1)
    host.write(0x5300, *base64.b64decode(recorded["txpk"]["data"]))
    host.write(0x5207, 0)
    begin_us = running.board.counter_us() + 250_000
    ticks = (begin_us * 32 - 47413) % 2**32
    host.write(0x5201, *ticks.to_bytes(4, "big"))
    host.modify(0x5200, 2, 2)
    heard = await device.hear()
    assert 0 <= running.board.counter_us() - begin_us < 1_000_000  # a slow machine may lag
    assert heard == await other.hear()
    other.writer.close()
    assert heard == {
        "op": "downlink",
        "counter_us": begin_us,
        "end_us": begin_us + 41_216,
        "payload": base64.b64decode(recorded["txpk"]["data"]).hex(),
        "frequency": 868_100_000,
        "sf": 7,
        "bw": 125_000,
        "cr": 1,
        "inverted": True,
        "power_dbm": 14,
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not a line of JSON"),
        (b"\xff\xfe", "not a line of JSON"),
        (b"[" * 50_000, "not a line of JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", '"op" must be'),
        (b'{"op":["uplink"]}', '"op" must be'),
        (b'{"op":"uplink"}', '"payload" must be'),
        (b'{"op":"uplink","payload":"0g"}', '"payload" must be'),
        (b'{"op":"uplink","payload":"00"}', '"frequency" must be'),
        (json.dumps(UPLINK | {"sf": 13}).encode(), '"sf" must be a whole number from 5 to 12'),
        (json.dumps(UPLINK | {"sf": True}).encode(), '"sf" must be'),
        (json.dumps(UPLINK | {"bw": 62_500}).encode(), '"bw" must be one of 125000'),
        (json.dumps(UPLINK | {"crc": []}).encode(), '"crc" must be one of ok, bad, none'),
        (json.dumps(UPLINK | {"snr": float("nan")}).encode(), "NaN is not JSON"),
        (json.dumps(UPLINK | {"payload": "00" * 256}).encode(), '"payload" must be up to 255'),
        (json.dumps(UPLINK | {"at_us": -1}).encode(), '"at_us" must be'),
        (json.dumps(UPLINK | {"public": 1}).encode(), '"public" must be true or false'),
        (json.dumps(UPLINK | {"distance_m": 10}).encode(), 'stand instead of "rssi"'),
        (json.dumps(FAR | {"tx_power_dbm": 14}).encode(), '"distance_m" must be a number'),
        (json.dumps(FAR | {"distance_m": 0}).encode(), "from 1 to 1000000"),
        (json.dumps(FAR | {"distance_m": 9, "tx_power_dbm": "14"}).encode(), "from -20 to 40"),
        (json.dumps(FAR | {"distance_m": 9, "bw": "x"}).encode(), '"bw" must be one of'),
        (json.dumps(FAR | {"distance_m": 9, "modulation": "FSK"}).encode(), "is for LoRa"),
    ],
)
async def test_nonsense_is_answered_with_its_reason(
    line: bytes, reason: str, device: Device
) -> None:
    device.writer.write(line + b"\n")
    answer = await device.hear()
    assert answer["op"] == "error"
    assert reason in answer["reason"]
    assert (await device.ask({"op": "time"}))["op"] == "time"


async def test_line_without_end_is_cut_off(device: Device) -> None:
    device.writer.write(b"x" * 100_000)
    assert "at most" in (await device.hear())["reason"]
    assert await device.reader.read() == b""


async def test_client_that_goes_away_is_not_waited_for(device: Device, running: Running) -> None:
    other = await connect(running)
    other.say(UPLINK | {"frequency": 868_300_000})
    await other.writer.drain()
    other.writer.transport.abort()
    assert (await device.ask(UPLINK | {"sf": 8}))["received"] is True


@given(st.binary(max_size=80))
def test_any_line_is_understood_or_refused(line: bytes) -> None:
    try:
        uplink_request(parse(line), 0)
    except MessageError:
        return


json_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
json_values = json_scalars | st.lists(json_scalars, max_size=2) | st.just({"a": 1})


@given(
    st.sampled_from([UPLINK, FAR]),
    st.dictionaries(st.sampled_from([*UPLINK, *MORE_KEYS]), json_values, max_size=3),
)
def test_any_uplink_is_sent_or_refused(base: dict[str, Any], fields: dict[str, Any]) -> None:
    try:
        request = uplink_request(base | fields, 0)
    except MessageError:
        return
    Board().send(request.uplink)
