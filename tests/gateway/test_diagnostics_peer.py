"""Who may ask over the control socket: the kernel says who it is, not the file's mode."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from socket_daemon import answering

from gateway.diagnostics.control import Control
from gateway.diagnostics.peer import Peer, may_ask, peer_of
from gateway.diagnostics.watch import Watch

KOGGE, OTHERS = 990, 1000


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        (Peer(0, frozenset({0})), True),
        (Peer(os.geteuid(), frozenset()), True),
        (Peer(54321, frozenset({OTHERS, KOGGE})), True),
        (Peer(54321, frozenset({OTHERS})), False),
        (Peer(54321, frozenset({0})), False),
    ],
)
def test_root_the_same_user_and_the_group_may(peer: Peer, may: bool) -> None:
    assert may_ask(peer, KOGGE) is may


def test_the_kernel_names_user_and_all_groups() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert peer_of(one) == Peer(os.geteuid(), frozenset({os.getegid(), *os.getgroups()}))


STRANGER = """
import os, socket, sys
os.setgroups([int(group) for group in sys.argv[2:]]); os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as asker:
    asker.connect(sys.argv[1])
    asker.sendall(b'{"op":"change"}\\n')
    print(asker.makefile().readline())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_stranger_is_refused_though_the_file_lets_everyone_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "c.sock"
    changed: list[int] = []

    def change(_: dict[str, Any]) -> dict[str, Any]:
        changed.append(1)
        return {"ok": 1}

    control = Control(path, dict, Watch(), {"change": change})
    async with answering(control):
        await asyncio.to_thread(_open_to_everyone, path)

        async def ask(*groups: int) -> bytes:
            asker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", STRANGER, str(path), *map(str, groups)),
                stdout=asyncio.subprocess.PIPE,
            )
            return (await asker.communicate())[0]

        for _ in range(2):
            assert b'"denied":true' in await ask()
        assert changed == []
        assert caplog.text.count("user 65534 asked") == 1, "each user is named once in the log"
        group = (await asyncio.to_thread(path.stat)).st_gid
        assert b'"ok":1' in await ask(group)


def _open_to_everyone(path: Path) -> None:
    path.chmod(0o666)
    for above in path.parents[:4]:
        above.chmod(above.stat().st_mode | 0o011)
