"""Another version over the one that runs: up with its data, down refused, and back by itself."""

from pathlib import Path

import pytest
from installed import Installed, variant

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
NEW_SCHEMA = "CREATE TABLE later (anything TEXT) STRICT;\n"
SOON = "/etc/systemd/system/kogge-upgrade-check.service.d/soon.conf"
HELD_UP = "/etc/apt/apt.conf.d/hold-up"
INSTALLED, REACHED = "/root/installed", "/root/reached"
ASIDE = "/var/lib/kogge/kogge.db.taken-back"
AFTER_A_SECOND = "[Service]\nExecStart=\nExecStart=/usr/lib/kogge/upgrade-check 1\n"


def as_it_is(_gateway: Path) -> None:
    """The same program under another version's name."""


def with_a_new_schema(gateway: Path) -> None:
    schemas = sorted((gateway / "store" / "schema").glob("*.sql"))
    (schemas[-1].parent / f"{len(schemas) + 1:04}.sql").write_text(NEW_SCHEMA)
    preinst = gateway.parents[4].parent / "DEBIAN" / "preinst"
    text = preinst.read_text()
    known = f"known={len(schemas)}"
    assert known in text
    preinst.write_text(text.replace(known, f"known={len(schemas) + 1}"))


def with_a_new_schema_and_deaf(gateway: Path) -> None:
    """It starts, answers, and hears nothing."""
    with_a_new_schema(gateway)
    link = gateway.parent / "drivers" / "link.py"
    text = link.read_text()
    broken = text.replace("async def open_link(", "async def open_link_that_worked(")
    assert broken != text
    broken += '\n\nasync def open_link(url: str, deadline: float = 1.0) -> "SerialLink":\n'
    link.write_text(broken + '    raise LinkLost("this version cannot open ports")\n')


def whose_installation_never_ends(gateway: Path) -> None:
    preinst = gateway.parents[4].parent / "DEBIAN" / "preinst"
    preinst.write_text(f"#!/bin/sh\ntouch {REACHED}\nsleep infinity\n")


def test_upgrade_keeps_what_waits_and_the_operators_files(
    gateway: Installed, package: Path, tmp_path: Path
) -> None:
    older = variant(package, tmp_path, "0.0.1", as_it_is)
    gateway.install(older)
    gateway.configure()
    gateway.machine.run("systemctl", "stop", "mosquitto")
    gateway.send()
    gateway.until(lambda status: status["counts"]["readings"] == 1)
    files = ("sha256sum", "/etc/kogge/kogge.toml", "/etc/kogge/devices.toml")
    before = gateway.machine.says(*files)
    assert "systemctl enable" not in gateway.install(package)
    gateway.receiving()
    assert gateway.machine.says(*files) == before
    gateway.machine.run("systemctl", "start", "mosquitto")
    gateway.send()
    gateway.all_arrived()


def test_older_version_is_refused_where_the_database_is_newer(
    gateway: Installed, package: Path, tmp_path: Path
) -> None:
    newer = variant(package, tmp_path, "99.0.0", with_a_new_schema)
    gateway.install(newer)
    gateway.configure()
    said = gateway.install(package, "--allow-downgrades", check=False)
    assert "older than the database" in said
    assert version(gateway) == "99.0.0 installed"
    assert gateway.show("UnitFileState", "kogge-upgrade-check.timer") == "disabled"
    gateway.receiving()
    gateway.send()
    gateway.all_arrived()


