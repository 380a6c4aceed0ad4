"""Every `kogge` command of the documents runs as it stands there, beside a real gateway. What
changes a machine is typed in one: tests/system/test_documented_in_a_machine.py.

What is changed: paths of a real machine become the test's, `--config` is added, keys and passwords
come from stdin or a file because nobody sits there, and what takes minutes is shorter (INSTEAD).
A verb that goes on until Ctrl-C says something, and ends when it comes.
"""

import asyncio
import json
import re
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path
from typing import TypeVar

import aiomqtt
import documented
import pytest
import vendor_folders
from broker import Mosquitto, free_port, mosquitto
from kogge import HOUSE
from lamp_post import GAUGE, TEMPERATURE, Sky, board, daemon, write_files

from gateway import files
from gateway.cli import main
from gateway.cli.whole import actions_of, leaves, whole

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(600)]

Value = TypeVar("Value")
DEVICE, KEY = "70b3d57ed0000009", "5a" * 16
INSTEAD = {
    "/media/stick/": "{place}/stick/",
    "/tmp/kogge-board": "{place}/another-board",
    "/tmp/kogge/": "{place}/",
    "/var/backups/": "{place}/stick/",
    "/root/kogge-passphrase": "{place}/pass",
    "/dev/ttyACM0": "{place}/tty",
    "127.0.0.1:4406": "127.0.0.1:0",
    f"{DEVICE} --watch": "70b3d57ed0000001 --watch",  # one that speaks
    "radio scan": "radio scan --seconds 0.2",
    "--seconds 60": "--seconds 0.2",
    "--count 5 --interval 10": "--count 2 --interval 1",
    "--days 30 --devices 200": "--days 1 --devices 5",
    "--days 1 --devices 50": "--days 1 --devices 5",
}
UNTIL_CTRL_C = (
    "run", "watch", "emulator", "radio listen", "frames --follow", "status --watch",
    f"devices show {DEVICE} --watch",
)  # fmt: skip
AT_REST = ("run", "buffer repair", "radio start", "radio listen", "radio scan", "radio send",
           "restore")  # fmt: skip
LAST = ("buffer purge", "devices remove", "backup", "restore")
IN_A_PROCESS = ("radio", "restore", "backup")
"""They look after Ctrl-C: no thread may."""
FIRST = dict.fromkeys(("devices qr", "devices add", "devices imp"), f"devices remove {DEVICE}")
STDIN = {
    "devices qr": KEY,
    "devices add": KEY,
    "buffer purge": "yes",
    "config set mqtt.p": "secret",
}
CODES = {
    "doctor": (0, 1, 2),  # whatever the machine has
    "config diff": (0, 1),
    "firmware": (1,),  # Semtech's images are not here
    "status": (0, 1),
}
FILES_OF = ("codecs", "devices")
SCRIPT = """function decodeUplink(input) {
  return {data: {distance: (input.bytes[0] * 256 + input.bytes[1]) / 100}};
}"""
WITH_CONFIG = {
    " ".join(words)
    for words, parser in leaves(whole())
    if any("--config" in action.option_strings for action in actions_of(parser))
}


