"""What the running daemon shows to others: sockets, arguments, environment, files."""

import argparse
import asyncio
import json
import os
import random
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from broker import Mosquitto, mosquitto
from lamp_post import (
    APP_KEY,
    BIN_EUI,
    GAUGE,
    JOIN_EUI,
    TEMPERATURE,
    board,
    city,
    daemon,
    write_files,
)
from lorawan_device import join_request
from patience import HUNG

from gateway.cli import VERBS
from gateway.cli.parser import Parser

pytestmark = pytest.mark.realtime

LISTENS, CONNECTED = "0A", "01"
PASSWORD = "correct horse battery"
CARELESS = (
    "-c",
    "import os, sys; os.umask(0); from gateway.cli import main; sys.exit(main())",
)


def family(pid: int) -> Iterator[int]:
    """The process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was open for this very look
            target = str(one.readlink())
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    return found


def on_the_network(pid: int) -> list[tuple[str, str, str]]:
    """(protocol, local address, state) of all that a process and its children have there."""
    ours = {inode for one in family(pid) for inode in sockets(one)}
    found: list[tuple[str, str, str]] = []
    for protocol in ("tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "packet"):
        table = Path(f"/proc/{pid}/net/{protocol}")
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            cells = line.split()
            if protocol == "packet" and cells[8] in ours:
                found.append((protocol, cells[3], ""))
            elif protocol != "packet" and cells[9] in ours:
                found.append((protocol, cells[1], cells[3]))
    return found


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path) as one:
        yield one


async def test_no_port_is_open_to_the_network_by_default(tmp_path: Path, broker: Mosquitto) -> None:
    """All that it has there is its own connection to the broker."""
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    async with (
        city(broker) as arrivals,
        board(tmp_path / "tty") as (_, sky),
        daemon(config) as gateway,
    ):
        await gateway.receiving()
        await sky.send(GAUGE.uplink(10, TEMPERATURE))
        await arrivals.has(10)
        found = await asyncio.to_thread(on_the_network, gateway.process.pid)
    assert [state for _, _, state in found] == [CONNECTED], found


def test_search_for_open_ports_finds_those_that_there_are() -> None:
    """The test above sees TCP and UDP: this process has one of each."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        found = on_the_network(os.getpid())
        ends = [(protocol, state, int(local.split(":")[1], 16)) for protocol, local, state in found]
        assert ("tcp", LISTENS, tcp.getsockname()[1]) in ends
        assert ("udp", "07", udp.getsockname()[1]) in ends


async def test_no_secret_is_in_arguments_environment_log_or_status(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    await asyncio.to_thread(secret.write_text, PASSWORD)
    async with mosquitto(tmp_path, users={"kogge": PASSWORD}) as broker:
        extra = f'username = "kogge"\npassword_file = "{secret}"'
        config = await asyncio.to_thread(write_files, tmp_path, broker.port, extra)
        async with (
            city(broker, username="kogge", password=PASSWORD) as arrivals,
            board(tmp_path / "tty") as (_, sky),
            daemon(config) as gateway,
        ):
            await gateway.receiving()
            await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 1))
            await sky.send(GAUGE.uplink(10, TEMPERATURE))
            await arrivals.has(10)
            shown = await asyncio.to_thread(said_by, gateway.process.pid)
            for op in ("status", "devices", "frames", "join", "forward", "buffer"):
                shown += repr(await gateway.asked(op)).encode()
            shown += gateway.log().encode()
            sealing = await asyncio.to_thread((tmp_path / "kogge.key").read_text)
    assert b"kogge.toml" in shown, "it is seen at all"
    keys = [one.hex() for one in (APP_KEY, GAUGE.nwk_s_key, GAUGE.app_s_key)]
    for text in (PASSWORD, sealing.strip(), *keys):
        assert text.encode() not in shown


def said_by(pid: int) -> bytes:
    """Arguments and environments, as another program of the machine may read them."""
    files = [Path(f"/proc/{one}/{name}") for one in family(pid) for name in ("cmdline", "environ")]
    return b"\n".join(file.read_bytes() for file in files)


