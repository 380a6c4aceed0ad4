"""The driver of this project on the emulated board, over a pty and over the air.

Neither is the judge of the other: both are held against the chip's description and the recorded
figures by their own tests. Here they meet.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from emulator_host import golden

from drivers.concentrator import Crc, RxPacket, TxPacket, TxStatus
from drivers.emulator import Running, serve
from drivers.link import open_link
from drivers.sx1302 import semtech
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware
from drivers.sx1302.settings import FineTimestamps

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


def preset_bytes() -> dict[int, int]:
    """§3.14: what reads otherwise than recorded, because the table's defaults are not all 0."""
    text = (
        "5780:10 5860:08 5875:0F 5878:5B 5887:34 5892:DE 5899:C2 58A3:0D 58AB:2F 58B7:B8 5B03:08"
        " 5B18:0F 5B19:6A 5B1B:5B 5B22:88 5B2A:34 5B32:D6 5B33:1C 5B39:0D 6080:20"
    )
    single = dict(pair.split(":") for pair in text.split())
    per_sf = {0x582A + 7 * k: 0x3B for k in range(8)} | {0x582B + 7 * k: 0x16 for k in range(8)}
    return {int(address, 16): int(value, 16) for address, value in single.items()} | per_sf


async def test_registers_after_the_start_differ_from_the_recorded_ones_only_by_defaults(
    driver: Sx1302, running: Running
) -> None:
    recorded = {int(a, 16): v for a, v in golden("start-eu868.json")["registers"].items()}
    del recorded[0x6180]  # the OTP address that was read last
    cells = running.board.chip.registers.cells
    different = {a: cells[a] for a, value in recorded.items() if cells[a] != value}
    assert different == preset_bytes()


async def test_packet_demodulated_twice_with_metrics_arrives_once(
    running: Running, air: Air
) -> None:
    async def briefly(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.002))

    plain = semtech.settings(golden("start-eu868.json")["config"])
    fine = replace(plain, fine_timestamps=FineTimestamps.ALL_SF)
    driver = Sx1302(fine, lambda: open_link(running.port), lambda: IMAGES, briefly)
    await driver.start()
    done = await air.ask(op="uplink", payload="00a5c0ff", frequency=868_100_000, sf=9, snr=-3.5)
    [packet] = await driver.receive()
    await driver.stop()
    assert (packet.payload.hex(), packet.counter_us) == ("00a5c0ff", done["counter_us"])
    assert driver.status().drops == {}
