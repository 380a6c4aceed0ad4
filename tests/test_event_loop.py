"""The watch over the event loop watches: tests/conftest.py sets it up for the whole suite."""

import time
from pathlib import Path

import pytest
from blockbuster import BlockingError

from drivers.sx1302 import firmware
from gateway import config


async def test_blocking_call_of_the_gateway_in_the_loop_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlockingError):
        config.load(tmp_path / "kogge.toml")


async def test_blocking_call_of_a_driver_in_the_loop_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "agc_fw_sx1250.bin").write_bytes(bytes(8192))
    with pytest.raises(BlockingError):
        firmware.load(tmp_path, check=False)


async def test_a_test_itself_may_block() -> None:
    time.sleep(0)  # noqa: ASYNC251 — what is tested is that nobody minds
