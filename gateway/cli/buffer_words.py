"""What `kogge buffer` shows, as a technician reads it."""

from collections.abc import Iterator
from typing import Any, Final

from gateway.cli import codes
from gateway.cli.heard import heard
from gateway.cli.language import DAY, _, instant, moment, number, plural, size, span
from gateway.cli.quantities import measured

Line = dict[str, Any]

WORDED: Final = {"state": codes.STATES, "status": codes.SENT, "cause": codes.DROPS}
_LABEL = 10  # columns


def standing(found: Line) -> Iterator[str]:
    waiting = plural(
        "{n} record waits for the city", "{n} records wait for the city", found["records"]
    )
    asked = found["asked"] == "daemon"
    yield waiting if asked else waiting + _(", as a daemon that has stopped left them")
    if found["parked"]:
        yield _row(
            _("parked"), _("{n}: the broker refused them for good", n=number(found["parked"]))
        )
    if found["given_up"]:
        yield _row(_("GIVEN UP"), _("{n}: told to the city as gaps", n=number(found["given_up"])))
    for end, name in (("oldest", _("oldest")), ("newest", _("newest"))):
        if found[end] is not None:
            yield _row(name, _when(found[end]))
    yield _row(_("database"), _database(found))
    yield _row(_("disk"), _("{size} free", size=size(found["disk"]["free"])) + _fault(found))
    yield _row(_("bounds"), _bounds(found["bounds"]))
    archive = found["archive"]
    delivered, room = number(archive["readings"]), size(archive["bytes"])
    yield _row(_("archive"), _("{n} delivered, {size}", n=delivered, size=room))
    for one in found["beside"]:
        yield _row(_("put by"), f"{one['name']}, {size(one['bytes'])}")


def _row(name: str, text: str) -> str:
    return f"  {name:{_LABEL}} {text}"


def _database(found: Line) -> str:
    disk = found["disk"]
    segments = plural("{n} segment", "{n} segments", found["segments"])
    return _(
        "{used} in {segments}, {spare} of it free, log {log}",
        used=size(disk["used"]),
        segments=segments,
        spare=size(disk["spare"]),
        log=size(disk["wal"]),
    )


def _bounds(bounds: Line) -> str:
    days = plural("{n} day", "{n} days", round(bounds["max_age_s"] / DAY))
    most, left = size(bounds["max_bytes"]), size(bounds["min_free"])
    return _("{days}, {most}, leave {left} of the disk", days=days, most=most, left=left)


def _fault(found: Line) -> str:
    return _("; it REFUSES: {why}", why=heard(found["fault"])) if found["fault"] else ""


def _when(end: Line) -> str:
    at = _("at an unknown time") if end["at"] is None else moment(end["at"])
    return at if end["age_s"] is None else f"{at}, {_('{ago} ago', ago=span(end['age_s']))}"


def listed(record: Line) -> str:
    """One record in columns: when, who, what."""
    if "type" in record:
        at, name, what = record["at"], codes.word(record["type"], codes.EVENTS), _event(record)
    else:
        at, name, what = record["received_at"], record["name"], _reading(record)
    return f"{_local(at) if at else _('time unknown'):24}  {name:18}  {what}"


def _local(at: str) -> str:
    """RFC 3339 in UTC, on a screen."""
    from datetime import datetime

    return instant(datetime.fromisoformat(at).timestamp())


def _event(record: Line) -> str:
    told = {key: value for key, value in record.items() if key not in ("id", "type", "at")}
    return ", ".join(_detail(key, value) for key, value in told.items() if value not in (None, ""))


def _detail(key: str, value: object) -> str:
    """What has words of its own needs no name."""
    if key in WORDED:
        return codes.word(str(value), WORDED[key])
    if key in ("device", "name", "reason"):
        return heard(str(value))
    return f"{key} {value}"


def _reading(record: Line) -> str:
    values = list(measured(record))
    if record.get("error"):
        payload, why = record.get("payload"), heard(record["error"])
        values.append(_("undecoded {payload}: {why}", payload=payload, why=why))
    return f"{record['f_cnt']:>6}  {', '.join(values)}"


def verified(done: Line) -> Iterator[str]:
    """What was found out about the database."""
    yield plural(
        "{n} record on disk can be read", "{n} records on disk can be read", done["records"]
    )
    if done["damaged"]:
        damaged = number(done["damaged"])
        yield "  " + _("{n} CANNOT: the daemon passes over them, and tells the city", n=damaged)
    for fault in done["faults"]:
        yield "  " + _("WRONG: {fault}", fault=heard(fault))
    if done["structure"] is None:
        yield "  " + _("the file's own structure is checked when the daemon does not run")
    well, damaged = _("all is well"), _("it is damaged: check the card (dmesg), and export it")
    yield well if done["ok"] else damaged


def purged(done: Line) -> str:
    return _(
        "purged: {readings}, and {archived} of the archive; {waiting}",
        readings=plural("{n} reading", "{n} readings", done["purged"]),
        archived=number(done["archived"]),
        waiting=plural("{n} record waits", "{n} records wait", done["records"]),
    )


def exported(done: Line, file: str) -> str:
    told = plural("{n} record", "{n} records", done["records"])
    if done["damaged"]:
        told += _(", {n} more CANNOT BE READ", n=number(done["damaged"]))
    if done["gone"]:
        told += _(", {n} were given up meanwhile", n=number(done["gone"]))
    return f"{told}: {file}"
