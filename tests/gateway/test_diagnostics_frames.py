"""The ring of raw frames: what is in it, its bounds, how it is fetched, and what tshark reads."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_device import join_request
from lorawan_network import ABP, AIR, APP_KEY, DEV_EUI, JOIN_EUI, network, otaa
from patience import HUNG
from socket_daemon import answering

from drivers.concentrator import Crc, RxPacket, TxPacket, TxStatus
from gateway.air.downlinks import lorawan_moment
from gateway.cli import main
from gateway.diagnostics import frames, pcap
from gateway.diagnostics.control import Control
from gateway.diagnostics.frames import Frames
from gateway.diagnostics.watch import Watch
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.outcome import Drop, DropReason
from gateway.records import Moment

MOMENT = Moment(1_790_000_000.125, "ntp", "boot", 12.5)
PAYLOAD = bytes.fromhex("40F17DBE4900020001954378762B11FF0D")
ANSWER = Answer(b"\x60" + bytes(11), (Window(1, 1_000_000, 868_300_000, 9, 125_000, 14),))
RX2 = Window(2, 2_000_000, 869_525_000, 12, 125_000, 27)
STRANGER = Drop(DropReason.UNKNOWN_DEVICE, 0x49BE7DF1)


def packet(payload: bytes = PAYLOAD, rssi: float = -80, snr: float | None = 8.5,
           crc: Crc = Crc.OK) -> RxPacket:  # fmt: skip
    return RxPacket(payload, 7, 1, 868_100_000, 125_000, 7, 1, rssi, snr, crc)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def ring(watch: Watch) -> Frames:
    devices = network([ABP, otaa()]).devices
    return Frames(lambda: MOMENT, lambda moment: moment, watch, devices)


@pytest.fixture
async def daemon(tmp_path: Path, ring: Frames, watch: Watch) -> AsyncIterator[str]:
    """As much of one as answers; its socket."""
    control = Control(tmp_path / "kogge.sock", dict, watch, {"frames": ring.answer})
    async with answering(control):
        yield str(tmp_path / "kogge.sock")


async def test_frames_up_and_down_have_their_fate(ring: Frames) -> None:
    ring.up(packet(), MOMENT, STRANGER)
    sent = TxPacket(ANSWER.phy_payload, 99, 1, 869_525_000, 12, power=27)
    ring.down(ANSWER, sent, TxStatus.OK)
    ring.down(ANSWER, None, TxStatus.TOO_LATE)
    ring.down(ANSWER, sent, None)
    up, ok, late, unknown = (await ring.answer({}))["frames"]
    assert (up["direction"], up["fate"], up["payload"]) == ("up", "unknown_device", PAYLOAD.hex())
    assert (ok["fate"], ok["frequency"], ok["sf"], ok["power"]) == ("OK", 869_525_000, 12, 27)
    assert (late["fate"], late["frequency"], late["counter_us"]) == ("TOO_LATE", 868_300_000, None)
    assert unknown["fate"] == "unknown"


async def test_ring_is_bounded_in_frames_and_bytes_and_numbers_rise(ring: Frames) -> None:
    for _ in range(frames.FRAMES + 10):
        ring.up(packet(b"x"), MOMENT, STRANGER)
    first = (await ring.answer({}))["frames"]
    assert (first[0]["number"], len(first)) == (11, frames.AT_ONCE)
    for _ in range(frames.FRAMES):
        ring.up(packet(bytes(255)), MOMENT, STRANGER)
    assert len(ring._ring) == frames.BYTES // 255


async def test_watcher_is_told_whose_a_frame_is_and_what_is_in_it(
    ring: Frames, watch: Watch
) -> None:
    server = network([ABP, otaa()])
    uplink = AIR.uplink(4, b"\x2a", 3, confirmed=True, f_opts=b"\x06\x80\x3f")
    with watch.onlooker() as onlooker:
        for frame in (uplink, uplink, join_request(APP_KEY, JOIN_EUI, DEV_EUI, 9), PAYLOAD):
            heard = packet(frame)
            outcome = server.receive(heard, lorawan_moment(MOMENT))
            ring.up(heard, MOMENT, outcome)
        told = [dict(await onlooker.next()) for _ in range(4)]
    first, again, join, stranger = told
    assert {one["event"] for one in told} == {"frame"}
    assert first["payload"] == uplink.hex()
    assert (first["name"], first["dev_addr"]) == ("gauge", f"{AIR.dev_addr:08x}")
    assert (first["f_cnt"], first["f_port"], first["frm_payload"]) == (4, 3, "2a")
    assert first["mac_commands"] == ["DevStatusAns(battery=128, margin=-1)"]
    assert (first["repeated"], again["fate"]) == (False, "duplicate")
    assert (again["name"], stranger["name"]) == ("gauge", "")
    assert (join["fate"], join["device"]) == ("join", f"{DEV_EUI:016x}")
    assert (stranger["fate"], stranger["dev_addr"]) == ("unknown_device", "49be7df1")


async def test_watcher_is_told_to_whom_and_in_which_window_a_downlink_went(
    ring: Frames, watch: Watch
) -> None:
    answer = replace(ANSWER, windows=(*ANSWER.windows, RX2), dev_eui=DEV_EUI)
    sent = TxPacket(ANSWER.phy_payload, 99, 1, 869_525_000, 12, power=27)
    with watch.onlooker() as onlooker:
        ring.down(answer, sent, TxStatus.OK)
        ring.down(answer, None, TxStatus.TOO_LATE)
        went, late = [dict(await onlooker.next()) for _ in range(2)]
    assert (went["direction"], went["fate"], went["window"], went["power"]) == ("down", "OK", 2, 27)
    assert went["device"] == late["device"] == f"{DEV_EUI:016x}"
    assert (late["fate"], late["window"]) == ("TOO_LATE", None)


async def test_asker_waits_for_the_next_frame(ring: Frames) -> None:
    asking = asyncio.create_task(ring.answer({"after": 0, "wait": 4}))
    await asyncio.sleep(0)
    ring.up(packet(), MOMENT, STRANGER)
    assert [one["number"] for one in (await asking)["frames"]] == [1]
    assert "not understood" in (await ring.answer({"wait": 1000}))["error"]


async def test_verb_shows_lines_and_objects(
    ring: Frames, daemon: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ring.up(packet(), MOMENT, STRANGER)
    ring.down(ANSWER, None, TxStatus.DUTY_CYCLE_OVERFLOW)
    assert await asyncio.to_thread(main, ["frames", "--socket", daemon]) == 0
    up, down = capsys.readouterr().out.splitlines()
    assert up == (
        "21\u00a0Sep\u00a02026\u00a014:13:20.125  up    868.1 MHz SF7  -80 dBm"
        " +8.5 dB  unknown device (unknown_device)  " + PAYLOAD.hex()
    )
    assert "airtime used up (DUTY_CYCLE_OVERFLOW)" in down
    assert await asyncio.to_thread(main, ["frames", "--json", "--socket", daemon]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["number"] for one in told] == [1, 2]
    assert await asyncio.to_thread(main, ["frames", "--json", "--pcap", "x"]) == 64


def told(rssi: float | None, snr: float | None, crc: str = "ok") -> dict[str, Any]:
    return {
        "at": 1_790_000_000.125, "monotonic_s": 1.0, "frequency": 868_100_000, "bw": 125_000,
        "sf": 7, "rssi": rssi, "snr": snr, "crc": crc, "payload": PAYLOAD.hex(),
    }  # fmt: skip


@given(st.floats(-139, -76), st.floats(-32, 31))
def test_rssi_and_snr_come_back_by_the_rule_of_loratap(rssi: float, snr: float) -> None:
    coded = pcap.loratap(told(rssi, snr))
    value, back = coded[10], int.from_bytes(coded[13:14], signed=True) / 4
    assert back == pytest.approx(snr, abs=0.126)
    assert -139 + (value if back >= 0 else value / 4) == pytest.approx(rssi, abs=0.51)


@given(st.floats(-1000, 1000) | st.none(), st.floats(-1000, 1000) | st.none())
def test_no_value_is_too_large_for_its_field(rssi: float | None, snr: float | None) -> None:
    assert len(pcap.loratap(told(rssi, snr))) == 15


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed here")
def test_tshark_reads_the_pcap(tmp_path: Path) -> None:
    file = tmp_path / "air.pcap"
    heard = [told(-80, 8.5), told(-120, -10.25), told(-90, 3, "bad"), told(None, None)]
    file.write_bytes(pcap.header() + b"".join(pcap.records(heard)))
    fields = ("loratap.version", "loratap.channel.frequency", "loratap.channel.sf",
              "loratap.rssi.packet", "loratap.rssi.snr", "lorawan.fhdr.devaddr",
              "lorawan.fhdr.fcnt", "frame.time_epoch")  # fmt: skip
    done = subprocess.run(
        ["tshark", "-r", str(file), "-T", "fields", *(w for f in fields for w in ("-e", f))],
        capture_output=True, text=True, timeout=HUNG, check=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    address = ["0x49be7df1", "2", "1790000000.125000000"]
    assert rows == [
        ["0", "868100000", "7", "59", "34", *address],
        ["0", "868100000", "7", "76", "215", *address],  # -139 + 76/4, -10.25 dB
        ["0", "868100000", "7", "255", "0", *address],
    ]


async def test_verb_writes_a_pcap(ring: Frames, daemon: str, tmp_path: Path) -> None:
    ring.up(packet(), MOMENT, STRANGER)
    ring.up(packet(crc=Crc.BAD), MOMENT, Drop(DropReason.BAD_CRC))
    file = tmp_path / "air.pcap"
    words = ["frames", "--pcap", str(file), "--socket", daemon]
    assert await asyncio.to_thread(main, words) == 0
    size = (await asyncio.to_thread(file.stat)).st_size
    assert size == 24 + 16 + 15 + len(PAYLOAD)