class Typed:
    """Runs lines in `place`, which has kogge.toml."""

    def __init__(self, place: Path) -> None:
        self.place, self.boxes = place, 0

    async def side_by_side(self, lines: Sequence[str], apart: tuple[str, ...]) -> None:
        """Those that begin like one of `apart` beside the others, each lane in its order."""
        lanes = [[line for line in lines if line.startswith(apart) is so] for so in (True, False)]
        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(self.run_all(lane))

    async def run_all(self, lines: Sequence[str]) -> None:
        for line in lines:
            await self.run(line)

    async def run(self, line: str) -> None:
        for begin, first in FIRST.items():
            if line.startswith(begin):
                await asyncio.to_thread(ran, self.words(first), "")
        words = self.words(line)
        if line.startswith(UNTIL_CTRL_C) and "--seconds" not in line:
            code, said = await self.until_ctrl_c(words)
        elif line.startswith(IN_A_PROCESS):
            process = await self.begun(words)
            output, _ = await process.communicate()
            code, said = process.returncode or 0, output.decode()
        else:
            code, said = await asyncio.to_thread(ran, words, of(STDIN, line, ""))
        assert code in of(CODES, line, (0,)), f"{shlex.join(words)}: {said}"
        assert said.strip(), f"{line}: it says nothing"

    def words(self, line: str) -> list[str]:
        for there, here in INSTEAD.items():
            line = line.replace(there, here.format(place=self.place))
        words = shlex.split(line)
        if words[0] in ("backup", "restore"):
            words += ["--passphrase-file", f"{self.place}/pass"]
        if "--config" not in words and WITH_CONFIG & {words[0], " ".join(words[:2])}:
            words += ["--config", str(self.config(line))]
        return words

    def config(self, line: str) -> Path:
        """Each restore finds a new box; what is set, is set in the file as it is shipped."""
        if line.startswith("config set"):
            return self.place / "aside" / "kogge.toml"
        if not line.startswith("restore"):
            return self.place / "kogge.toml"
        self.boxes += 1
        return self.place / f"box-{self.boxes}" / "kogge.toml"

    async def begun(self, words: Sequence[str]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *words), cwd=self.place,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def until_ctrl_c(self, words: Sequence[str]) -> tuple[int, str]:
        process = await self.begun(words)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                said = await process.stdout.read(1)
                process.send_signal(signal.SIGINT)
                said += await process.stdout.read()
                code = await process.wait()
        except TimeoutError:
            process.kill()
            raise AssertionError(f"{shlex.join(words)} says nothing, or does not end") from None
        assert b"Traceback" not in said, said.decode()
        return (0 if code in (130, -signal.SIGINT) else code), said.decode()


def of(table: dict[str, Value], line: str, usual: Value) -> Value:
    """Of the first key that the line begins with."""
    return next((value for begin, value in table.items() if line.startswith(begin)), usual)


def ran(words: list[str], stdin: str) -> tuple[int, str]:
    """Here, in a thread: processes would take seconds each."""
    said = StringIO()
    before, sys.stdin = sys.stdin, StringIO(f"{stdin}\n")
    try:
        with redirect_stdout(said), redirect_stderr(said):
            return main(words), said.getvalue()
    finally:
        sys.stdin = before


def written(place: Path) -> None:
    """The files that the documents take for granted, from their own text where it has them."""
    codecs, devices = (documented.text(HOUSE / "docs" / f"{name}.md") for name in FILES_OF)
    (place / "level.jsonl").write_text(re.findall(r'`(\{"fPort": .*"expected".*)`', codecs)[0])
    (place / "level.js").write_text(SCRIPT)
    (place / "level.toml").write_text(
        'vendor = "Acme"\nmodel = "Level"\ncodecs = ["acme/level"]\nscript = "level.js"\n'
        'lorawan = "1.0.3"\nclass = "A"\nports = [1]\n'
        '[[measurement]]\nname = "distance"\nfield = "distance"\n'
    )
    (place / "street.csv").write_text(re.findall(r"```csv\n(.*?)```", devices, re.DOTALL)[0])
    (place / "pass").write_text("open sesame open sesame\n")
    for name in ("stick", "PATH/TO/sx1302_hal", "PFAD/ZU/sx1302_hal", "aside"):
        (place / name).mkdir(parents=True)
    for name in ("kogge.toml", "devices.toml"):
        shutil.copy(files.shipped() / name, place / "aside")
    good = ("vendor.toml", "codecs/alone.js")
    vendor = {name: vendor_folders.CHIRPSTACK[name] for name in good}
    vendor_folders.write(place / "chirpstack-device-profiles/vendors/acme", vendor)
    conf = json.loads((HOUSE / "tests" / "golden" / "start-eu868.json").read_text())["config"]
    (place / "global_conf.json").write_text(json.dumps({"SX130x_conf": conf, "gateway_conf": {}}))


