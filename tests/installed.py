"""Kogge as it is installed: the package in a machine, with a board, a broker and a device."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from lorawan_device import Air
from machine import HOUSE, Machine

from gateway import VERSION

CANNOT_BE_HAD: Final = (69, 77)  # what has to be fetched; Debian packages
DEBIAN: Final = {"bookworm": 12, "trixie": 13}
ROOMS: Final = ("gateway", "drivers", "native", "config", "systemd", "docs", ".ci")
GAUGE: Final = Air(0x26011BDA, bytes(range(16)), bytes(range(16, 32)))
TEMPERATURE: Final = bytes.fromhex("016700d7")  # Cayenne LPP, channel 1: 21.5 °C
AIR: Final = 7000
EMULATOR: Final = f"""[Service]
ExecStart=/usr/bin/kogge emulator --link /run/board/tty --air 127.0.0.1:{AIR}
User=kogge
RuntimeDirectory=board
[Install]
WantedBy=multi-user.target
"""
CITY: Final = """[Service]
ExecStart=mosquitto_sub -h 127.0.0.1 -t kogge/+/readings -q 1 -c -i city
StandardOutput=append:/var/lib/city
StandardError=journal
Restart=always
[Install]
WantedBy=multi-user.target
"""
PSEUDO_TERMINAL: Final = "[Service]\nDeviceAllow=char-pts rw\n"
CONFIG: Final = """[concentrator]
port = "/run/board/tty"
firmware_check = false
[mqtt]
url = "mqtt://127.0.0.1:1883"
plain_is_ok = true
batch_seconds = 0.1
[clock]
source = "rtc"
"""
DEVICES: Final = f"""[[device]]
dev_eui = "70b3d57ed0000001"
name = "gauge"
codec = "cayennelpp"
dev_addr = "{GAUGE.dev_addr:08x}"
nwk_s_key = "{GAUGE.nwk_s_key.hex()}"
app_s_key = "{GAUGE.app_s_key.hex()}"
"""
SEND: Final = f"""import json, socket, sys
with socket.create_connection(("127.0.0.1", {AIR})) as air:
    heard = air.makefile("rw")
    print(sys.stdin.read().strip(), file=heard, flush=True)
    while json.loads(heard.readline())["op"] != "uplink_done":
        pass
"""


class CannotBuild(Exception):
    """What building needs is not here, and not to be had."""


def build() -> Path:
    """`make deb`, where there is a change since, at a lower priority: other tests run beside."""
    sources = (path for room in ROOMS for path in (HOUSE / room).rglob("*") if path.is_file())
    last = max(path.stat().st_mtime for path in sources if "__pycache__" not in path.parts)
    package = HOUSE / "dist" / f"kogge_{VERSION}~deb{_release()}_{_architecture()}.deb"
    if not package.exists() or package.stat().st_mtime <= last:
        build_in(HOUSE, {})
    return package


def build_in(sources: Path, environment: dict[str, str]) -> None:
    """A package in the dist/ there, for RELEASE, as .ci/system-root. Raises CannotBuild."""
    release = os.environ.get("RELEASE", "")
    purpose, command = "deb", [".ci/deb"]
    if release:
        purpose, command = "elsewhere", [".ci/elsewhere", release, "", ".ci/deb"]
    for step in ([".ci/setup", purpose], command):
        done = subprocess.run(
            ["nice", *step], cwd=sources, env={**os.environ, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode in CANNOT_BE_HAD:
            raise CannotBuild(done.stderr)
        assert done.returncode == 0, done.stderr


def _release() -> int:
    """The number of the Debian that RELEASE names; without it, of this machine's."""
    here = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    release = os.environ.get("RELEASE", here)
    if release not in DEBIAN:
        raise CannotBuild(f"there is no package for {release}")
    return DEBIAN[release]


def _architecture() -> str:
    asked = ["dpkg", "--print-architecture"]
    return subprocess.run(asked, check=True, stdout=-1, text=True).stdout.strip()


