"""What `kogge buffer` is told about the database of a daemon that has stopped: the same lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway import clock, config, files
from gateway.diagnostics import buffering
from gateway.diagnostics.buffering import Wanted
from gateway.errors import ControlError
from gateway.store import archive_tables, at_rest, inspection, tables
from gateway.store.bounds import Bounds

Line = dict[str, Any]


def lines(file: Path, wish: Line) -> Iterator[Line]:
    wanted, path = buffering.asked(wish), files.database(file)
    if wanted.action == "purge":
        raise ControlError(
            "no daemon runs, and only it can purge: it tells the city what it will not get; start"
            " it (sudo systemctl start kogge), and kogge forward pause keeps it from sending"
        )
    with at_rest.opened(path) as connection:
        if wanted.action == "status":
            yield _status(connection, path, Bounds.of(config.load(file).store))
        elif wanted.action == "verify":
            yield _verify(connection)
        else:
            yield from _records(connection, wanted)


def _verify(connection: Any) -> Line:
    wrong = inspection.structure(connection)
    order = inspection.Order()
    tally = at_rest.tally(connection, archive=True)
    if not wrong:
        while order.check(connection):
            pass
        for _ in at_rest.slices(connection, tally, newest=False, archive=True):
            pass
    faults = [*wrong, *order.faults]
    return {"done": buffering.verdict(tally.passed, tally.damaged, faults, not wrong)}


def _records(connection: Any, wanted: Wanted) -> Iterator[Line]:
    sent, tally = 0, at_rest.tally(connection, archive=wanted.archive)
    for records in at_rest.slices(connection, tally, newest=wanted.newest, archive=wanted.archive):
        found = wanted.lines(records, lambda moment: moment, sent)
        sent += len(found)
        plain = msgspec.to_builtins(found)
        yield {"records": plain, "passed": tally.passed, "of": tally.expected}
        if sent == wanted.limit:
            break
    yield {"done": buffering.done(sent, tally.damaged, 0)}


def _status(connection: Any, path: Path, bounds: Bounds) -> Line:
    now = clock.Clock(clock.Trust("auto", clock.was_synchronised()), clock.boot_id())
    found, stock = inspection.ends(connection), tables.read_stock(connection)
    blocks = archive_tables.load(connection)
    spans = [(one.begins, one.ends) for one in blocks if one.begins is not None]
    return {
        "asked": "database",
        "records": stock.records,
        "parked": 0,
        "given_up": 0,
        "oldest": buffering.when(found.oldest, now),
        "newest": buffering.when(found.newest, now),
        "segments": found.segments,
        "disk": at_rest.room(connection, path)._asdict(),
        "fault": "",
        "bounds": buffering.told(bounds),
        "archive": {
            "readings": sum(one.count for one in blocks),
            "bytes": sum(one.size for one in blocks),
            "from": min((begin for begin, _ in spans), default=None),
            "to": max((end for _, end in spans if end is not None), default=None),
        },
        "beside": buffering.beside(path),
    }
