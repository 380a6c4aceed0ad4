"""What a transmission writes beyond the recorded figures: every delay, power, preamble, FSK."""

from typing import Any

import pytest
from sx1302_standin import StandIn

from drivers.concentrator import Modulation, TxPacket
from drivers.sx1302 import spi, transmit
from drivers.sx1302.settings import GainRow, Radio

GAINS = tuple(
    GainRow(rf_power, pa_gain, pwr_idx)
    for rf_power, pa_gain, pwr_idx in ((12, 0, 15), (14, 0, 17), (27, 1, 14))
)
RADIO = Radio(frequency=867_500_000, transmit=(863_000_000, 870_000_000), gains=GAINS)
PACKET = TxPacket(b"hello", 1_000_000, 1, 868_100_000, sf=7)


def lora(sf: int, bandwidth: int = 125_000, **change: Any) -> TxPacket:
    return TxPacket(b"hello", 1_000_000, 1, 868_100_000, sf, bandwidth, **change)


def written(packet: TxPacket, chain: int = 0) -> StandIn:
    board = StandIn()
    writes = [*transmit.program(packet, chain, GAINS[0], True), *transmit.trigger(packet, chain)]
    for batch in spi.batches(writes):
        board.handle(0x05, spi.encode(batch))
    return board


@pytest.mark.parametrize(
    ("sf", "bandwidth", "ticks"),
    [
        (7, 125_000, 47413),
        (9, 125_000, 47413),
        (10, 125_000, 46901),
        (12, 125_000, 46901),
        (7, 250_000, 47692),
        (8, 500_000, 47837),
    ],
)
def test_start_delay_is_the_recorded_one(sf: int, bandwidth: int, ticks: int) -> None:
    packet = lora(sf, bandwidth)
    assert transmit.start_delay(packet) == ticks
    memory = written(packet).memory
    assert int.from_bytes(memory[0x5205:0x5207], "big") == ticks
    assert int.from_bytes(memory[0x5201:0x5205], "big") == 32_000_000 - ticks


@pytest.mark.parametrize(("wanted", "got"), [(30, 27), (27, 27), (26, 14), (13, 12), (5, 12)])
def test_power_is_the_highest_not_above_the_wanted(wanted: int, got: int) -> None:
    assert transmit.power_row(RADIO, wanted).rf_power == got


@pytest.mark.parametrize(("asked", "sent"), [(0, 8), (1, 6), (5, 6), (6, 6), (10, 10), (300, 300)])
def test_lora_preamble_has_its_limits(asked: int, sent: int) -> None:
    memory = written(lora(7, preamble=asked)).memory
    assert memory[0x5267] << 8 | memory[0x5266] == sent


@pytest.mark.parametrize(
    ("sf", "bandwidth", "flag"), [(10, 125_000, 0), (11, 125_000, 1), (11, 250_000, 0),
                                  (12, 250_000, 1), (12, 500_000, 0)]
)  # fmt: skip
def test_low_data_rate_flag(sf: int, bandwidth: int, flag: int) -> None:
    assert written(lora(sf, bandwidth)).memory[0x5261] >> 4 & 3 == flag


@pytest.mark.parametrize("on", [True, False])
def test_polarity_and_crc_are_the_packets(on: bool) -> None:
    memory = written(lora(7, inverted=on, crc=not on)).memory
    assert (memory[0x5269] >> 1 & 1, memory[0x5262] & 1) == (on, not on)


@pytest.mark.parametrize("rate", [1, 2, 3, 4])
def test_coding_rate_is_the_packets(rate: int) -> None:
    assert written(lora(7, coding_rate=rate)).memory[0x5261] & 7 == rate


def test_short_spreading_factors_use_the_private_sync_word_and_fine_synch() -> None:
    memory = written(lora(6)).memory
    assert (memory[0x526D], memory[0x526E], memory[0x5262] >> 7) == (2, 4, 1)


def test_chain_b_writes_chain_bs_registers_only() -> None:
    board = written(PACKET, chain=1)
    assert all(0x5400 <= address < 0x5600 for address in board.written)
    assert board.memory[0x5500:0x5505] == b"hello"
    assert board.memory[0x5400] == 2


def test_immediate_packet_uses_the_immediate_trigger() -> None:
    board = written(TxPacket(b"hello", None, 1, 868_100_000, sf=7))
    assert board.memory[0x5200] == 1
    assert 0x5201 not in board.written


def test_whole_set_up_is_one_request() -> None:
    packet = TxPacket(bytes(255), 1, 1, 868_100_000, sf=7)
    writes = [*transmit.program(packet, 0, GAINS[0], True), *transmit.trigger(packet, 0)]
    assert len(list(spi.batches(writes))) == 1


def test_fsk_packet_is_laid_out_as_the_reference_does() -> None:
    packet = TxPacket(
        b"hello", 1_000_000, 1, 868_800_000, sf=0, crc=True, preamble=5, modulation=Modulation.FSK
    )
    board = written(packet)
    memory = board.memory
    assert memory[0x5209] == 1
    assert memory[0x5220] == 2
    assert memory[0x520C] == 0x80
    assert (memory[0x5228], memory[0x5229]) == (0x00, 0xCC)
    assert board.mailbox == [(0x578A, 0x00), (0x578B, 0x66), (0x578C, 0x66)]
    assert memory[0x5241] == 0b01011
    assert memory[0x5246] == 0b01001101
    assert memory[0x5247:0x524F] == bytes.fromhex("c194c10000000000")
    assert memory[0x5242:0x5246] == bytes.fromhex("0005 0280")
    assert memory[0x5240] == 5
    assert memory[0x5300:0x5306] == b"\x05hello"
    assert not {0x5205, 0x5206} & set(board.written)
    assert int.from_bytes(memory[0x5201:0x5205], "big") == 32_000_000


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (TxPacket(bytes(256), 1, 1, 868_100_000, sf=7), "256 bytes"),
        (lora(4), "SF4"),
        (lora(7, 62_500), "62500 Hz"),
        (lora(7, coding_rate=5), "4/9"),
    ],
)
def test_packet_that_no_chip_can_send_is_refused(packet: TxPacket, reason: str) -> None:
    assert reason in (transmit.refusal(packet) or "")


def test_packet_that_can_be_sent_is_not_refused() -> None:
    assert transmit.refusal(PACKET) is None
