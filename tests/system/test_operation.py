"""What systemd does with the service, and what the service asks of its machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from installed import CONFIG, Installed

from gateway.diagnostics.log_lines import HAPPENINGS

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
MIB = 1 << 20
ELSEWHERE = ("/var/lib/mosquitto", "/var/log/mosquitto", "/var/lib/city")
STOP_SECONDS = 5.0  # promised; measured: 0.5 on a busy machine
NO_PAYLOAD = bytes.fromhex("01ff")  # of Cayenne LPP
ASKED = "/run/asked"
MUTE = f"""import pathlib, socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 53))
    while server.recv(512):
        pathlib.Path("{ASKED}").touch()
"""
RESOLVER = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n"
JOURNAL_KEPT = 64 * MIB  # systemd/kogge-journald.conf
ONE_FILE = JOURNAL_KEPT // 8  # journald.conf(5), SystemMaxFileSize=
CHATTER = "head -c 120M /dev/urandom | base64 -w 30000 | systemd-cat"


def test_stop_takes_at_most_5_s_and_all_is_committed(gateway: Installed, package: Path) -> None:
    """Also where nobody answers the question for the broker's address, as with the line cut."""
    gateway.install(package)
    gateway.configure()
    assert stopped_within(gateway) <= STOP_SECONDS, gateway.log()
    gateway.write("/root/mute.py", MUTE)
    gateway.machine.run("systemd-run", "--unit=mute", "python3", "/root/mute.py")
    gateway.write("/etc/resolv.conf", RESOLVER)
    gateway.write("/etc/kogge/kogge.toml", CONFIG.replace("//127.0.0.1", "//broker.test"))
    gateway.machine.run("systemctl", "start", "kogge")
    gateway.receiving()
    gateway.machine.until(lambda: gateway.machine.says("ls", ASKED) == ASKED)
    for _ in range(3):
        gateway.send()
    gateway.until(lambda status: status["counts"]["readings"] == gateway.sent)
    assert stopped_within(gateway) <= STOP_SECONDS, gateway.log()
    gateway.write("/etc/kogge/kogge.toml", CONFIG)
    gateway.machine.run("systemctl", "start", "kogge")
    gateway.all_arrived()


def stopped_within(gateway: Installed) -> float:
    """Seconds, by systemd's own clock; in order, and not killed."""
    gateway.machine.run("systemctl", "stop", "kogge")
    assert gateway.show("Result") == "success", gateway.log()
    begun, ended = (
        int(gateway.show(f"{which}TimestampMonotonic")) for which in ("ActiveExit", "InactiveEnter")
    )
    return (ended - begun) / 1e6


def test_read_only_root_and_one_writable_directory_are_enough(
    gateway: Installed, package: Path
) -> None:
    """The broker and the city have a place of their own: they would be other machines."""
    gateway.install(package)
    gateway.configure()
    gateway.machine.run("systemctl", "stop", "mosquitto")
    gateway.send()
    gateway.until(lambda status: status["counts"]["readings"] == gateway.sent)
    gateway.machine.reboot(("/var/lib/kogge", *ELSEWHERE))
    for name in ("/etc/kogge/new", "/opt/kogge/new", "/var/lib/new", "/var/log/new"):
        assert "Read-only" in gateway.machine.run("touch", name, check=False).stderr
    assert gateway.receiving()["machine"]["disk"]["read_only"] is False
    gateway.send()
    gateway.all_arrived()
    assert gateway.show("NRestarts") == "0", gateway.log()


def test_journal_has_fields_to_look_for(gateway: Installed, package: Path) -> None:
    gateway.install(package)
    gateway.configure()
    gateway.send(NO_PAYLOAD)
    gateway.all_arrived()
    (undecoded,) = journal(gateway, "DEV_EUI=70b3d57ed0000001")
    assert undecoded["REASON"] == "not_decoded"
    assert (undecoded["PRIORITY"], undecoded["_SYSTEMD_UNIT"]) == ("4", "kogge.service")
    for happening in ("radio_receiving", "city_connected"):
        assert len(journal(gateway, f"MESSAGE_ID={HAPPENINGS[happening]}")) == 1


def journal(gateway: Installed, *match: str) -> list[dict[str, Any]]:
    said = gateway.machine.says("journalctl", "-u", "kogge", "-o", "json", *match)
    return [json.loads(line) for line in said.splitlines()]


def test_journal_stays_small_on_the_card(gateway: Installed, package: Path) -> None:
    gateway.install(package)
    gateway.machine.run("sh", "-c", CHATTER)
    gateway.machine.run("journalctl", "--sync")
    used = int(gateway.machine.says("du", "-sb", "/var/log/journal").split()[0])
    assert JOURNAL_KEPT / 2 < used <= JOURNAL_KEPT + ONE_FILE
