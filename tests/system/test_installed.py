"""The package as it is installed: systemd as PID 1, apt, the service, a board and a broker."""

from pathlib import Path

import pytest
from installed import DEVICES, Installed

DROP_INS = "/etc/systemd/system/kogge.service.d"
CODEC = "function decodeUplink(input) { return { data: { temperature: input.bytes[3] / 10 } }; }"
pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]


def test_killed_it_is_started_again_and_nothing_is_lost(gateway: Installed, package: Path) -> None:
    gateway.install(package)
    gateway.configure()
    gateway.send()
    killed = gateway.pid()
    gateway.machine.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "kogge")
    gateway.until(lambda status: status["pid"] != killed)
    gateway.receiving()
    gateway.send()
    gateway.all_arrived()
    assert gateway.show("NRestarts") == "1", gateway.log()


def test_hanging_it_is_found_by_the_watchdog(gateway: Installed, package: Path) -> None:
    """With a shorter patience than the 60 s of the street, for the test's sake."""
    gateway.install(package)
    gateway.write(f"{DROP_INS}/watchdog.conf", "[Service]\nWatchdogSec=15\n")
    gateway.configure()
    stopped = gateway.pid()
    gateway.machine.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "kogge")
    gateway.machine.until(lambda: gateway.show("NRestarts") != "0")
    assert "Watchdog timeout" in gateway.log()
    assert gateway.receiving()["pid"] != stopped


def test_reboot_loses_nothing_that_waits_for_the_city(gateway: Installed, package: Path) -> None:
    gateway.install(package)
    gateway.configure()
    gateway.machine.run("systemctl", "stop", "mosquitto")
    for _ in range(3):
        gateway.send()
    gateway.until(lambda status: status["counts"]["readings"] == gateway.sent)
    gateway.machine.reboot()
    gateway.all_arrived()


def test_purge_keeps_what_waits_for_the_city_and_installing_anew_goes_on(
    gateway: Installed, package: Path
) -> None:
    """With nobody's purge-data the data stay, and their owner; the configuration does not."""
    gateway.install(package)
    gateway.configure()
    gateway.machine.run("systemctl", "stop", "mosquitto")
    gateway.send()
    gateway.until(lambda status: status["counts"]["readings"] == gateway.sent)
    gateway.machine.run("apt-get", "purge", "-y", "kogge")
    assert gateway.machine.says("ls", "-d", "/etc/kogge", "/opt/kogge", DROP_INS) == ""
    assert gateway.machine.says("stat", "-c", "%U", "/var/lib/kogge/kogge.db") == "kogge"
    gateway.install(package)
    gateway.machine.run("systemctl", "start", "mosquitto")
    gateway.configure()
    gateway.all_arrived()


def test_key_sealed_to_the_machine_reaches_the_service_alone(
    gateway: Installed, package: Path
) -> None:
    gateway.install(package)
    gateway.machine.run("mkdir", "-p", "/etc/credstore.encrypted")
    sealed = "/etc/credstore.encrypted/kogge-key"
    gateway.machine.run("systemd-creds", "encrypt", "--name=kogge-key", "-", sealed, text="5a" * 32)
    gateway.configure()
    gateway.send()
    gateway.all_arrived()
    given = "/run/credentials/kogge.service/kogge-key"
    assert gateway.machine.says("cat", given) == "5a" * 32
    assert gateway.machine.says("stat", "-c", "%a %U", given) == "400 kogge"
    assert not gateway.machine.says("find", "/var/lib/kogge", "-name", "kogge.key")


def test_hostile_codec_stays_confined_within_the_services_own_walls(
    gateway: Installed, package: Path
) -> None:
    """Two filters of system calls, one in the other; the clock without adjtimex."""
    gateway.install(package)
    gateway.configure()
    gateway.write("/etc/kogge/codecs/acme/level.js", CODEC)
    gateway.write("/etc/kogge/devices.toml", DEVICES.replace('"cayennelpp"', '"acme/level"'))
    gateway.machine.run("kogge", "config", "check")
    gateway.machine.run("systemctl", "restart", "kogge")
    gateway.receiving()
    gateway.send()
    gateway.all_arrived()
    holds = gateway.status()["codec_worker"]["holds"]
    assert holds == "limits, no new privileges, system calls filtered"
