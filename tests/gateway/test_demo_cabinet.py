"""The demo's daemon: its death is told with its last words, and nothing survives the demo."""

import os
from pathlib import Path

import pytest

from gateway.demo import cabinet
from gateway.errors import GatewayError


async def test_a_daemon_that_dies_is_quoted(tmp_path: Path) -> None:
    config = tmp_path / "kogge.toml"
    config.write_text("[gateway]\neui = 7\n")
    async with cabinet.daemon(config) as daemon:
        with pytest.raises(GatewayError, match=r"(?s)ended by itself \(exit code 78\).*eui"):
            await daemon.died()


async def test_the_daemon_ends_with_its_block(tmp_path: Path) -> None:
    config = tmp_path / "kogge.toml"
    config.write_text('[mqtt]\nurl = "mqtt://127.0.0.1:1"\nplain_is_ok = true\n')
    async with cabinet.daemon(config) as daemon:
        os.kill(daemon.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(daemon.pid, 0)
