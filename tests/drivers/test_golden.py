"""Figures recorded from Semtech's sx1302_hal 2.1.0: start-up, reception, transmission.

The rules of comparison are those of docs/interfaces.md, "Golden files".
"""

import asyncio
import base64
import json
import re
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from sx1302_standin import MemoryLink, StandIn

from drivers.concentrator import Crc, Modulation, RxPacket, TxPacket, TxStatus
from drivers.sx1302 import semtech
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware
from drivers.sx1302.settings import Settings

Json = dict[str, Any]

HERE = Path(__file__).parent.parent / "golden"
DEFAULT_CONFIG = "start-eu868.json"
IMAGE = Firmware(bytes(8192), bytes(8192), verified=False)
STAT = {Crc.OK: 1, Crc.BAD: -1, Crc.NONE: 0}
OTP_ADDRESS, TX_STATUS = 0x6180, 0x5211
# the packet forwarder's words for what the driver has no use for
NOT_OURS = {"rssis", "ftime", "time", "tmms", "jver"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    directories = [HERE, *map(Path, metafunc.config.getoption("golden"))]
    files = [(top, file) for top in directories for file in sorted(top.rglob("*.json"))]
    kind = metafunc.function.__name__.removeprefix("test_golden_").partition("_")[0]
    key = {"start": "registers", "receive": "rx", "transmit": "tx"}[kind]
    chosen = [(top, file) for top, file in files if key in json.loads(file.read_text())]
    goldens = [json.loads(file.read_text()) for _, file in chosen]
    cases = [
        (config(top, golden), golden) for (top, _), golden in zip(chosen, goldens, strict=True)
    ]
    metafunc.parametrize(("conf", "golden"), cases, ids=[file.stem for _, file in chosen])


def config(top: Path, golden: Json) -> Json:
    for file in (top / DEFAULT_CONFIG, HERE / DEFAULT_CONFIG):
        if "config" in golden:
            break
        if file.exists():
            golden = json.loads(file.read_text())
    conf: Json = golden["config"]
    return conf.get("SX130x_conf", conf)  # type: ignore[no-any-return]


async def no_time(_: float) -> None:
    await asyncio.sleep(0)


async def started(conf: Json, ticks: int = 0) -> tuple[Sx1302, StandIn]:
    """Where no time passes: the board's count stands at `ticks`, and so does the driver's clock."""
    fine = conf.get("fine_timestamp", {}).get("enable", False)
    board = StandIn(otp={0xD0: 3 if fine else 2}, ticks=ticks)

    async def open_link() -> MemoryLink:
        return MemoryLink(board)

    driver = Sx1302(semtech.settings(conf), open_link, lambda: IMAGE, no_time, lambda: 0.0)
    await driver.start()
    return driver, board


async def test_golden_start_writes_what_the_reference_writes(conf: Json, golden: Json) -> None:
    _, board = await started(conf)
    assert [list(each) for each in board.gpio] == golden["gpio"]
    assert board.radio == golden["radio"]
    assert [[f"0x{a:04x}", v] for a, v in board.mailbox] == golden["mailbox"]
    expected = {int(a, 16): value for a, value in golden["registers"].items()}
    del expected[OTP_ADDRESS], board.written[OTP_ADDRESS]
    assert {a: board.memory[a] for a in expected} == expected
    assert set(board.written) == set(expected)


async def test_golden_receive_reports_what_the_reference_reports(conf: Json, golden: Json) -> None:
    settings = semtech.settings(conf)
    for each in golden["rx"]:
        driver, board = await started(conf, each["ticks"] + 32 * 5000)
        board.fifo += bytes.fromhex(each["fifo"])
        (packet,) = await driver.receive()
        expected = {k: v for k, v in each["expected"].items() if k not in NOT_OURS}
        assert as_forwarder(packet, settings, expected) == expected
        assert driver.status().drops == {}


def as_forwarder(packet: RxPacket, settings: Settings, wanted: Json) -> Json:
    channel = settings.chain(packet.chain)
    assert channel is not None
    lora = packet.modulation is Modulation.LORA
    said = {
        "tmst": packet.counter_us,
        "chan": packet.chain,
        "rfch": channel.radio,
        "freq": round(packet.frequency / 1e6, 6),
        "mid": packet.modem,
        "stat": STAT[packet.crc],
        "modu": str(packet.modulation),
        "datr": f"SF{packet.sf}BW{packet.bandwidth // 1000}" if lora else packet.bit_rate,
        "codr": f"4/{packet.coding_rate + 4}",
        "rssi": round(packet.rssi),
        "lsnr": packet.snr and round(packet.snr, 1),
        "foff": packet.frequency_offset,
        "size": len(packet.payload),
        "data": base64.b64encode(packet.payload).decode(),
    }
    return {key: said[key] for key in wanted}


async def test_golden_transmit_writes_what_the_reference_writes(conf: Json, golden: Json) -> None:
    for each in golden["tx"]:
        now_us = (each.get("tmst", 0) - 30_000) % 2**27  # the chip's count has no more bits
        driver, board = await started(conf, now_us * 32)
        packet = as_packet(each, now_us + 30_000, driver.status().chip_session)
        # where no power is low enough the reference sends with the weakest; we would refuse
        packet = replace(packet, power=max(packet.power, weakest(conf)))
        board.written.clear()
        assert await driver.send(packet) is TxStatus.OK
        base = 0x200 * each["chain"]
        wrote = {a for a in board.written if 0x5205 <= a - base <= 0x526E} - {TX_STATUS + base}
        expected = {int(a, 16): value for a, value in each["registers"].items()}
        expected.pop(TX_STATUS + base, None)
        fsk = packet.modulation is Modulation.FSK
        if fsk:  # what the file holds of a LoRa packet before is not this set-up's
            expected = {a: value for a, value in expected.items() if a in wrote}
        seen = {a: board.memory[a] for a in wrote | set(expected)}
        assert seen == dict.fromkeys(seen, 0) | expected
        if each.get("trigger", "delayed") == "delayed":
            ticks = int.from_bytes(board.memory[0x5201 + base : 0x5205 + base], "big")
            assert ticks == each["timer_ticks"]
            assert board.memory[0x5200 + base] == 2
        begin = 0x5300 + base + fsk
        assert board.memory[begin : begin + len(packet.payload)] == packet.payload


def weakest(conf: Json) -> int:
    """The least that the board can radiate, in dBm."""
    board = semtech.settings(conf)
    powers = [row.rf_power for _, radio in board.radio_chains for row in radio.gains]
    return ceil(min(powers) + board.antenna_gain)


def as_packet(each: Json, counter_us: int, chip_session: int) -> TxPacket:
    txpk = each["txpk"]
    lora = txpk["modu"] == "LORA"
    sf, bandwidth = map(int, re.findall(r"\d+", txpk["datr"])) if lora else (0, 125)
    return TxPacket(
        payload=base64.b64decode(txpk["data"]),
        counter_us=counter_us if each.get("trigger", "delayed") == "delayed" else None,
        chip_session=chip_session,
        frequency=round(txpk["freq"] * 1e6),
        sf=sf,
        bandwidth=bandwidth * 1000,
        coding_rate=int(txpk.get("codr", "4/5")[2:]) - 4,
        power=txpk.get("powe", 14),
        inverted=txpk.get("ipol", False),
        crc=not txpk.get("ncrc", False),
        preamble=txpk.get("prea", 0),
        modulation=Modulation(txpk["modu"]),
    )
