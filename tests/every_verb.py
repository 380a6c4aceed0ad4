"""Every verb with its arguments, for whoever looks at what they say of a real gateway.

A line is what follows `kogge`; `@` stands for the directory of the test. With each what it is given
on stdin and the exit codes that it may end with, 0 without any.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import vendor_folders
from kogge import HOUSE
from lamp_post import GAUGE, JOIN_EUI, TEMPERATURE, Daemon, Sky

EUI, KEY = "70b3d57ed0000001", "5a" * 16
SCRIPT = "function decodeUplink(i) { return {data: {distance: i.bytes[0] / 100}}; }"
WORKS = {"id": "1", "codec": "acme/level", "fPort": 1, "bytes": "64", "expected": {"data": {}}}
FRAME = GAUGE.uplink(1, TEMPERATURE).hex()


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
