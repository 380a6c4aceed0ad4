"""The street cabinet of the demo: a gateway's files in a directory, and its daemon as a process."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.demo.street import Resident, devices_toml
from gateway.errors import GatewayError

FIRMWARE_BYTES = 8192
FIRMWARE_FILES = ("agc_fw_sx1250.bin", "arb_fw.bin")
GRACE_S = 10.0
LAST_LINES = 12


def write_files(directory: Path, port: str, mqtt_port: int, city: tuple[Resident, ...]) -> Path:
    """A state directory with kogge.toml, devices.toml and firmware; returns kogge.toml.

    The real images are their maker's and are not shipped: the emulated chip runs any bytes.
    """
    firmware = directory / "firmware"
    firmware.mkdir()
    for name in FIRMWARE_FILES:
        (firmware / name).write_bytes(bytes(range(256)) * (FIRMWARE_BYTES // 256))
    (directory / "devices.toml").write_text(devices_toml(city), encoding="utf-8")
    config = directory / "kogge.toml"
    config.write_text(kogge_toml(port, mqtt_port), encoding="utf-8")
    return config


def kogge_toml(port: str, mqtt_port: int) -> str:
    """A real configuration; what is not named keeps its default."""
    return f"""\
[gateway]
name = "Laternenpfahl 17"
place = "Neuer Markt"
state_dir = "."
control_socket = "kogge.sock"
devices = "devices.toml"
[concentrator]
port = "{port}"
firmware_dir = "firmware"
firmware_check = false
[mqtt]
url = "mqtt://127.0.0.1:{mqtt_port}"
plain_is_ok = true
batch_seconds = 0.2
[store]
min_free_mib = 0
[clock]
source = "rtc"
"""


class Daemon:
    """A running `kogge run`; what it says goes to `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process, self._log = process, log

    @property
    def pid(self) -> int:
        return self._process.pid

    async def died(self) -> None:
        """Wait until it ends by itself, and raise with what it said last."""
        code = await self._process.wait()
        raise GatewayError(
            f"the gateway's daemon ended by itself (exit code {code}), and the demo with it. "
            f"{await self.last_words()}"
        )

    async def last_words(self) -> str:
        """The end of its log, for people."""
        text = await asyncio.to_thread(self._log.read_text, "utf-8", "replace")
        lines = [f"\n  {line}" for line in text.splitlines()[-LAST_LINES:]]
        return f"The last it said:{''.join(lines) or ' nothing.'}"

    async def end(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def daemon(config: Path) -> AsyncIterator[Daemon]:
    """Run the daemon with this configuration until the block is left."""
    log = config.with_name("daemon.log")
    with await asyncio.to_thread(log.open, "wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "run", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            # a terminal's Ctrl-C is for the demo, which then ends its daemon in order
            start_new_session=True,
        )
    running = Daemon(process, log)
    try:
        yield running
    finally:
        await running.end()
