"""Start-up in the variants that the recorded EU868 figures do not show, and its refusals."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sx1302_standin import MemoryLink, StandIn

from drivers.concentrator import ChipError
from drivers.sx1302 import semtech, startup
from drivers.sx1302.chip import Chip
from drivers.sx1302.firmware import Firmware

CONF: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "golden" / "start-eu868.json").read_text()
)["config"]
IMAGES = Firmware(bytes(range(256)) * 32, bytes(8192), verified=False)
FINE = {"fine_timestamp": {"enable": True, "mode": "all_sf"}}


async def start(board: StandIn, **change: Any) -> list[float]:
    """Start the board with a changed configuration; returns the pauses that were made."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    chip = Chip(MemoryLink(board), sleep)
    await startup.start(chip, semtech.settings(CONF | change), IMAGES)
    return pauses


async def test_pauses_are_the_references() -> None:
    pauses = await start(StandIn())
    assert pauses.count(0.5) == 4
    assert sum(pauses) == pytest.approx(4 * 0.52 + 2 * 0.01 + 2 * 0.03 + 42 * 0.001)


async def test_images_are_in_the_program_memories() -> None:
    board = StandIn()
    await start(board)
    assert board.memory[:8192] == IMAGES.agc
    assert board.memory[8192:16384] == IMAGES.arb


async def test_fine_timestamps_are_switched_on_for_an_sx1303() -> None:
    board = StandIn(otp={0xD0: 3})
    await start(board, **FINE)
    seen = [board.memory[address] for address in (0x58C0, 0x58C1, 0x58B3, 0x608C)]
    assert seen == [0, 32, 8, 0xFF]


@pytest.mark.parametrize("model", [0, 2, 7])
async def test_fine_timestamps_are_refused_on_another_chip(model: int) -> None:
    with pytest.raises(ChipError, match="need an SX1303"):
        await start(StandIn(otp={0xD0: model}), **FINE)


async def test_private_network_has_its_sync_words() -> None:
    board = StandIn()
    await start(board, lorawan_public=False)
    assert board.memory[0x588A:0x5890] == bytes((2, 4, 2, 4, 2, 4))
    assert board.memory[0x5B2E:0x5B30] == bytes((2, 4))


async def test_single_input_is_commanded_after_reception_began() -> None:
    board = StandIn()
    await start(board, radio_0=CONF["radio_0"] | {"single_input_mode": True})
    commands = [(each["opcode"], each["data"]) for each in board.radio if each["chain"] == 0]
    assert commands[-3:] == [("0x82", "ffffff"), ("0x0d", "08e20d"), ("0x0d", "05870b")]


async def test_chains_that_are_off_count_as_radio_0_at_its_centre() -> None:
    off = {f"chan_multiSF_{i}": {"enable": False} for i in (0, 1)}
    board = StandIn()
    await start(board, **off, chan_Lora_std={"enable": False}, chan_FSK={"enable": False})
    assert board.memory[0x5810] == 0b100
    assert board.memory[0x5820:0x5822] == bytes((0xFC, 0xFC))
    assert board.memory[0x5800:0x5804] == bytes(4)
    assert 0x5B21 not in board.written
    assert 0x5B53 not in board.written


@pytest.mark.parametrize(
    ("sf", "bandwidth", "expected"),
    [
        # 5B21 SF and bandwidth, 5B22, 5B23, 5B27 preamble, 5B32 and 5B33 gains
        (5, 125_000, (0x45, 0x08, 0x34, 12, 0xC4, 0x18)),
        (7, 250_000, (0x57, 0x08, 0x14, 8, 0xC6, 0x18)),
        (8, 500_000, (0x68, 0x08, 0x14, 8, 0xC6, 0x18)),
        (11, 125_000, (0x4B, 0x18, 0x14, 8, 0xC7, 0x58)),
        (12, 250_000, (0x5C, 0x18, 0x14, 8, 0xC7, 0x98)),
        (12, 500_000, (0x6C, 0x08, 0x14, 8, 0xC7, 0xD8)),
    ],
)
async def test_service_channel_follows_its_data_rate(
    sf: int, bandwidth: int, expected: tuple[int, ...]
) -> None:
    board = StandIn()
    service = CONF["chan_Lora_std"] | {"spread_factor": sf, "bandwidth": bandwidth}
    await start(board, chan_Lora_std=service)
    registers = (0x5B21, 0x5B22, 0x5B23, 0x5B27, 0x5B32, 0x5B33)
    assert tuple(board.memory[address] for address in registers) == expected


async def test_radio_that_is_off_is_left_alone() -> None:
    chains = {f"chan_multiSF_{i}": {"enable": False} for i in range(3)}
    chains |= {"chan_Lora_std": {"enable": False}, "chan_FSK": {"enable": False}}
    board = StandIn()
    await start(board, radio_1={"enable": False}, **chains)
    assert {each["chain"] for each in board.radio} == {0}
    assert 0x5784 not in board.written


async def test_clock_comes_from_the_configured_radio() -> None:
    board = StandIn()
    await start(board, clksrc=1)
    assert board.memory[0x57C0] == 0b110


async def test_radio_that_does_not_reach_standby_ends_the_start() -> None:
    board = StandIn()
    board._radio = lambda chain, opcode, data: bytes(2 + len(data))  # type: ignore[method-assign]
    with pytest.raises(ChipError, match="radio 0 did not reach standby"):
        await start(board)


async def test_failed_image_calibration_ends_the_start() -> None:
    board = StandIn()
    board._radio = lambda chain, opcode, data: b"\0\0" + b"\x10" * len(data)  # type: ignore[method-assign]
    with pytest.raises(ChipError, match="image calibration of radio 0 failed"):
        await start(board)
