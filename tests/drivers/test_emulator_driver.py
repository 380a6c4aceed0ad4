"""The driver of this project on the emulated board, over a pty and over the air.

Neither is the judge of the other: both are held against the chip's description and the recorded
figures by their own tests. Here they meet.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from emulator_host import golden

from drivers.concentrator import Crc, RxPacket, TxPacket, TxStatus
from drivers.emulator import Running, serve
from drivers.link import open_link
from drivers.sx1302 import semtech
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware

EUI = 0x70B3D57ED0001234
IMAGES = Firmware(bytes(8192), bytes(range(256)) * 32, verified=False)


class Air:
    """A device that hears and is heard."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, **message: Any) -> Any:
        self.writer.write(json.dumps(message).encode() + b"\n")
        return await self.hear()

    async def hear(self) -> Any:
        return json.loads(await self.reader.readline())


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serve(air=("127.0.0.1", 0), eui=EUI, chip="sx1303") as running:
        yield running


@pytest.fixture
async def air(running: Running) -> AsyncIterator[Air]:
    assert running.air_address is not None
    air = Air(*await asyncio.open_connection(*running.air_address))
    yield air
    air.writer.close()


@pytest.fixture
async def driver(running: Running) -> AsyncIterator[Sx1302]:
    async def briefly(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.002))

    config = golden("start-eu868.json")["config"]
    driver = Sx1302(
        semtech.settings(config), lambda: open_link(running.port), lambda: IMAGES, briefly
    )
    await driver.start()
    yield driver
    await driver.stop()


async def test_driver_starts_and_knows_the_board(driver: Sx1302) -> None:
    status = driver.status()
    assert (status.eui, status.model, status.temperature) == (EUI, "SX1303", 24.37)


@pytest.mark.parametrize(
    "sent",
    [
        {"frequency": 868_100_000, "sf": 7},
        {"frequency": 867_900_000, "sf": 5, "cr": 4},
        {"frequency": 867_500_000, "sf": 10, "crc": "bad"},
        {"frequency": 868_500_000, "sf": 9, "crc": "none"},
        {"frequency": 868_300_000, "sf": 7, "bw": 250_000},
        {"frequency": 868_800_000, "modulation": "FSK"},
    ],
)
async def test_uplink_arrives_as_it_was_sent(sent: Any, driver: Sx1302, air: Air) -> None:
    done = await air.ask(op="uplink", payload="00a5c0ff", rssi=-97, snr=-3.5, **sent)
    assert done["received"] is True
    [packet] = await driver.receive()
    check_packet(packet, sent)
    assert packet.counter_us == done["counter_us"]


def check_packet(packet: RxPacket, sent: Any) -> None:
    assert packet.payload.hex() == "00a5c0ff"
    assert packet.frequency == sent["frequency"]
    assert packet.bandwidth == sent.get("bw", 125_000)
    assert packet.crc is Crc(sent.get("crc", "ok"))
    assert abs(packet.rssi - -97) <= 0.5
    if "sf" in sent:
        assert (packet.sf, packet.coding_rate) == (sent["sf"], sent.get("cr", 1))
        assert packet.snr == -3.5


@pytest.mark.parametrize(
    ("frequency", "sf", "bandwidth", "power"),
    [
        (868_100_000, 7, 125_000, 14),
        (869_525_000, 9, 125_000, 27),
        (868_300_000, 8, 500_000, 20),
    ],
)
async def test_downlink_leaves_at_its_time(
    frequency: int, sf: int, bandwidth: int, power: int, driver: Sx1302, air: Air
) -> None:
    now, session = await driver.counter()
    when = now + 250_000
    packet = TxPacket(b"\x60hello", when, session, frequency, sf, bandwidth=bandwidth, power=power)
    await air.ask(op="time")
    assert await driver.send(packet) is TxStatus.OK
    heard = await air.hear()
    assert heard.pop("end_us") > when
    assert heard == {
        "op": "downlink",
        "counter_us": when,
        "payload": packet.payload.hex(),
        "frequency": frequency,
        "sf": sf,
        "bw": bandwidth,
        "cr": 1,
        "inverted": True,
        "power_dbm": power,
    }
