"""What the database has of devices, without their keys: for when no daemon runs to be asked."""

import sqlite3
from dataclasses import dataclass

from gateway.lorawan.mac_state import FACTORY, Mac
from gateway.store import counts


@dataclass(slots=True)
class DeviceRow:
    """`dev_addr` and `f_cnt` are of the session in use; `pending`: one was joined, and not heard
    in yet; `joins` were accepted, ever.
    """

    dev_addr: str | None = None
    f_cnt: int = -1
    pending: bool = False
    mac: Mac = FACTORY
    joins: int = 0


def read(connection: sqlite3.Connection) -> dict[str, DeviceRow]:
    """By DevEUI in hex. Raises sqlite3.Error."""
    found: dict[str, DeviceRow] = {}
    latest = counts.latest(connection)
    sessions = "SELECT dev_eui, id, dev_addr, f_cnt_up, crc, pending, mac FROM session ORDER BY id"
    for dev_eui, id_, dev_addr, f_cnt_up, crc, pending, mac in connection.execute(sessions):
        row = found.setdefault(dev_eui, DeviceRow())
        if pending:
            row.pending = True
            continue
        row.dev_addr, row.mac = dev_addr, Mac.from_json(mac)
        quiet = latest.get((int(dev_eui, 16), bytes.fromhex(id_)), -1)
        row.f_cnt = max(counts.righted(f_cnt_up, crc), quiet)
    joins = "SELECT dev_eui, count(*) FROM accepted_join GROUP BY dev_eui"
    for dev_eui, count in connection.execute(joins):
        found.setdefault(dev_eui, DeviceRow()).joins = count
    return found
