"""Checks of the disk and the database."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number, plural, size
from gateway.doctor.finding import Check, Finding, Group, Known, Level
from gateway.doctor.programs import kernel
from gateway.doctor.wear import wear
from gateway.store.look import CannotLook, Found, look

FULL, NEARLY_FULL = 97.0, 90.0  # percent
WORN_OUT, WORN = 100, 80
DATABASE: Final = "kogge.db"
FAILING: Final = re.compile(
    r"I/O error|EXT4-fs (error|warning)|mmc\d.*(error|timeout)|remounting filesystem read-only",
    re.IGNORECASE,
)


class Storage(NamedTuple):
    """`errors` of the kernel about disks, None: not for this user. `database` None: not looked at,
    `problem` is a word of gateway.store.look. `worn` in percent, None where nobody says.
    """

    errors: list[str] | None
    database: Found | None = None
    problem: str = ""
    worn: int | None = None


def gather(known: Known) -> Storage:
    lines = kernel()
    errors = None if lines is None else [line for line in lines if FAILING.search(line)]
    worn = wear(Path(known.machine.disk.path)) if known.machine.disk else None
    if known.status is not None:
        return Storage(errors, None, "in_use", worn)
    if known.settings is None:
        return Storage(errors, None, "absent", worn)
    try:
        directory = Path(known.settings.config.gateway.state_dir)
        return Storage(errors, look(directory / DATABASE, check=True), worn=worn)
    except CannotLook as error:
        return Storage(errors, None, error.kind, worn)


def space(known: Known, _facts: Storage) -> Finding:
    disk = known.machine.disk
    if disk is None:
        return Finding("unknown", _("where readings are kept is not known"))
    what = _("{percent} % used, {free} free", percent=number(disk.percent), free=size(disk.free))
    if disk.percent < NEARLY_FULL:
        return Finding("ok", what)
    means = _("with no room left the oldest readings are given up, and the city is told")
    do = _("what is large: sudo du -xh / | sort -h | tail; or store.max_mib lower")
    return Finding("bad" if disk.percent >= FULL else "note", what, means, do)


def health(known: Known, facts: Storage) -> Finding:
    disk = known.machine.disk
    means = _("the card or disk wears out; what is not yet at the broker is in danger")
    do = _("take a backup, and put in a new card of the industrial kind")
    if disk is not None and disk.read_only:
        return Finding("bad", _("the file system is read-only: nothing can be stored"), means, do)
    store = (known.status or {}).get("store", {"state": "well"})
    if store["state"] != "well":
        what = plural("the disk is failing, {n} reading is in memory only: {reason}",
                      "the disk is failing, {n} readings are in memory only: {reason}",
                      store["memory_records"], reason=heard(store["reason"]))  # fmt: skip
        return Finding("bad", what, means, do)
    if facts.errors:
        what = plural("{n} disk error: {last}", "{n} disk errors, last: {last}", len(facts.errors),
                      last=facts.errors[-1].strip())  # fmt: skip
        return Finding("bad", what, means, do)
    if facts.worn is not None and facts.worn >= WORN:
        level: Level = "bad" if facts.worn >= WORN_OUT else "note"
        return Finding(level, _("{n} % of its life are used", n=number(facts.worn)), means, do)
    if facts.errors is None:
        return Finding("unknown", _("this user may not read the kernel's words"), "",
                       "sudo kogge doctor")  # fmt: skip
    what = _("the kernel has no complaint about the disk")
    if facts.worn is not None:
        what += "; " + _("{n} % of its life are used", n=number(facts.worn))
    return Finding("ok", what)


def database(known: Known, facts: Storage) -> Finding:
    if known.status is not None:
        return _in_use(known.status)
    found = facts.database
    if found is None:
        return _not_looked(facts.problem)
    if found.damage:
        means = _("parts of what is stored cannot be read")
        return Finding("bad", found.damage, means, _("start the daemon: it goes on with what can be"
                                                     " read; keep a copy of the file"))  # fmt: skip
    waiting = plural("{n} reading waits", "{n} readings wait", found.backlog)
    return Finding("ok", _("sound, {size}; {waiting}", size=size(found.bytes), waiting=waiting))


def _in_use(status: Mapping[str, Any]) -> Finding:
    damaged, lost = status["archive"]["damaged"], status["lost"]
    if damage := status["store"].get("damage"):
        means = _("what was written has not been kept as it was; what could be saved is in use")
        do = _("take a backup; unless kogge.key was changed put in a new card")
        return Finding("bad", heard(damage), means, do)
    if damaged:
        what = plural("{n} reading damaged", "{n} readings damaged", damaged)
        means = _("the disk has not kept what was written; the city was told of the gap")
        return Finding("bad", what, means, _("take a backup, and put in a new card"))
    if lost:
        what = plural("{n} reading given up", "{n} readings given up", lost)
        means = _("the buffer was full or they were too old; the city was told of the gap")
        return Finding("note", what, means, _("why does the broker not take them? see above"))
    if status["store"].get("uncopied"):
        what = _("it was upgraded without a copy: there was no room for one")
        means = _("nothing is lost; but an older Kogge cannot read it: there is no going back")
        return Finding("note", what, means, "sudo kogge backup FILE")
    return Finding("ok", _("the daemon has it open, and has found no damage"))


def _not_looked(problem: str) -> Finding:
    match problem:
        case "absent":
            return Finding("unknown", _("there is none yet"))
        case "permission":
            return Finding("unknown", _("this user may not look"), "", "sudo kogge doctor")
        case "in_use":
            means = _("a daemon that does not answer, or another program of Kogge")
            return Finding("note", _("another program has it open"), means, "ps aux | grep kogge")
        case "half":
            means = _("kogge restore was interrupted; the daemon does not start with half of it")
            return Finding("bad", _("it is only half restored"), means,
                           _("kogge restore FILE once more, to its end"))  # fmt: skip
        case "large":
            return Finding("unknown", _("too large to look through in ten seconds"))
    means = _("readings that wait cannot be read from it")
    return Finding("bad", _("it cannot be read"), means, _("keep a copy of the file, then start the"
                                                           " daemon: it says more"))  # fmt: skip


GROUP: Final = Group("storage", gather, (
    Check("disk_space", mark("Disk space"), space),
    Check("disk_health", mark("Disk health"), health),
    Check("database", mark("Database"), database),
))  # fmt: skip
