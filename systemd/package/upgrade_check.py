#!/usr/bin/python3 -I
"""Some seconds after an upgraded Kogge is in service: is it as well as before? If not it goes back.

A start that copies and migrates a large database takes as long as it takes, PATIENCE at most; one
that fails is judged at once. Needs nothing of Kogge's own but its answer, as Kogge may be what is
broken. In ROOM the version before has left itself (prerm): previous.deb, and before.json, what
`kogge status --json` said. A database that the upgrade has migrated goes aside as
kogge.db.taken-back, and the copy from before the migration takes its place: with `salvaged` noted
in it Kogge goes on far above every number that it may have used since (gateway/store/raising.py).
Where there was no room for a copy the version before refuses the database, and the newer one stays.

- What may fail comes before anything is changed, and the service is started again whatever fails.
- The version before is installed before the database is exchanged: where power fails in between it
  refuses the newer database, while the newer version would migrate the older one once more.
- The timer is enabled before anything is unpacked (prerm): a power cut in the midst of dpkg leaves
  a package that is not whole, which goes back too.
- DECIDED is on disk before the first step, and the timer is enabled until the last one is done:
  what a power cut has interrupted is ended after the next boot, and not judged anew.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

ROOM = Path("/var/lib/kogge-upgrade")
STATE = Path("/var/lib/kogge")
GOING_BACK = Path("/run/kogge-going-back")  # for the package's scripts: the copy that will be used
DECIDED = "decided"  # in ROOM
RANK = {"healthy": 0, "degraded": 1, "broken": 2}
DOWN = 3
TIMER = "kogge-upgrade-check.timer"
STATUS = ("kogge", "status", "--json")
OF_THE_SERVICE = "ActiveState,NRestarts,ActiveEnterTimestampMonotonic"
BESIDE = ("-wal", "-shm")
PATIENCE = 3600.0  # seconds
ASKED_EVERY = 5.0  # seconds


def rank(status: dict[str, Any]) -> int:
    return RANK.get(status.get("health", ""), DOWN)


def receives(status: dict[str, Any]) -> bool:
    return bool(status.get("radio", {}).get("state") == "receiving")


def worse(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In words, or nothing."""
    if receives(before) and not receives(now):
        return "it received, and does not any more"
    if rank(now) > rank(before):
        return f"it was {before['health']}, and is {now.get('health', 'down')}"
    return ""


def asked() -> dict[str, Any]:
    """What Kogge says of itself; {} where it says nothing."""
    try:
        done = subprocess.run([*STATUS], capture_output=True, timeout=60, check=False)
        return told(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, IndexError):
        return {}


def told(line: bytes) -> dict[str, Any]:
    """{} where it is not whole: a power cut may have been faster."""
    with suppress(ValueError):
        status: dict[str, Any] = json.loads(line)
        return status
    return {}


def copy_from_before(state: Path, since: float) -> Path | None:
    """The database as it was before the upgrade migrated it; None where it did not."""
    copies = [copy for copy in state.glob("kogge.db.v*.bak") if copy.stat().st_mtime >= since]
    return max(copies, key=lambda copy: copy.stat().st_mtime, default=None)


def make_ready(state: Path, copy: Path) -> None:
    """All that may fail of the exchange; the database itself is not touched. Raises sqlite3.Error
    and OSError.
    """
    owner = (state / "kogge.db").stat()
    with closing(sqlite3.connect(copy)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'note'").fetchone():
            connection.execute("INSERT OR REPLACE INTO note VALUES ('salvaged', 'taken back')")
    copy.chmod(0o600)
    os.chown(copy, owner.st_uid, owner.st_gid)


def exchange(state: Path, copy: Path) -> None:
    """Needs no room: the copy itself becomes the database."""
    database = state / "kogge.db"
    # what stands in its log goes into it: without that it could look like one of before
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for end in BESIDE:
        if (file := state / f"kogge.db{end}").exists():
            file.replace(state / f"kogge.db.taken-back{end}")
    aside = state / "kogge.db.taken-back"
    aside.unlink(missing_ok=True)
    os.link(database, aside)  # at no moment is there none: Kogge would begin anew
    copy.replace(database)
    os.sync()


def install(*options: str) -> None:
    """The version before. Raises CalledProcessError: apt or the package refuses."""
    words = ["apt-get", "install", "-y", "--allow-downgrades", "-o", "DPkg::Lock::Timeout=600"]
    subprocess.run(
        [*words, *options, ROOM / "previous.deb"],
        check=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


def installed() -> bool:
    """Whether the package is whole, once what a power cut has left undone is done if it can be."""
    subprocess.run(["dpkg", "--configure", "-a"], check=False)
    asked = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", "kogge"]
    return subprocess.run(asked, capture_output=True, check=False).stdout == b"installed"


def go_back() -> None:
    """Raises CalledProcessError, sqlite3.Error, OSError: the newer one stays, and runs."""
    install("--simulate", "-q")
    (ROOM / DECIDED).touch()
    os.sync()
    subprocess.run(["systemctl", "stop", "kogge"], check=True)
    try:
        copy = copy_from_before(STATE, (ROOM / "before.json").stat().st_mtime)
        if copy is not None:
            make_ready(STATE, copy)
        GOING_BACK.write_text(str(copy or ""))
        install()
        if copy is not None:
            exchange(STATE, copy)
    finally:
        GOING_BACK.unlink(missing_ok=True)
        subprocess.run(["systemctl", "start", "--no-block", "kogge"], check=True)


def service() -> dict[str, str]:
    """What systemd says of it."""
    asked = ["systemctl", "show", "kogge", f"--property={OF_THE_SERVICE}"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def too_early(service: dict[str, str], seconds: float, now: float) -> bool:
    """It starts for the first time, or has not been there for `seconds`; times are monotonic."""
    if service["ActiveState"] == "activating":
        return service["NRestarts"] == "0"
    since = int(service["ActiveEnterTimestampMonotonic"]) / 1e6
    return service["ActiveState"] == "active" and now < since + seconds


def wait(seconds: float) -> None:
    end = time.monotonic() + PATIENCE
    while (now := time.monotonic()) < end and too_early(service(), seconds, now):
        time.sleep(ASKED_EVERY)


def why_back(seconds: float) -> str:
    """In words, or nothing."""
    is_whole = installed()
    if (ROOM / DECIDED).exists():
        return "found before the power failed"
    if not is_whole:
        return "its installation was interrupted"
    wait(seconds)
    if service()["ActiveState"] == "inactive":  # by hand: what ends by itself is started again
        return ""
    return worse(told((ROOM / "before.json").read_bytes()), asked())


def taken_back(reason: str) -> int:
    """The exit code."""
    print(f"<3>the new version is no good ({reason}): the one before comes back", flush=True)
    try:
        go_back()
    except (subprocess.CalledProcessError, sqlite3.Error, OSError) as error:
        print(f"<3>the version before could not be installed ({error}): the newer one stays")
        return 1
    print("<4>the version before runs again; report what the journal says of the newer one")
    return 0


def main(seconds: float) -> int:
    code = 0
    if reason := why_back(seconds):
        code = taken_back(reason)
    else:
        print("the new version stays: it is as well as the one before, or was stopped by hand")
    subprocess.run(["systemctl", "disable", "--now", "--quiet", TIMER], check=True)
    (ROOM / DECIDED).unlink(missing_ok=True)
    return code


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