def variant(package: Path, room: Path, version: str, change: Callable[[Path], None]) -> Path:
    """The same package as another version; `change` is given the root of its files."""
    files = room / version
    subprocess.run(["dpkg-deb", "-R", package, files], check=True)
    control = files / "DEBIAN" / "control"
    lines = control.read_text().splitlines()
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join([*lines, ""]))
    (gateway,) = files.glob("opt/kogge/lib/python*/site-packages/gateway")
    change(gateway)
    for changed in (gateway, gateway.parent / "drivers"):  # compiled before, never looked at again
        for stale in changed.rglob("__pycache__"):
            shutil.rmtree(stale)
    made = room / f"kogge_{version}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", files, made], check=True, stdout=-3
    )
    shutil.rmtree(files)
    return made


class Installed:
    """The gateway in its machine; `sent` counts the gauge's frames."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sent = 0

    def install(self, package: Path, *options: str, check: bool = True) -> str:
        """With apt, as a technician does it; returns all that was said."""
        target = self.bring(package)
        done = self.machine.run("apt-get", "install", "-y", *options, target, check=check)
        return done.stdout + done.stderr

    def bring(self, package: Path) -> str:
        """Where it lies in the machine."""
        leader, target = self.machine.leader(), f"/root/{package.name}"
        with package.open("rb") as content:
            subprocess.run(
                ["nsenter", "--target", str(leader), "--mount", "sh", "-c", f"cat > {target}"],
                stdin=content, check=True,
            )  # fmt: skip
        return target

    def configure(self) -> None:
        """What a technician does, and a board that is none."""
        for name, text in {
            "/etc/kogge/kogge.toml": CONFIG,
            "/etc/kogge/devices.toml": DEVICES,
            "/etc/systemd/system/board.service": EMULATOR,
            "/etc/systemd/system/city.service": CITY,
            "/etc/systemd/system/kogge.service.d/board.conf": PSEUDO_TERMINAL,
        }.items():
            self.write(name, text)
        self.machine.run("install", "-d", "-o", "kogge", "/var/lib/kogge/firmware")
        for image in ("agc_fw_sx1250.bin", "arb_fw.bin"):
            self.machine.run("truncate", "-s", "8192", f"/var/lib/kogge/firmware/{image}")
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "enable", "--now", "board", "city")
        self.machine.run("systemctl", "enable", "--now", "kogge")
        self.receiving()

    def write(self, name: str, text: str) -> None:
        """Keeps owner and mode of a file that is there."""
        self.machine.run("sh", "-c", f"mkdir -p {Path(name).parent} && cat > {name}", text=text)

    def status(self) -> dict[str, Any]:
        """{} as long as nobody answers."""
        lines = self.machine.says("kogge", "status", "--json").splitlines()
        status: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return status if status.get("health") != "down" else {}

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def asked() -> bool:
            found.update(self.status())
            return bool(found) and holds(found)

        try:
            self.machine.until(asked)
        except AssertionError as error:
            raise AssertionError(f"{found}\n{self.log()}") from error
        return found

    def receiving(self) -> dict[str, Any]:
        return self.until(lambda status: status["radio"]["state"] == "receiving")

    def log(self) -> str:
        return self.machine.says(
            "journalctl", "-u", "kogge", "-u", "board", "--no-pager", "-n", "60"
        )

    def send(self, payload: bytes = TEMPERATURE) -> None:
        """One frame of the gauge, on the air when this returns."""
        frame = GAUGE.uplink(self.sent, payload).hex()
        self.sent += 1
        uplink = {
            "op": "uplink", "payload": frame, "frequency": 868_100_000, "modulation": "LORA",
            "sf": 7, "bw": 125_000, "cr": 1, "rssi": -80, "snr": 8.5, "crc": "ok",
        }  # fmt: skip
        self.machine.run("python3", "-c", SEND, text=json.dumps(uplink))

    def arrived(self) -> set[int]:
        """The frame counters that the city's own program has written down."""
        batches = map(json.loads, self.machine.says("cat", "/var/lib/city").splitlines())
        return {reading["f_cnt"] for batch in batches for reading in batch["readings"]}

    def all_arrived(self) -> None:
        """Wait until the city has everything that was sent."""
        try:
            self.machine.until(lambda: self.arrived() >= set(range(self.sent)))
        except AssertionError as error:
            raise AssertionError(f"{self.arrived()} of {self.sent}\n{self.log()}") from error

    def pid(self) -> int:
        return int(self.show("MainPID"))

    def show(self, what: str, unit: str = "kogge") -> str:
        return self.machine.says("systemctl", "show", f"--property={what}", "--value", unit)
