"""The emulated chip's registers, cores, radios, counter and reset (docs/sx1302.md)."""

import pytest
from emulator_host import Clock, Host

from drivers.emulator import Board


@pytest.fixture
def host(clock: Clock) -> Host:
    return Host(Board(0x0123456789ABCDEF, now_ns=clock))


def test_registers_start_from_the_table(host: Host) -> None:
    assert host.read(0x5201, 6) == bytes([0, 0, 0, 0, 187, 128])
    assert host.read(0x5F00, 4) == bytes(4)


def test_read_only_bits_keep_their_value(host: Host) -> None:
    host.write(0x5606, 0xFF)
    assert host.read(0x5606) == b"\x12"
    host.write(0x5780, 0x1F)
    assert host.read(0x5780) == b"\x1e"  # PARITY_ERROR stays 0


def test_bursts_advance_and_end_at_the_last_address(host: Host) -> None:
    host.write(0x5801, 1, 2, 3)
    assert host.read(0x5800, 5) == bytes([0, 1, 2, 3, 30])
    host.write(0x7FFE, 7, 8, 9)
    assert host.read(0x7FFE, 4) == bytes([7, 8, 0, 0])


def test_reset_line_forgets_everything(host: Host, clock: Clock) -> None:
    host.start_eu868()
    clock.pass_ms(host.board, 1234)
    host.reset()
    assert host.read(0x5605) == b"\x00"
    assert host.read(0x0000, 16) == bytes(16)
    assert host.read(0x5781) == b"\x00"
    assert host.read(0x6105, 4) == bytes(4)
    host.write(0x5783, 0x0C)
    assert host.radio(0, 0xC0, b"\x00") == b"\x2a"


def test_chip_held_in_reset_does_nothing(host: Host) -> None:
    host.request(4, bytes([0, 2, 1]))
    host.write(0x5643, 0xA5)
    assert host.read(0x5606) == b"\x00"
    host.request(4, bytes([0, 2, 0]))
    assert host.read(0x5643) == b"\x00"


@pytest.mark.parametrize(("model", "code"), [("sx1302", 0x02), ("sx1303", 0x03)])
def test_otp_holds_eui_and_model(model: str, code: int, clock: Clock) -> None:
    host = Host(Board(0x0123456789ABCDEF, model, now_ns=clock))
    otp = []
    for address in (*range(8), 0xD0, 0x55):
        host.write(0x6180, address)
        otp.append(host.read(0x6181)[0])
    assert bytes(otp) == bytes.fromhex("0123456789abcdef") + bytes([code, 0])


def test_counter_runs_at_32_mhz_and_wraps(host: Host, clock: Clock) -> None:
    host.reset()
    clock.pass_ms(host.board, 1)
    assert host.read(0x6101, 8) == bytes(4) + (32_000).to_bytes(4, "big")
    clock.ns += (1 << 32) * 1000 // 32
    assert host.read(0x6105, 4) == (32_000).to_bytes(4, "big")
    assert host.board.counter_us() == (1 << 27) + 1000


def test_program_memory_takes_writes_only_while_programming(host: Host) -> None:
    host.write(0x0000, 1, 2, 3)
    assert host.read(0x0000, 3) == bytes(3)
    host.modify(0x5780, 0x02, 0x02)
    host.write(0x0000, 1, 2, 3)
    assert host.read(0x0000, 3) == bytes([1, 2, 3])
    assert host.read(0x2000, 3) == bytes(3)


def test_agc_handshake_shows_each_status_and_echoes_the_mailboxes(host: Host) -> None:
    host.start_eu868()
    host.load(0x5780, 0x0000, bytes(8192))
    assert host.read(0x5781) == b"\x01"
    assert host.read(0x5790) == b"\x0a"
    steps = [(0x80, 2), (0x20, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
    steps += [(7, 8), (8, 9), (9, 10), (10, 11), (11, 15), (15, 0)]
    for command, status in steps:
        host.write(0x578A, 3, 2, 1)
        host.write(0x5789, command)
        assert host.read(0x5781)[0] == status
        assert host.read(0x578E, 3) == bytes([3, 2, 1])


def test_mailbox_3_takes_what_the_others_hold_at_that_moment(host: Host) -> None:
    host.start_eu868()
    host.write(0x578C, 77)
    assert host.read(0x5790) != bytes([77])
    host.write(0x5789, 0x0B)
    assert host.read(0x5790) == bytes([77])


def test_arbiter_waits_for_go(host: Host) -> None:
    host.start_eu868()
    host.load(0x6080, 0x2000, bytes(8192))
    assert (host.read(0x6081), host.read(0x608D)) == (b"\x01", b"\x02")
    host.write(0x608A, 1)
    assert host.read(0x6081) == b"\x00"


def test_cores_without_program_or_clock_stand_still(host: Host) -> None:
    host.modify(0x5780, 0x04, 0)
    assert host.read(0x5781) == b"\x00"
    host.load(0x6080, 0x2000, bytes(8192))  # no radio clocks the chip
    assert host.read(0x6081) == b"\x00"


def test_radio_modes_follow_the_commands(host: Host) -> None:
    assert host.radio(0, 0xC0, b"\x00") == b"\x00"  # still held in reset
    host.write(0x5783, 0x0C)
    modes = []
    for opcode, parameters in ((0x80, b"\x00"), (0x80, b"\x01"), (0x82, b"\xff" * 3), (0xC1, b"")):
        host.radio(0, opcode, parameters)
        modes.append(host.radio(0, 0xC0, b"\x00")[0] >> 4)
    assert modes == [2, 3, 5, 4]
    assert host.radio(1, 0xC0, b"\x00") == b"\x00"
    host.modify(0x5783, 0x08, 0)
    host.modify(0x5783, 0x08, 0x08)
    assert host.radio(0, 0xC0, b"\x00")[0] >> 4 == 2


def test_radio_registers_and_errors_can_be_read(host: Host) -> None:
    host.write(0x5783, 0x0C)
    host.radio(0, 0x0D, bytes([0x08, 0xB6, 0x2A, 0x2B]))
    assert host.radio(0, 0x1D, bytes([0x08, 0xB6, 0, 0, 0]))[3:] == b"\x2a\x2b"
    assert host.radio(0, 0x17, bytes(3))[1:] == bytes(2)


def test_start_leaves_the_golden_registers(host: Host) -> None:
    """§3.14: what start-up writes reads back as recorded."""
    host.start_eu868()
    assert host.read(0x5800, 16).hex() == "1ccd1e6700001ccd1e67000001990333"
    assert host.read(0x5B5D, 8).hex() == "c194c10000000000"
    assert host.read(0x5780) == b"\x10"