def test_upgrade_that_hears_nothing_goes_back_by_itself(
    gateway: Installed, package: Path, tmp_path: Path
) -> None:
    """With its migrated database: what the city has not had before the upgrade still comes."""
    worse = variant(package, tmp_path, "99.0.0", with_a_new_schema_and_deaf)
    gateway.install(package)
    gateway.configure()
    gateway.machine.run("systemctl", "stop", "mosquitto")
    gateway.send()
    gateway.until(lambda status: status["counts"]["readings"] == 1)
    gateway.install(worse)
    gateway.until(lambda status: status["radio"]["state"] == "fault")
    assert version(gateway) == "99.0.0 installed"
    assert gateway.show("ActiveState", "kogge-upgrade-check.timer") == "active"
    check(gateway)
    assert version(gateway) != "99.0.0 installed"
    gateway.receiving()
    gateway.machine.run("systemctl", "start", "mosquitto")
    gateway.send()
    gateway.all_arrived()
    assert gateway.show("ActiveState", "kogge-upgrade-check.timer") == "inactive"
    assert gateway.show("UnitFileState", "kogge-upgrade-check.timer") == "disabled"


def test_power_cut_on_the_way_back_only_delays_it(
    gateway: Installed, package: Path, tmp_path: Path
) -> None:
    """In its worst moment: the version before is installed, and the database still the newer's."""
    gateway.install(package)
    gateway.configure()
    gateway.send()
    gateway.all_arrived()
    gateway.install(variant(package, tmp_path, "99.0.0", with_a_new_schema_and_deaf))
    gateway.until(lambda status: status["radio"]["state"] == "fault")
    gateway.write(SOON, AFTER_A_SECOND)
    gateway.write(HELD_UP, f'DPkg::Post-Invoke {{ "touch {INSTALLED}; sleep infinity"; }};\n')
    gateway.machine.run("systemctl", "daemon-reload")
    gateway.machine.run("systemctl", "start", "--no-block", "kogge-upgrade-check")
    gateway.machine.until(lambda: gateway.machine.says("ls", INSTALLED) == INSTALLED)
    assert gateway.machine.says("ls", ASIDE) == ""
    gateway.machine.run("rm", HELD_UP)
    gateway.machine.run("sync")
    gateway.machine.off()
    gateway.machine.boot()
    gateway.machine.run("systemctl", "start", "kogge-upgrade-check")  # the timer would, in minutes
    assert version(gateway) != "99.0.0 installed"
    assert gateway.machine.says("ls", ASIDE) == ASIDE
    gateway.receiving()
    gateway.send()
    gateway.all_arrived()
    assert gateway.show("UnitFileState", "kogge-upgrade-check.timer") == "disabled"


def test_upgrade_in_the_midst_of_which_the_power_fails_is_taken_back(
    gateway: Installed, package: Path, tmp_path: Path
) -> None:
    """dpkg calls such a package half installed, and apt refuses all other work until it is not."""
    gateway.install(package)
    gateway.configure()
    older = version(gateway)
    target = gateway.bring(variant(package, tmp_path, "99.0.0", whose_installation_never_ends))
    gateway.machine.run("systemd-run", "--unit=upgrade", "apt-get", "install", "-y", target)
    gateway.machine.until(lambda: gateway.machine.says("ls", REACHED) == REACHED)
    gateway.machine.run("sync")
    gateway.machine.off()
    gateway.machine.boot()
    assert version(gateway) != older
    assert gateway.show("ActiveState", "kogge-upgrade-check.timer") == "active"
    check(gateway)
    assert version(gateway) == older
    gateway.machine.run("apt-get", "check")
    gateway.receiving()
    gateway.send()
    gateway.all_arrived()
    assert gateway.show("UnitFileState", "kogge-upgrade-check.timer") == "disabled"


def test_upgrade_that_is_as_well_stays(gateway: Installed, package: Path, tmp_path: Path) -> None:
    gateway.install(package)
    gateway.configure()
    gateway.install(variant(package, tmp_path, "99.0.0", as_it_is))
    gateway.receiving()
    check(gateway)
    assert version(gateway) == "99.0.0 installed"
    gateway.receiving()


def check(gateway: Installed) -> None:
    """As the timer does it, but for the two minutes in service that the street waits before."""
    gateway.write(SOON, AFTER_A_SECOND)
    gateway.machine.run("systemctl", "daemon-reload")
    gateway.machine.run("systemctl", "start", "kogge-upgrade-check")


def version(gateway: Installed) -> str:
    return gateway.machine.says("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "kogge")
