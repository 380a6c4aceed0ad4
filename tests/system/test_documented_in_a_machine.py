"""What the documents have typed that changes a machine, or asks its systemd: as it stands there.

The rest of what they have typed runs in tests/end_to_end/test_documented_commands.py. What is
changed: there is no sudo, the package is this one, nobody sits at the editor and the prompt, and
what goes on until Ctrl-C does not.
"""

import re
from pathlib import Path

import pytest
from documented import lines_for_a_machine
from installed import CONFIG, Installed

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
WITH_A_NAME = CONFIG.replace("[clock]", 'username = "lamp-17"\n[clock]')
SHELL = """set -e
sudo() { "$@"; }
nano() { cat >"$1"; }
journalctl() { timeout 2 journalctl "$@" || [ $? = 124 ]; }
USER=root
"""
KEY = "/var/lib/kogge/kogge.key"
INTO_A_CREDENTIAL = ("--name=kogge-key", f"rm {KEY}")  # another way, so after all others


def test_lines_of_the_documents_do_what_they_promise(gateway: Installed, package: Path) -> None:
    lines = lines_for_a_machine()
    lines.sort(key=lambda line: any(part in line for part in INTO_A_CREDENTIAL))
    gateway.install(package)
    gateway.configure()
    gateway.write("/etc/kogge/kogge.toml", WITH_A_NAME)
    gateway.machine.run("mkdir", "-p", "/etc/credstore.encrypted")
    gateway.send()
    gateway.all_arrived()  # so there is a session, and a key that seals it
    before = gateway.machine.says("cat", KEY)
    for line in lines:
        typed = re.sub(r"\./kogge_\S+\.deb", f"/root/{package.name}", line.strip())
        gateway.machine.run("bash", "-c", SHELL + typed, text="secret\n")
        if "2,$d" in line:
            changed = gateway.machine.says("cat", KEY).split()
            assert len(changed) == 1
            assert changed != before.split()
    assert gateway.machine.says("stat", "-c", "%a %G", "/etc/kogge/mqtt-password") == "640 kogge"
    assert "kogge" in gateway.machine.says("id", "-nG", "root").split()
    assert gateway.show("ProtectClock") == "no"
    gateway.machine.run("systemctl", "restart", "kogge")
    assert gateway.receiving()["locked"] == 0, "no session is lost"
    gateway.send()
    gateway.all_arrived()
    assert gateway.machine.says("ls", KEY) == ""