@asynccontextmanager
async def speaking(sky: Sky) -> AsyncIterator[None]:
    """A device that always has something to say."""

    async def on_and_on() -> None:
        for f_cnt in count(1):
            await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE))
            await asyncio.sleep(0.5)

    device = asyncio.create_task(on_and_on())
    try:
        yield
    finally:
        assert not device.done(), device
        device.cancel()
        await asyncio.wait({device})


async def test_every_command_of_the_documents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await asyncio.to_thread(written, tmp_path)
    lines = [shlex.join(words) for words in documented.kogge_commands()]
    lines.sort(key=lambda line: line.startswith(LAST))
    typed = Typed(tmp_path)
    async with mosquitto(tmp_path) as broker, board(tmp_path / "tty") as (_, sky):
        file = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with daemon(file) as gateway:
            await gateway.receiving()
            async with speaking(sky):
                await gateway.until(lambda status: status["city"]["published"] > 0)
                beside = [line for line in lines if not line.startswith(AT_REST)]
                await typed.side_by_side(beside, (*UNTIL_CTRL_C, *IN_A_PROCESS))
        await typed.side_by_side([one for one in lines if one.startswith(AT_REST)], ("restore",))


async def test_emulator_s_guide_can_be_played(tmp_path: Path) -> None:
    guide = documented.text(HOUSE / "docs" / "emulator.md")
    port = await asyncio.to_thread(free_port)
    place = tmp_path / "kogge"
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(tmp_path))

        def here(said: str) -> str:
            said = said.replace("/tmp/kogge", str(place)).replace("4406", str(port))
            return said.replace("localhost:1883", f"127.0.0.1:{broker.port}")

        made, _, sent, _, command, answered, far, faults, *_ = map(
            here, documented.SHELL.findall(guide)
        )
        await bash(re.sub(r"^\. .*", "", made, flags=re.MULTILINE))
        kogge_toml, devices_toml = map(here, re.findall(r"```toml\n(.*?)```", guide, re.DOTALL))
        await asyncio.to_thread((place / "kogge.toml").write_text, kogge_toml)
        await asyncio.to_thread((place / "devices.toml").write_text, devices_toml)
        (emulator, *asked) = faults.splitlines()
        board = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *shlex.split(emulator)[1:]),
            stderr=asyncio.subprocess.PIPE,
        )
        stack.push_async_callback(board.wait)
        stack.callback(board.terminate)
        assert board.stderr is not None
        await board.stderr.readline()  # it is there
        gateway = await stack.enter_async_context(daemon(place / "kogge.toml"))
        await gateway.receiving()
        assert '"received":true' in await bash(sent)
        await gateway.safe_on_disk(1)
        (words,) = documented.commands_of(command.replace("\\\n", ""))
        await published(broker, words[words.index("-t") + 1], words[words.index("-m") + 1])
        await gateway.until(lambda status: status["downlinks"] == 1)
        line = answered.replace("head -n 2", "head -n 1")  # the downlink goes in time, or later
        said = await bash(f"exec 3<>/dev/tcp/127.0.0.1/{port}\n{line}")
        assert '"received":true' in said
        assert "uplink_done" in await bash(f"exec 3<>/dev/tcp/127.0.0.1/{port}\n{far}")
        for line in asked:
            (request, path) = re.findall(r"'(\{.*\})' \|.*?[ :](/\S+)", line)[0]
            assert await asyncio.to_thread(answer, path, request) in ("done", "faults")
        await gateway.until(lambda status: status["radio"]["restarts"] > 0)


async def published(broker: Mosquitto, topic: str, payload: str) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish(topic, payload, qos=1)


async def bash(script: str) -> str:
    """What it says; it fails at the first command that does."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-e", "-c", script), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, script
    return said.decode()


def answer(path: str, request: str) -> str:
    """The `op` of what a control socket answers: as nc and socat do it."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(path)
        line.sendall(f"{request}\n".encode())
        said: dict[str, str] = json.loads(line.makefile().readline())
    return said["op"]
