"""The package installs, runs and goes: the one test in a container that `make test` has too, so
that packaging never rots. It is skipped where there is no root, tool or index, and says so.
"""

from pathlib import Path

import pytest
from installed import Installed
from machine import machine

# beside the others, on one worker; pytest's time-out is against hanging, and a build is in it
pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(3600)]


@pytest.fixture(scope="session", autouse=True)
def containers_boot(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where a bare Debian does not, in a sandbox, that is not the package's fault."""
    with machine(tmp_path_factory.mktemp("bare"), root) as bare:
        try:
            bare.boot()
        except AssertionError as why:
            pytest.skip(f"no container boots here: {why}")


def test_package_is_installed_runs_and_goes_without_a_trace(
    gateway: Installed, package: Path
) -> None:
    before = files(gateway)
    said = gateway.install(package)
    assert "sudo systemctl enable --now kogge" in said
    gateway.configure()
    assert gateway.show("StatusText") == "radio receiving"
    gateway.send()
    gateway.all_arrived()
    gateway.machine.run("systemctl", "stop", "kogge")
    assert gateway.show("Result") == "success"
    for unit in ("board", "city"):
        gateway.machine.run("systemctl", "disable", "--now", unit)
        gateway.machine.run("rm", f"/etc/systemd/system/{unit}.service")
    gateway.machine.run("touch", "/etc/kogge/purge-data")
    gateway.machine.run("apt-get", "purge", "-y", "kogge")
    assert files(gateway) - before == set()
    for database in ("passwd", "group"):
        assert gateway.machine.says("getent", database, "kogge") == ""


def files(gateway: Installed) -> set[str]:
    """All files and directories but those of the system's own diary."""
    found = gateway.machine.says(
        "find", "/etc", "/opt", "/usr", "/var", "/home", "-not", "-path", "/var/log/*", "-not",
        "-path", "/var/cache/*", "-not", "-path", "/var/lib/apt/*", "-not", "-path", "*-",
        "-not", "-path", "/var/lib/city", "-not", "-path", "/var/lib/mosquitto/*",
        "-not", "-path", "/var/lib/dpkg/*", "-not", "-path", "/var/tmp/*",
    )  # fmt: skip
    return set(found.splitlines())
