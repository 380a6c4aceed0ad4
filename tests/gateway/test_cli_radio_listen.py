"""kogge radio listen: what was on the air is what is shown."""

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_board import bench, board, driver, write_files
from concentrator_standin import FakeConcentrator
from kogge import HOUSE

from drivers.concentrator import Crc, LinkLost, Modulation, RxPacket
from gateway.cli import radio_listen
from gateway.clock import Clock

DATA = "40da1b01260000000371bb2a57691cf88cb0b13e4fd3468947e8415eeef1"
JOIN = "00" + "0000d07ed5b37000" + "0200d07ed5b37000" + "0700" + "01020304"
PACKET = RxPacket(bytes.fromhex(DATA), 1_500_000, 1, 868_100_000, 125_000, 7, 1, -80.0, 8.5, Crc.OK)
CLOCK = Clock(lambda: "ntp", "boot", wall=lambda: 1_700_000_000.5)


async def test_packet_on_the_air_is_shown_with_all_that_is_known_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with board() as (running, sky):
        one = await asyncio.to_thread(driver, running, tmp_path)
        listening = asyncio.create_task(radio_listen.listen(one, CLOCK, None, 3, as_json=True))
        while "listening" not in capsys.readouterr().err and not listening.done():
            await asyncio.sleep(0.01)
        await sky.send(DATA, frequency=868_300_000, sf=9, rssi=-97, snr=-3.5)
        await sky.send(JOIN, crc="bad")
        await sky.send("e0", frequency=868_800_000, modulation="FSK", sf=0)
        assert await listening == 0
    data, bad, fsk, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert abs(data.pop("rssi") + 97) <= 0.5
    assert {**data, "counter_us": 0} == {
        "event": "packet", "received_at": "2023-11-14T22:13:20.500Z", "counter_us": 0,
        "frequency": 868_300_000,
        "modulation": "LORA", "sf": 9, "bw": 125_000, "snr": -3.5, "crc": "ok", "size": 30,
        "payload": DATA, "m_type": "UnconfirmedDataUp", "dev_addr": "26011bda", "f_cnt": 0,
        "f_port": 3,
    }  # fmt: skip
    assert (bad["crc"], bad["payload"]) == ("bad", JOIN)
    assert "m_type" not in bad  # damaged bytes say nothing
    assert (fsk["modulation"], fsk["bit_rate"], fsk["snr"]) == ("FSK", 50_000, None)
    assert fsk["m_type"] == "Proprietary"
    assert summary == {"event": "summary", "packets": 3, "bad_crc": 1, "no_crc": 0, "drops": {}}


async def test_ctrl_c_ends_it_with_a_summary_and_0(tmp_path: Path) -> None:
    config = await asyncio.to_thread(write_files, tmp_path)
    async with board(tmp_path / "tty") as (_, sky):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "radio", "listen", "--config", str(config),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
        )  # fmt: skip
        assert process.stderr is not None
        assert process.stdout is not None
        said = await process.stderr.readline()
        assert b"868.1  868.3  868.5  868.8 MHz" in said
        await sky.send(DATA)
        shown = await process.stdout.readline()
        for word in (b"868.100 MHz", b"SF7/125", b"-80 dBm", b"26011bda", DATA.encode()):
            assert word in shown
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"1 packet, 0 with a bad CRC")


async def test_time_that_is_up_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = FakeConcentrator(heard=[[PACKET, PACKET]])
    on_bench = await asyncio.to_thread(bench, one, tmp_path)
    assert await radio_listen.listen(on_bench, CLOCK, 0.3, 0, as_json=False) == 0
    assert "2 packets, 0 with a bad CRC" in capsys.readouterr().out
    assert one.done[-1] == "stop"


async def test_board_that_is_unplugged_meanwhile_is_a_fault(tmp_path: Path) -> None:
    one = FakeConcentrator(heard=[[PACKET], LinkLost("the port ended")])
    on_bench = await asyncio.to_thread(bench, one, tmp_path)
    with pytest.raises(LinkLost, match="the port ended"):
        await radio_listen.listen(on_bench, CLOCK, None, 0, as_json=False)
    assert one.done[-1] == "stop"


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (DATA, {"m_type": "UnconfirmedDataUp", "dev_addr": "26011bda", "f_cnt": 0, "f_port": 3}),
        (JOIN, {"m_type": "JoinRequest", "dev_eui": "0070b3d57ed00002"}),
        ("20" + 16 * "00", {"m_type": "JoinAccept"}),
        ("c0" + 18 * "00", {"m_type": "RejoinRequest"}),
        ("e0", {"m_type": "Proprietary"}),
        ("40da", {"m_type": None}),
        ("00", {"m_type": None}),
        ("", {"m_type": None}),
    ],
)
def test_frame_says_what_it_is_and_whose(payload: str, named: dict[str, Any]) -> None:
    assert radio_listen.frame(bytes.fromhex(payload)) == named


def test_line_is_in_words() -> None:
    report = radio_listen.packet_report(PACKET, at=1_700_000_000.5)
    assert radio_listen.line(report) == (
        "22:13:20.500  868.100 MHz SF7/125  -80 dBm    8.5 dB  CRC ok  30 bytes"
        f"  UnconfirmedDataUp 26011bda FCnt 0  {DATA}"
    )
    damaged = replace(PACKET, crc=Crc.BAD, modulation=Modulation.FSK, bit_rate=50_000, snr=None)
    line = radio_listen.line(radio_listen.packet_report(damaged, at=None))
    assert line.startswith("1.500000 s  868.100 MHz FSK 50 kbit/s  -80 dBm  CRC BAD  30 bytes")
    assert "  damaged  " in line
    assert "26011bda" not in line
    stranger = radio_listen.packet_report(replace(PACKET, payload=b"\x40"), at=None)
    assert "no LoRaWAN frame" in radio_listen.line(stranger)
