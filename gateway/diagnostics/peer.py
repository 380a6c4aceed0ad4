"""Who asks over the control socket, as the kernel knows it, and whether they may.

They may who are root, the daemon's own user, or in the socket's group: whatever mode somebody has
given to the socket's file since. It is looked at once a connection, for all that is asked on it.
"""

import os
import socket
import struct
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

_CREDENTIALS: Final = struct.Struct("iII")  # pid, uid, gid: unix(7), SO_PEERCRED
_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h, Linux 4.13; Python has no name for it
_MOST: Final = 1024  # bytes that Python reads of an option: 256 groups


class Connection(Protocol):
    """A socket, or what asyncio makes of one."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


class Peer(NamedTuple):
    """A process when it connected."""

    uid: int
    groups: frozenset[int]


def peer_of(connection: Connection) -> Peer:
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(found)
    groups = [gid]
    with suppress(OSError):  # more groups than are read: the first alone counts
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST)
        groups += [group for (group,) in struct.iter_unpack("I", raw)]
    return Peer(uid, frozenset(groups))


def may_ask(peer: Peer, group: int) -> bool:
    """`group` is the socket's."""
    return peer.uid in (0, os.geteuid()) or group in peer.groups
