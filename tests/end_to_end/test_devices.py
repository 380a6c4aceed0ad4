"""Devices come and go in a running gateway, and it says why one does not."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from broker import mosquitto
from kogge import HOUSE
from lamp_post import GAUGE, JOIN_EUI, TEMPERATURE, board, city, daemon, write_files
from lorawan_device import hears_join_accept, join_request
from patience import HUNG

pytestmark = pytest.mark.realtime

NEW_EUI, NEW_KEY = 0x70B3D57ED0000009, b"Q" * 16
QR = f"LW:D0:{JOIN_EUI:016X}:{NEW_EUI:016X}:AABB1122:SYY2648"


async def kogge(config: Path, *words: str, stdin: str = "") -> tuple[int, dict[str, Any], str]:
    """Exit code, the last line as JSON, and all that was said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words, "--config", str(config), "--json"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
    )  # fmt: skip
    out, err = await process.communicate(stdin.encode())
    said = out.decode() + err.decode()
    assert "Traceback" not in said, said
    last = out.decode().splitlines()[-1] if out.strip() else "{}"
    assert process.returncode is not None
    return process.returncode, json.loads(last), said


async def accepted(sky: Any) -> bytes:
    """The next Join-Accept on the air."""
    async with asyncio.timeout(HUNG):
        while (said := json.loads(await sky.reader.readline()))["op"] != "downlink":
            pass
    return bytes.fromhex(said["payload"])


async def test_device_added_by_qr_code_joins_and_reports_and_is_removed(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with (
            board(tmp_path / "tty") as (_, sky),
            city(broker) as one,
            daemon(config) as gateway,
        ):
            await gateway.receiving()
            await sky.send(GAUGE.uplink(1, TEMPERATURE))
            await sky.send(join_request(NEW_KEY, JOIN_EUI, NEW_EUI, 1))
            await gateway.until(lambda now: now["drops"] == {"unknown_device": 1})
            code, why, _ = await kogge(config, "why", f"{NEW_EUI:016x}")
            assert (code, why["known"], why["reasons"][0]["code"]) == (0, False, "unknown_device")

            code, told, said = await kogge(
                config, "devices", "qr", QR, "--name", "new", "--codec", "cayennelpp",
                stdin=f"{NEW_KEY.hex()}\n",
            )  # fmt: skip
            assert (code, told["applied"]) == (0, True), said
            assert NEW_KEY.hex() not in said
            await sky.send(join_request(NEW_KEY, JOIN_EUI, NEW_EUI, 1))
            air = hears_join_accept(NEW_KEY, 1, await accepted(sky)).air
            await sky.send(air.uplink(40, TEMPERATURE))
            await one.has(1, 40)
            assert one.readings[40]["name"] == "new"
            assert one.readings[40]["measurements"] == {"temperature_1": 21.5}
            await sky.send(GAUGE.uplink(2, TEMPERATURE))
            await one.has(2)

            code, told, _ = await kogge(config, "devices", "list")
            assert code == 0
            listed = {device["name"]: device for device in told["devices"]}
            assert set(listed) == {"gauge", "bin", "new"}
            assert (listed["new"]["state"], listed["new"]["joins"]) == ("joined", 1)
            assert (listed["gauge"]["f_cnt"], listed["gauge"]["margin"]) == (2, 15.5)
            assert NEW_KEY.hex() not in json.dumps(told)

            code, told, _ = await kogge(config, "devices", "remove", f"{NEW_EUI:016x}")
            assert (code, told["removed"], told["applied"]) == (0, [f"{NEW_EUI:016x}"], True)
            before = (await gateway.status())["drops"]["unknown_device"]
            await sky.send(air.uplink(41, TEMPERATURE))
            await gateway.until(lambda now: now["drops"]["unknown_device"] == before + 1)
        text = await asyncio.to_thread((tmp_path / "devices.toml").read_text)
        assert "gauge" in text
        assert f"{NEW_EUI:016x}" not in text
        assert NEW_KEY.hex() not in gateway.log()


async def test_antenna_is_sited_by_watching_each_uplink(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            await sky.send(GAUGE.uplink(7, TEMPERATURE))
            await gateway.until(lambda now: now["counts"]["readings"] == 1)
            watching = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "devices", "show", "GAUGE"),
                *("--watch", "--json", "--config", str(config)),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
            )  # fmt: skip
            assert watching.stdout is not None
            assert watching.stderr is not None
            async with asyncio.timeout(HUNG):
                assert b"next uplink of gauge" in await watching.stderr.readline()
                assert json.loads(await watching.stdout.readline())["f_cnt"] == 7
                await sky.send(GAUGE.uplink(8, TEMPERATURE))
                one = json.loads(await watching.stdout.readline())
            watching.send_signal(signal.SIGINT)
            assert await watching.wait() == 0
            assert (one["f_cnt"], one["snr"], one["margin"]) == (8, 8.0, 15.5)
            assert one["rssi"] == pytest.approx(-80, abs=1)


async def test_wrong_app_key_is_said_and_corrected_without_a_restart(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        keys = tmp_path / "keys.csv"
        await asyncio.to_thread(keys.write_text, f"DevEUI;AppKey\n{NEW_EUI:016X};{'00' * 16}\n")
        eui = f"{NEW_EUI:016x}"
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            code, told, said = await kogge(config, "devices", "qr", QR, "--keys", str(keys))
            assert (code, told["added"], told["applied"]) == (0, [eui], True), said
            for dev_nonce in (1, 2):
                await sky.send(join_request(NEW_KEY, JOIN_EUI, NEW_EUI, dev_nonce))
            await gateway.until(lambda now: now["drops"] == {"bad_mic": 2})
            code, why, said = await kogge(config, "why", eui)
            (reason,) = [one for one in why["reasons"] if one["code"] == "bad_mic"]
            assert (code, reason["count"]) == (0, 2)
            assert "MIC wrong: AppKey" in reason["text"]
            assert NEW_KEY.hex() not in said

            await kogge(config, "devices", "remove", eui)
            await asyncio.to_thread(
                keys.write_text, f"DevEUI;JoinEUI;AppKey;Name\n{eui};{JOIN_EUI:016x};"
                f"{NEW_KEY.hex()};fixed\n",
            )  # fmt: skip
            code, told, said = await kogge(config, "devices", "import", str(keys))
            assert (code, told["applied"]) == (0, True), said
            await sky.send(join_request(NEW_KEY, JOIN_EUI, NEW_EUI, 3))
            await gateway.until(lambda now: now["counts"]["joins"] == 1)
            _, told, _ = await kogge(config, "why", eui)
            assert told["reasons"][0]["code"] == "join_unheard"
        code, told, _ = await kogge(config, "devices", "show", eui)
        assert (code, told["asked"], told["device"]["state"]) == (69, "files", "join_unheard")
        assert told["device"]["dev_nonces"] == 1


async def test_file_that_the_daemon_refuses_changes_nothing(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            file = tmp_path / "devices.toml"
            text = await asyncio.to_thread(file.read_text)
            await asyncio.to_thread(file.write_text, text.replace("cayennelpp", "cayenelpp"))
            reader, writer = await asyncio.open_unix_connection(tmp_path / "kogge.sock")
            writer.write(b'{"op":"devices","action":"reload"}\n')
            answer = json.loads(await reader.readline())
            assert "did you mean cayennelpp" in answer["error"]
            writer.close()
            await sky.send(GAUGE.uplink(1, TEMPERATURE))
            await gateway.until(lambda now: now["counts"]["readings"] == 1)
