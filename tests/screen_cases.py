"""The screens of a gateway that is well, and of five that are not, from fixed data.

`python tests/screen_cases.py` writes tests/screens/ anew: look at every difference first.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uplinks_bench import GAUGE

from gateway.cli import doctor, language, status_screen
from gateway.cli.screen import Style
from gateway.config import Config, Mqtt
from gateway.diagnostics.machine import Disk, Machine, Memory, told
from gateway.doctor.broker import Line
from gateway.doctor.certificates import DAY, Files
from gateway.doctor.examine import GROUPS
from gateway.doctor.finding import Found, Known
from gateway.doctor.radio import Radio
from gateway.doctor.storage import Storage
from gateway.lorawan.plan import factory_rx
from gateway.lorawan.regions.europe import EU868
from gateway.northbound.certificate import Certificate
from gateway.settings import Settings

SCREENS = Path(__file__).parent / "screens"
CASES = (
    "healthy", "broker_down", "radio_unplugged", "disk_full", "clock_unset", "codec_broken",
)  # fmt: skip
AT = 1_795_356_180.0  # 22.11.2026 14:03 UTC
EUI, URL, PORT = "0016c001ff10a235", "mqtts://mqtt.example.org:8883", "/dev/kogge-concentrator"
GIB = 1 << 30

MACHINE = Machine(
    Disk("/var/lib/kogge", 11 * GIB, 29 * GIB, 17 * GIB, False),
    Memory(612_000_000, 922_000_000, 45_000_000),
    48.3, 1_047_600.0, False, "Raspberry Pi 4 Model B Rev 1.5", "6.6.31+rpt-rpi-v8", "3.11.2",
)  # fmt: skip
STATUS: dict[str, Any] = {
    "v": 1, "version": "0.1.0", "gateway": EUI, "name": "Pfahl 17", "place": "",
    "health": "healthy",
    "since": AT - 11_700, "now": AT, "up": 11_700.0, "pid": 612, "state_dir": "/var/lib/kogge",
    "time_quality": "ntp", "backlog": 3, "lost": 0, "devices": 8, "stuck": [], "locked": 0,
    "codec_worker": {"state": "not needed", "reason": "", "starts": 0, "faults": 0, "disabled": {}},
    "radio": {"state": "receiving", "reason": "", "starts": 1, "model": "SX1302",
              "firmware": "MCU V01.00.00, AGC 10, ARB 2", "temperature": 24.37, "damaged": {},
              "restarts": 0, "last_reason": "", "last_fault_at": None, "faults": {}, "pulses": 0,
              "eui": EUI, "heard": {"minutes": 5, "packets": 42, "seconds": 3.4, "noise": -116.8,
                        "noise_packets": 31}},
    "city": {"state": "connected", "reason": "", "seconds": 11_694.0, "url": URL, "protocol": "5",
             "commands": True, "paused": None, "parked": 0, "warnings": [], "published": 1204,
             "refused": 0},
    "counts": {"readings": 12_345, "joins": 9}, "answers": {}, "downlinks": 0,
    "drops": {"bad_mic": 2, "unknown_device": 1871}, "silence": "",
    "duty_cycle": {"868-868.6": {"seconds_left": 34.6, "seconds": 36.0}},
    "join": {"join": "open", "seconds_left": None, "allow": [], "joins_per_minute": 60},
    "store": {"state": "well", "reason": "", "since": None, "retries": 0, "memory_records": 0},
    "archive": {"readings": 12_340, "bytes": 1_204_224, "from": AT - 604_800, "to": AT - 2,
                "given_up": 0, "damaged": 0, "replays": 0},
}  # fmt: skip
UNREACHABLE = f"{URL} cannot be reached: [Errno 111] Connection refused"
NO_PORT = f"cannot open {PORT}: there is no such port; plug the board in, or name its port"
BAD_CODEC = (
    "the codec is disabled, it was stopped 3 times, the last time: it used up the processor and"
    " could not be interrupted"
)


def machine(case: str) -> Machine:
    if case != "disk_full":
        return MACHINE
    return MACHINE._replace(disk=Disk("/var/lib/kogge", GIB // 2, 29 * GIB, 28 * GIB, False))


def status(case: str) -> dict[str, Any]:
    """The daemon's answer in this case, with the machine's."""
    radio, city, worker = STATUS["radio"], STATUS["city"], STATUS["codec_worker"]
    deaf = {"state": "fault", "reason": NO_PORT, "last_reason": NO_PORT, "last_fault_at": AT - 60,
            "faults": {"link": 1},
            "heard": {"minutes": 5, "packets": 30, "seconds": 61.0, "noise": None,
                      "noise_packets": 0}}  # fmt: skip
    changes: dict[str, dict[str, Any]] = {
        "broker_down": {
            "health": "degraded", "backlog": 4211,
            "city": city | {"state": "disconnected", "reason": UNREACHABLE, "seconds": 11_520.0,
                            "commands": False},
        },
        "radio_unplugged": {"health": "degraded", "radio": radio | deaf},
        "disk_full": {"lost": 512},
        "clock_unset": {"time_quality": "unsynchronised", "now": None},
        "codec_broken": {"codec_worker": worker | {"disabled": {"acme/bin": BAD_CODEC}}},
    }  # fmt: skip
    return STATUS | changes.get(case, {}) | {"machine": told(machine(case))}


def known(case: str) -> Known:
    config = Config(mqtt=Mqtt(url=URL))
    config.concentrator.port = PORT
    devices = (GAUGE,) * 8
    settings = Settings(config, devices, {}, None, EU868, factory_rx(EU868), Path())  # type: ignore[arg-type]
    unset = case == "clock_unset"
    return Known(
        Path("/etc/kogge/kogge.toml"), settings, "", (), status(case), "", machine(case),
        "unsynchronised" if unset else "ntp", None if unset else AT,
    )  # fmt: skip


def facts(case: str) -> dict[str, Any]:
    """What the groups would have gathered."""
    there = case != "radio_unplugged"
    images = (("agc_fw_sx1250.bin", "good"), ("arb_fw.bin", "good"))
    authority = Certificate(b"ca", b"ca", AT + 900 * DAY)
    line = Line("mqtt.example.org", 8883, True, ("192.0.2.17",), "", "", "",
                expires=AT + 71 * DAY, files=Files((authority,)), eui=EUI)  # fmt: skip
    if case == "broker_down":
        line = line._replace(tcp_problem="Connection refused", tls_problem=None, expires=None)
    return {
        "configuration": None,
        "service": {"LoadState": "loaded", "ActiveState": "active", "SubState": "running",
                    "Result": "success", "NRestarts": "0", "WatchdogUSec": "1min"},
        "radio": Radio(PORT, there, "dialout" if there else "", there, images),
        "machine": None,
        "broker": line,
        "storage": Storage([], None, "in_use"),
        "kernel": ["usb 1-1.2: USB disconnect, device number 4"] if not there else [],
    }  # fmt: skip


def found(case: str) -> list[Found]:
    gathered = facts(case)
    return [
        Found(check, check.judge(known(case), gathered[group.name]))
        for group in GROUPS
        for check in group.checks
    ]


def drawn(verb: str, case: str, lang: str) -> str:
    """What a terminal of 80 columns shows, without its colours."""
    language.speak(lang)
    try:
        if verb == "status":
            lines = list(status_screen.screen(status(case), Style(80)))
        else:
            lines = list(doctor.screen(found(case), Style(80)))
    finally:
        language.speak("en")
    return "\n".join(lines) + "\n"


def all_screens() -> Iterator[tuple[str, str, str]]:
    for verb in ("status", "doctor"):
        for case in CASES:
            for lang in language.LANGUAGES:
                yield verb, case, lang


def file(verb: str, case: str, lang: str) -> Path:
    return SCREENS / f"{verb}-{case}-{lang}.txt"


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    for one in all_screens():
        file(*one).write_text(drawn(*one), encoding="utf-8")
