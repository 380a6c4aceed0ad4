"""The daemon as systemd's service: what it is told and when, and how it ends."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import free_port, mosquitto, subscriber
from lamp_post import EUI, GAUGE, TEMPERATURE, board, city, daemon, write_files
from patience import HUNG

pytestmark = pytest.mark.realtime

WATCHDOG_SECONDS = 0.4


class Systemd:
    """The socket that a service notifies."""

    def __init__(self, path: Path) -> None:
        self.env = {
            "NOTIFY_SOCKET": str(path),
            "WATCHDOG_USEC": str(round(WATCHDOG_SECONDS * 1e6)),
        }
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    async def hears(self, what: str) -> str:
        """The next line that begins so; `told` keeps all lines."""
        async with asyncio.timeout(HUNG):
            while True:
                message = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
                self.told += message.decode().splitlines()
                for line in message.decode().splitlines():
                    if line.startswith(what):
                        return line

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def systemd(directory: Path) -> AsyncIterator[Systemd]:
    one = Systemd(directory / "notify")
    try:
        yield one
    finally:
        one.close()


async def test_ready_comes_with_the_first_reception_and_the_watchdog_is_fed_while_quiet(
    tmp_path: Path,
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, free_port())
    async with (
        board(tmp_path / "tty"),
        systemd(tmp_path) as manager,
        daemon(config, manager.env) as service,
    ):
        await manager.hears("READY=1")
        assert manager.told == ["STATUS=radio receiving", "READY=1"]
        begin = asyncio.get_running_loop().time()
        for _ in range(5):
            await manager.hears("WATCHDOG=1")
        elapsed = asyncio.get_running_loop().time() - begin
        assert elapsed < 5 * WATCHDOG_SECONDS, "in time, each"
        service.process.terminate()
        await manager.hears("STOPPING=1")
        assert await service.process.wait() == 0


async def test_named_fault_is_a_first_result_too(tmp_path: Path) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, free_port())
    async with systemd(tmp_path) as manager, daemon(config, manager.env) as service:
        await manager.hears("READY=1")
        (status,) = [line for line in manager.told if line.startswith("STATUS=")]
        assert status.startswith(f"STATUS=radio fault: cannot open {tmp_path / 'tty'}")
        await manager.hears("WATCHDOG=1")
        assert (await service.status())["health"] == "broken"


async def test_wrong_configuration_never_says_ready(tmp_path: Path) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, free_port(), "nonsense = 1")
    async with systemd(tmp_path) as manager, daemon(config, manager.env) as service:
        assert await service.process.wait() == 78
        with pytest.raises(BlockingIOError):
            manager._socket.recv(4096)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_stop_is_exit_0_within_5_s_and_says_offline(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with (
            subscriber(broker.port, f"kogge/{EUI}/status") as statuses,
            daemon(config) as service,
        ):
            await service.until(lambda status: status["city"]["state"] == "connected")
            states = [await state(statuses)]
            service.process.send_signal(how)
            async with asyncio.timeout(HUNG):
                assert await service.process.wait() == 0
            while states[-1] != "offline":
                states.append(await state(statuses))
    assert states[0] == "online"
    assert not (tmp_path / "kogge.sock").exists()


async def state(statuses: AsyncIterator[object]) -> str:
    message = await anext(statuses)
    payload = getattr(message, "payload", b"")
    return str(json.loads(payload)["state"])


async def test_stop_leaves_what_is_not_acknowledged_on_disk(tmp_path: Path) -> None:
    port = free_port()
    config = await asyncio.to_thread(write_files, tmp_path, port)
    async with board(tmp_path / "tty") as (_, sky), daemon(config) as service:
        await service.receiving()
        for f_cnt in (1, 2, 3):
            await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE))
        await service.until(lambda status: status["counts"]["readings"] == 3)
        service.process.terminate()
        async with asyncio.timeout(HUNG):
            assert await service.process.wait() == 0
    async with (
        mosquitto(tmp_path, port=port) as broker,
        city(broker) as arrivals,
        daemon(config) as service,
    ):
        await arrivals.has(1, 2, 3)
        await service.until(lambda status: status["backlog"] == 0)
    assert all(reading["historical"] for reading in arrivals.readings.values())
