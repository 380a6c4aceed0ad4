"""What `kogge buffer` shows, as a technician reads it."""

from collections.abc import Iterator
from typing import Any

from gateway.one_line import one_line

Line = dict[str, Any]

_MIB = 2**20


def standing(found: Line) -> Iterator[str]:
    where = "" if found["asked"] == "daemon" else ", as a daemon that has stopped left them"
    yield f"{found['records']} records wait for the city{where}"
    if found["parked"]:
        yield f"  parked   {found['parked']}: the broker refused them for good"
    if found["given_up"]:
        yield f"  GIVEN UP {found['given_up']}: told to the city as gaps"
    for end in ("oldest", "newest"):
        if found[end] is not None:
            yield f"  {end}   {_when(found[end])}"
    disk, bounds = found["disk"], found["bounds"]
    yield (
        f"  database {disk['used'] / _MIB:.1f} MiB in {found['segments']} segments,"
        f" {disk['spare'] / _MIB:.1f} MiB of it free, log {disk['wal'] / _MIB:.1f} MiB"
    )
    yield f"  disk     {disk['free'] / _MIB:.0f} MiB free{_fault(found)}"
    yield (
        f"  bounds   {bounds['max_age_s'] / 86_400:g} days, {bounds['max_bytes'] / _MIB:g} MiB,"
        f" leave {bounds['min_free'] / _MIB:g} MiB of the disk"
    )
    archive = found["archive"]
    yield f"  archive  {archive['readings']} delivered, {archive['bytes'] / _MIB:.1f} MiB"
    for one in found["beside"]:
        yield f"  put by   {one['name']}, {one['bytes'] / _MIB:.1f} MiB"


def _fault(found: Line) -> str:
    return f"; it REFUSES: {found['fault']}" if found["fault"] else ""


def _when(end: Line) -> str:
    from gateway.clock import rfc3339

    at = "at an unknown time" if end["at"] is None else rfc3339(end["at"])
    return at if end["age_s"] is None else f"{at}, {_age(end['age_s'])} ago"


def _age(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def listed(record: Line) -> str:
    """One record in columns: when, who, what."""
    if "type" in record:
        at, name, what = record["at"], record["type"], _event(record)
    else:
        at, name, what = record["received_at"], record["name"], _reading(record)
    return f"{at or 'time unknown':24}  {name:24}  {what}"


def _event(record: Line) -> str:
    told = {key: value for key, value in record.items() if key not in ("id", "type", "at")}
    return ", ".join(f"{key} {value}" for key, value in told.items())


def _reading(record: Line) -> str:
    values = [
        f"{name} {one_line(str(value))}{_unit(record, name)}"
        for name, value in record["measurements"].items()
    ]
    if record.get("error"):
        values.append(f"undecoded {record.get('payload')}: {record['error']}")
    return f"{record['f_cnt']:>6}  {', '.join(values)}"


def _unit(record: Line, name: str) -> str:
    unit = record["units"].get(name)
    return f" {unit}" if unit else ""


def verified(done: Line) -> Iterator[str]:
    """What was found out about the database."""
    yield f"{done['records']} records on disk can be read"
    if done["damaged"]:
        yield f"  {done['damaged']} CANNOT: the daemon passes over them, and tells the city"
    for fault in done["faults"]:
        yield f"  WRONG: {fault}"
    if done["structure"] is None:
        yield "  the file's own structure is checked when the daemon does not run"
    yield "all is well" if done["ok"] else "it is damaged: check the card (dmesg), and export it"