async def test_no_file_of_the_state_is_for_others_whatever_the_umask(
    tmp_path: Path, broker: Mosquitto
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    text = await asyncio.to_thread(config.read_text, "utf-8")
    text = text.replace('state_dir = "."', 'state_dir = "state"')
    await asyncio.to_thread(config.write_text, text, "utf-8")
    state = tmp_path / "state"
    async with (
        city(broker) as arrivals,
        board(tmp_path / "tty") as (_, sky),
        daemon(config, program=CARELESS) as gateway,
    ):
        await gateway.receiving()
        await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 1))
        await sky.send(GAUGE.uplink(10, TEMPERATURE, confirmed=True))
        await arrivals.has(10)
        modes = await asyncio.to_thread(modes_below, state)
        assert {"kogge.db", "kogge.db-wal", "kogge.key", "kogge.db.lock"} <= modes.keys()
        assert {name for name, mode in modes.items() if mode & 0o077} == set(), modes
        assert stat.S_IMODE(state.stat().st_mode) & 0o007 == 0
        assert stat.S_IMODE((tmp_path / "kogge.sock").stat().st_mode) == 0o660


OPS = (
    "status",
    "join",
    "forward",
    "codecs",
    "devices",
    "config",
    "buffer",
    "frames",
    "history",
    "backup",
)
VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    2**70,
    "",
    "70b3d57ed0000001",
    "status",
    "records",
    "list",
    [],
    {},
)
KEYS = (
    "action", "dev_eui", "minutes", "open", "after", "limit", "newest", "device", "begins",
    "archive",
)  # fmt: skip


def strange_requests(seed: int) -> Iterator[bytes]:
    """Ops with whatever keys, cut and altered; none lasts."""
    dice = random.Random(seed)
    for _ in range(300):
        asked = {"op": dice.choice(OPS)} | {
            dice.choice(KEYS): dice.choice(VALUES) for _ in range(dice.randrange(4))
        }
        line = bytearray(json.dumps(asked), "utf-8")
        if dice.random() < 0.3:
            line[dice.randrange(len(line))] = dice.choice(b'\x00\xff{["9')
        yield bytes(line).replace(b"\n", b" ") + b"\n"
    yield from (b"[" * 5000 + b"\n", b"\n", b"\xff\xfe\n", b'{"op":' + b"9" * 5000 + b"}\n")


async def test_whatever_stands_in_the_control_socket_is_answered_and_the_daemon_goes_on(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """No traceback is in its log, and readings go on."""
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    async with (
        city(broker) as arrivals,
        board(tmp_path / "tty") as (_, sky),
        daemon(config) as gateway,
    ):
        await gateway.receiving()
        for request in strange_requests(7):
            reader, writer = await asyncio.open_unix_connection(
                tmp_path / "kogge.sock", limit=1 << 24
            )
            writer.write(request)
            async with asyncio.timeout(HUNG):
                assert isinstance(json.loads(await reader.readline()), dict), request
            writer.close()
        await sky.send(GAUGE.uplink(10, TEMPERATURE))
        await arrivals.has(10)
        assert gateway.process.returncode is None


def modes_below(directory: Path) -> dict[str, int]:
    found = directory.rglob("*")
    return {one.name: stat.S_IMODE(one.stat().st_mode) for one in found if one.is_file()}


def test_no_verb_takes_a_secret_as_an_argument() -> None:
    """But for decode, whose keys are typed to look at one frame: it takes them from a file too."""
    telling = ("key", "pass", "secret", "token")
    found = {
        (verb, option)
        for verb in VERBS
        for action in actions(verb)
        for option in (*action.option_strings, action.dest)
        if any(word in option for word in telling) and not option.endswith(("-file", "_file"))
    }
    assert {verb for verb, _ in found} <= {"decode", "devices"}
    shown = [one for verb, one in found if verb == "devices"]
    assert set(shown) <= {"--keys", "keys"}, "whether they are shown: no key itself"


def actions(verb: str) -> Iterator[argparse.Action]:
    parser = Parser()
    import_module(f"gateway.cli.{verb}").arguments(parser)
    yield from actions_of(parser)


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from actions_of(below)
