#!/usr/bin/python3 -I
"""Some seconds after an upgraded Kogge is in service: is it as well as before? If not it goes back.

A start that copies and migrates a large database takes as long as it takes, PATIENCE at most; one
that fails is judged at once. Needs nothing of Kogge's own but its answer, as Kogge may be what is
broken. In ROOM the version before has left itself (prerm): previous.deb, and before.json, what
`kogge status --json` said. A database that the upgrade has migrated goes aside as
kogge.db.taken-back, and the copy from before the migration takes its place: with `salvaged` noted
in it Kogge goes on far above every number that it may have used since (gateway/store/raising.py).
Where there was no room for a copy the version before refuses the database, and the newer one stays.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

ROOM = Path("/var/lib/kogge-upgrade")
STATE = Path("/var/lib/kogge")
GOING_BACK = Path("/run/kogge-going-back")
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
        status: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return {}
    return status


def copy_from_before(state: Path, since: float) -> Path | None:
    """The database as it was before the upgrade migrated it; None where it did not."""
    copies = [copy for copy in state.glob("kogge.db.v*.bak") if copy.stat().st_mtime >= since]
    return max(copies, key=lambda copy: copy.stat().st_mtime, default=None)


def put_back(state: Path, copy: Path) -> None:
    """Needs no room: the copy itself becomes the database."""
    database = state / "kogge.db"
    owner = database.stat()
    with closing(sqlite3.connect(copy)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'note'").fetchone():
            connection.execute("INSERT OR REPLACE INTO note VALUES ('salvaged', 'taken back')")
    copy.chmod(0o600)
    os.chown(copy, owner.st_uid, owner.st_gid)
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


def go_back() -> None:
    """Raises CalledProcessError, before anything is changed where that can be known before."""
    install("--simulate", "-q")
    subprocess.run(["systemctl", "stop", "kogge"], check=True)
    copy = copy_from_before(STATE, (ROOM / "before.json").stat().st_mtime)
    if copy is not None:
        put_back(STATE, copy)
    GOING_BACK.touch()
    try:
        install()
    finally:
        GOING_BACK.unlink()
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


def main(seconds: float) -> int:
    wait(seconds)
    subprocess.run(["systemctl", "disable", "--now", "--quiet", TIMER], check=True)
    before = json.loads((ROOM / "before.json").read_text() or "{}")
    reason = worse(before, asked())
    if not reason:
        print("the new version is as well as the one before")
        return 0
    print(
        f"<3>the new version is worse than the one before ({reason}): that comes back", flush=True
    )
    try:
        go_back()
    except subprocess.CalledProcessError:
        print("<3>the version before could not be installed (see above): the newer one stays")
        return 1
    print("<4>the version before runs again; report what the journal says of the newer one")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
