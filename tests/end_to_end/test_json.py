"""Every verb's --json, of a real gateway: as its schema in config/schema/cli says, closed."""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import json_judge
import pytest
import vendor_folders
from broker import mosquitto
from kogge import HOUSE
from lamp_post import GAUGE, JOIN_EUI, TEMPERATURE, Daemon, Sky, board, daemon, write_files
from patience import HUNG

from gateway.cli import main

pytestmark = pytest.mark.realtime

EUI, KEY = "70b3d57ed0000001", "5a" * 16
SCRIPT = "function decodeUplink(i) { return {data: {distance: i.bytes[0] / 100}}; }"
WORKS = {"id": "1", "codec": "acme/level", "fPort": 1, "bytes": "64", "expected": {"data": {}}}
ELSEWHERE = {("demo",)}
"""It takes its time: tests/end_to_end/test_demo.py has it judged."""
FRAME = GAUGE.uplink(1, TEMPERATURE).hex()


class Seen:
    """Verbs, run and judged."""

    def __init__(self, place: Path) -> None:
        self.place, self.leaves = place, set[tuple[str, ...]]()

    async def run(self, line: str, *codes: int, stdin: str = "") -> None:
        """It ends by itself with one of the codes, 0 without any."""
        if line.startswith(("radio", "restore")):  # they look after Ctrl-C: no thread may
            process = await self.begun(line)
            out, err = (text.decode() for text in await process.communicate())
            code = process.returncode
        else:
            code, out, err = await asyncio.to_thread(ran, self.words(line), stdin)
        assert code in (codes or (0,)), f"{line}: {err}"
        self.judge(line, out)

    def words(self, line: str) -> list[str]:
        return [word.replace("@", f"{self.place}/") for word in [*line.split(), "--json"]]

    async def begun(self, line: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *self.words(line)),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
        )  # fmt: skip

    def judge(self, line: str, out: str) -> None:
        assert out.strip(), f"{line}: it says nothing"
        self.leaves.add(json_judge.judge(line.split(), out))

    async def first_line(self, line: str) -> None:
        """Of a verb that goes on until Ctrl-C."""
        process = await self.begun(line)
        assert process.stdout is not None
        async with asyncio.timeout(HUNG):
            self.judge(line, (await process.stdout.readline()).decode())
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
        if out:
            self.judge(line, out.decode())

    async def watched(self, config: str, sky: Sky) -> None:
        """An uplink, as `kogge watch` tells it: its frame, the reading, that it is safe."""
        process, told = await self.begun(f"watch{config}"), list[str]()
        assert process.stdout is not None
        async with asyncio.timeout(HUNG):
            while not told or '"safe"' not in told[-1]:
                if len(told) < 20:
                    await sky.send(GAUGE.uplink(100 + len(told), TEMPERATURE))
                told.append((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGINT)
        await process.communicate()
        self.judge("watch", "".join(told))


async def paused(socket: Path) -> None:
    """So that something waits."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b'{"op":"forward","action":"pause"}\n')
    assert json.loads(await reader.readline())["forward"] == "paused"
    writer.close()


async def heard(gateway: Daemon, sky: Sky) -> None:
    """Something is on disk; what comes while the port is opened anew is lost, and sent again."""
    f_cnt = 0
    while not (await gateway.status())["counts"]["readings"]:
        f_cnt += 1
        await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE))
    await gateway.until(lambda now: now["store"]["memory_records"] == 0)


def ran(words: list[str], stdin: str) -> tuple[int, str, str]:
    """Here, in a thread: processes would take seconds each."""
    out, err = StringIO(), StringIO()
    before, sys.stdin = sys.stdin, StringIO(stdin)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            return main(words), out.getvalue(), err.getvalue()
    finally:
        sys.stdin = before


def written(place: Path) -> None:
    """What the verbs are given."""
    (place / "level.js").write_text(SCRIPT)
    (place / "v.jsonl").write_text(json.dumps(WORKS) + "\n")
    (place / "pass").write_text("open sesame open sesame\n")
    (place / "new.csv").write_text(
        f"DevEUI;JoinEUI;AppKey;Name\n70b3d57ed000000a;{JOIN_EUI:016x};{KEY};table\n"
    )
    (place / "firmware-source").mkdir()
    vendor_folders.write(place / "vendor", vendor_folders.CHIRPSTACK)
    conf = json.loads((HOUSE / "tests" / "golden" / "start-eu868.json").read_text())["config"]
    (place / "global_conf.json").write_text(json.dumps({"SX130x_conf": conf, "gateway_conf": {}}))


WITH_THE_DAEMON: Sequence[tuple[str, str, tuple[int, ...]]] = (
    ("status", "", (0, 1)),
    ("doctor", "", (0, 1, 2)),
    ("buffer status", "", ()),
    ("buffer list", "", ()),
    ("buffer export @out.csv --csv", "", ()),
    ("buffer verify", "", ()),
    ("buffer purge --all --yes", "", ()),
    ("frames", "", ()),
    ("forward status", "", ()),
    ("forward resume", "", ()),
    ("forward retry", "", ()),
    ("join open --minutes 5", "", ()),
    ("join status", "", ()),
    ("join close", "", ()),
    ("devices list", "", ()),
    (f"devices show {EUI} --keys shown", "", ()),
    (f"devices add 70b3d57ed000000b --join-eui {JOIN_EUI:016x}", KEY, ()),
    (f"devices qr LW:D0:{JOIN_EUI:016X}:70B3D57ED000000C:AABB1122", KEY, ()),
    ("devices import @new.csv", "", ()),
    ("devices remove 70b3d57ed000000a", "", ()),
    ("devices export @devices.csv", "", ()),
    (f"why {EUI}", "", ()),
    ("why 70b3d57ed00000ff", "", ()),
    ("config check", "", ()),
    ("config show", "", ()),
    ("config set mqtt.batch_seconds=2 mqtt.in_flight=5", "", ()),
    ("config diff", "", (1,)),
    ("codec list", "", ()),
    ("codec add @level.js --name acme/level", "", ()),
    ("codec show acme/level", "", ()),
    ("codec show cayennelpp", "", ()),
    ("codec test @v.jsonl", "", (0, 1)),
    ("codec import @vendor", "", (0, 1)),
    ("codec remove acme/level", "", ()),
    ("radio info", "", ()),
    ("backup @kept.kogge --passphrase-file @pass", "", ()),
    ("firmware list", "", (1,)),
    ("report @support.zip", "", ()),
)
AT_REST: Sequence[tuple[str, str, tuple[int, ...]]] = (
    ("status", "", (69,)),
    ("doctor", "", (0, 1, 2)),
    ("devices list", "", (69,)),
    (f"devices show {EUI}", "", (69,)),
    (f"why {EUI}", "", (0, 69)),
    ("buffer status", "", ()),
    ("buffer list --limit 1", "", ()),
    ("buffer verify", "", ()),
    ("buffer repair", "", ()),
    ("config diff", "", (69,)),
    ("config set gateway.name=x", "", ()),
    ("radio info", "", ()),
    ("radio start", "", ()),
    ("radio listen --seconds 0.2", "", ()),
    ("radio send --frequency 868100000 --sf 7", "", ()),
    ("radio scan --seconds 0.2", "", ()),
)
OF_NO_GATEWAY: Sequence[tuple[str, str, tuple[int, ...]]] = (
    (f"decode {FRAME} --nwk-s-key {GAUGE.nwk_s_key.hex()} --app-s-key {GAUGE.app_s_key.hex()}"
     " --codec cayennelpp", "", ()),
    ("decode 000000d07ed5b370000200d07ed5b37000070001020304", "", ()),
    ("codec bench cayennelpp", "", ()),
    ("config import-semtech @global_conf.json --output @.", "", ()),
    ("config check --config @none.toml", "", (78,)),
    ("firmware import @firmware-source --dir @elsewhere", "", (1,)),
    ("restore @kept.kogge --passphrase-file @pass --dry-run", "", ()),
    ("restore @kept.kogge --passphrase-file @pass --config @second/kogge.toml --force", "", ()),
    ("simulate --days 1 --devices 3 --seed 1", "", ()),
)  # fmt: skip


async def test_every_verb_says_what_its_schema_says(tmp_path: Path) -> None:
    await asyncio.to_thread(written, tmp_path)
    seen = Seen(tmp_path)
    config = " --config @kogge.toml"
    async with mosquitto(tmp_path) as broker:
        file = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky):
            async with daemon(file) as gateway:
                await gateway.receiving()
                await paused(tmp_path / "kogge.sock")
                await heard(gateway, sky)
                for line, stdin, codes in WITH_THE_DAEMON:
                    await seen.run(line + config, *codes, stdin=stdin)
                await seen.first_line(f"devices show {EUI} --watch{config}")
                await seen.run(f"forward pause{config}")
                await seen.watched(config, sky)
            for line, stdin, codes in AT_REST:
                await seen.run(line + config, *codes, stdin=stdin)
    for line, stdin, codes in OF_NO_GATEWAY:
        await seen.run(line, *codes, stdin=stdin)
    assert seen.leaves | ELSEWHERE == json_judge.LEAVES
