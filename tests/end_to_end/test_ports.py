"""Ports that are no concentrator or not free, against the real daemon: said in time."""

import asyncio
import contextlib
import os
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from broker import free_port
from lamp_post import Daemon, board, daemon, write_files
from patience import HUNG

pytestmark = pytest.mark.realtime

SAID_WITHIN = 3.0  # seconds
NMEA = b"$GPRMC,%06d,A,5405.000,N,01208.000,E,0.0,0.0,211126,,,A*6C\r\n"


class Stranger:
    """A device at the port that is no concentrator; `asked_at` is when something first came."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.asked_at = 0.0
        self._answer = answer
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self.master, self._on_readable)

    def _on_readable(self) -> None:
        data = os.read(self.master, 65536)
        self.asked_at = self.asked_at or time.monotonic()
        self.say(self._answer(data))

    def say(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, data)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self._slave)


@contextmanager
def stranger(link: Path, answer: Callable[[bytes], bytes]) -> Iterator[Stranger]:
    one = Stranger(answer)
    link.symlink_to(one.path)
    try:
        yield one
    finally:
        link.unlink()
        one.close()


def nothing(_: bytes) -> bytes:
    return b""


def the_same(data: bytes) -> bytes:
    return data


def not_understood(_: bytes) -> bytes:
    return b"\r\nERROR\r\n"


@pytest.mark.parametrize("answer", [nothing, the_same, not_understood])
async def test_port_that_is_no_concentrator_is_said_within_three_seconds_and_a_board_then_taken(
    tmp_path: Path, answer: Callable[[bytes], bytes]
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, free_port())
    link = tmp_path / "tty"
    with stranger(link, answer) as one:
        async with daemon(config) as gateway:
            await said_in_time(gateway, one)
            link.unlink()
            async with board(link):
                await gateway.receiving()
            link.symlink_to(one.path)


async def test_gps_at_the_port_is_said_within_three_seconds_and_once(tmp_path: Path) -> None:
    """It speaks unasked, and other bytes each time."""
    config = await asyncio.to_thread(write_files, tmp_path, free_port())

    async def speaks(one: Stranger) -> None:
        for second in range(1_000_000):
            one.say(NMEA % second)
            await asyncio.sleep(0.1)

    with stranger(tmp_path / "tty", nothing) as one:
        speaking = asyncio.create_task(speaks(one))
        async with daemon(config) as gateway:
            await said_in_time(gateway, one)
            tries, one.asked_at = 0, 0.0
            while tries < 2:  # further ones say nothing new
                await gateway.until(lambda _: one.asked_at > 0)
                tries, one.asked_at = tries + 1, 0.0
            faults = (await gateway.status())["radio"]["faults"]
            assert sum(faults.values()) == 1
            assert gateway.log().count("radio fault") == 1
        speaking.cancel()
        await asyncio.wait({speaking})


async def said_in_time(gateway: Daemon, one: Stranger) -> None:
    status = await gateway.until(lambda status: status["radio"]["state"] == "fault")
    assert one.asked_at, "it was never asked"
    assert time.monotonic() - one.asked_at < SAID_WITHIN
    assert "concentrator" in status["radio"]["reason"]
    assert gateway.process.returncode is None


async def test_second_daemon_at_a_port_in_use_says_so_and_takes_it_when_it_is_free(
    tmp_path: Path,
) -> None:
    async with board(tmp_path / "tty"):
        one, other = [
            await asyncio.to_thread(files_for, tmp_path / name, tmp_path / "tty")
            for name in ("one", "other")
        ]
        async with daemon(one) as holder:
            await holder.receiving()
            async with daemon(other) as waiting:
                status = await waiting.until(lambda status: status["radio"]["state"] == "fault")
                assert "in use by another program" in status["radio"]["reason"]
                assert (await holder.status())["radio"]["state"] == "receiving"
                holder.process.terminate()
                await waiting.receiving()


def files_for(directory: Path, port: Path) -> Path:
    """A gateway's own files, with a port that it may share with another."""
    directory.mkdir()
    config = write_files(directory, free_port())
    text = config.read_text(encoding="utf-8").replace(str(directory / "tty"), str(port))
    config.write_text(text, encoding="utf-8")
    return config


async def test_second_daemon_on_one_state_dir_refuses_and_leaves_the_first_alone(
    tmp_path: Path,
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, free_port())
    text = await asyncio.to_thread(config.read_text, "utf-8")
    other = config.with_name("other.toml")
    await asyncio.to_thread(other.write_text, text.replace("kogge.sock", "other.sock"), "utf-8")
    async with board(tmp_path / "tty"), daemon(config) as first:
        await first.receiving()
        async with daemon(other) as second:
            async with asyncio.timeout(HUNG):
                assert await second.process.wait() == 1
            assert "another" in second.log()
        assert (await first.receiving())["radio"]["starts"] == 1
