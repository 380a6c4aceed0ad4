"""MULTIPLE_SPI: the examples of the protocol, the limits of a batch, bad answers."""

import contextlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import McuError
from drivers.sx1302 import spi

WRITE = spi.burst(0x5643, b"\x00")
READ = spi.reading(0x5606, 1)
MODIFY = spi.field("COMMON_CTRL0_CLK32_RIF_CTRL", 0)
STATUS = spi.radio_command(0, 0xC0, b"\x00")


@pytest.mark.parametrize(
    ("request_", "encoded", "answer", "clocked_in"),
    [
        (WRITE, "00 01 00 00 04 00 d6 43 00", "00 01 00 00 04 ff ff ff ff", "ff ff ff ff"),
        (READ, "00 01 00 00 05 00 56 06 00 00", "00 01 00 00 05 ff ff ff ff 12", "ffffffff12"),
        (MODIFY, "00 02 56 01 10 00", "00 02 00 13 03", "13 03"),
        (STATUS, "00 01 00 00 03 01 c0 00", "00 01 00 00 03 ff ff 2a", "ff ff 2a"),
    ],
)
def test_examples_of_the_protocol(
    request_: spi.SubRequest, encoded: str, answer: str, clocked_in: str
) -> None:
    assert spi.encode([request_]) == bytes.fromhex(encoded)
    assert spi.decode([request_], bytes.fromhex(answer)) == [bytes.fromhex(clocked_in)]


def test_sub_requests_are_numbered_and_answered_in_order() -> None:
    assert spi.encode([MODIFY, MODIFY]) == bytes.fromhex("00 02 56 01 10 00 01 02 56 01 10 00")
    answer = bytes.fromhex("00 02 00 01 02 01 02 00 03 04")
    assert spi.decode([MODIFY, MODIFY], answer) == [b"\x01\x02", b"\x03\x04"]


@pytest.mark.parametrize("status", [1, 2, 3, 77])
def test_failed_sub_request_is_an_mcu_error(status: int) -> None:
    with pytest.raises(McuError):
        spi.decode([MODIFY], bytes((0, 2, status, 0, 0)))


@given(st.lists(st.sampled_from([WRITE, READ, MODIFY]), max_size=5), st.binary(max_size=60))
def test_garbage_answer_is_an_mcu_error_or_fits(batch: list[spi.SubRequest], data: bytes) -> None:
    with contextlib.suppress(McuError):
        assert len(spi.decode(batch, data)) == len(batch)


@given(st.lists(st.just(MODIFY) | st.binary(max_size=4096).map(partial(spi.burst, 0))))
def test_batches_keep_order_and_limits(requests: list[spi.SubRequest]) -> None:
    batches = list(spi.batches(requests))
    assert [request for batch in batches for request in batch] == requests
    for batch in batches:
        size = len(spi.encode(batch))
        assert len(batch) <= 255
        assert size <= 4096 or (len(batch) == 1 and size <= 4200)


def test_many_small_writes_fill_a_batch() -> None:
    assert [len(batch) for batch in spi.batches([MODIFY] * 600)] == [255, 255, 90]


def test_read_only_field_is_not_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        spi.field("OTP_RD_DATA_RD_DATA", 1)
