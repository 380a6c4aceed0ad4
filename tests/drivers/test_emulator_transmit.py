"""Transmit registers and triggers become emissions at the right time."""

import base64
from typing import Any

import pytest
from emulator_host import Clock, Host, golden

from drivers.emulator import Board, Emission, Flight, Uplink
from drivers.emulator.power import channel_hz, power_dbm

GOLDEN_TX = golden("tx-eu868.json")["tx"]


@pytest.fixture
def emitted() -> list[Emission]:
    return []


@pytest.fixture
def host(clock: Clock, emitted: list[Emission]) -> Host:
    board = Board(now_ns=clock)
    board.on_emission = emitted.append
    host = Host(board)
    host.start_eu868()
    return host


def set_up(host: Host, recorded: Any, chain: int = 0) -> None:
    """The recorded registers (absent is 0), the payload, and the timer."""
    shift = 0x200 * chain
    for address in range(0x5205, 0x526F):
        if address not in (0x5207, 0x5211):
            host.write(address + shift, recorded["registers"].get(f"0x{address:04x}", 0))
    host.write(0x5207 + shift, 1)
    host.write(0x5300 + shift, *base64.b64decode(recorded["txpk"]["data"]))
    host.write(0x5207 + shift, 0)
    host.write(0x5201 + shift, *recorded["timer_ticks"].to_bytes(4, "big"))


def arm(host: Host, trigger: int = 0x02, chain: int = 0) -> None:
    host.modify(0x5200 + 0x200 * chain, trigger, 0)
    host.modify(0x5200 + 0x200 * chain, trigger, trigger)


def status(host: Host, chain: int = 0) -> int:
    return host.read(0x5211 + 0x200 * chain)[0]


@pytest.mark.parametrize("chain", [0, 1])
@pytest.mark.parametrize("recorded", GOLDEN_TX)
def test_recorded_set_up_is_emitted_at_its_tmst(
    recorded: Any, chain: int, host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    txpk = recorded["txpk"]
    set_up(host, recorded, chain)
    arm(host, chain=chain)
    clock.pass_ms(host.board, 20_000)
    [emission] = emitted
    assert host.board.counter_us(emission.begin_ns) == recorded["tmst"]
    assert emission.payload == base64.b64decode(txpk["data"])
    assert emission.frequency == round(txpk["freq"] * 1e6)
    assert f"SF{emission.sf}BW{emission.bandwidth // 1000}" == txpk["datr"]
    assert (emission.coding_rate, emission.crc, emission.preamble) == (1, False, 8)
    assert (emission.inverted, emission.power_dbm) == (True, txpk["powe"])
    assert emission.sync_peaks == (6, 8)
    assert emission.chain == chain


def test_status_goes_from_free_to_scheduled_to_emitting_to_free(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    recorded = GOLDEN_TX[0]
    set_up(host, recorded)
    assert status(host) == 0x80
    arm(host)
    assert status(host) == 0x91
    clock.move_to_us(host.board, recorded["tmst"] - 1490)
    assert status(host) == 0x91
    clock.move_to_us(host.board, recorded["tmst"] - 10)
    assert (status(host), emitted) == (0x30, [])
    clock.move_to_us(host.board, recorded["tmst"])
    assert status(host) == 0x60
    assert len(emitted) == 1
    time_on_air = 41_216  # SF7, 12 bytes, no CRC
    clock.move_to_us(host.board, recorded["tmst"] + time_on_air - 1)
    assert status(host) == 0x60
    clock.move_to_us(host.board, recorded["tmst"] + time_on_air)
    assert status(host) == 0x80


def test_aborted_packet_is_never_emitted(host: Host, clock: Clock, emitted: list[Emission]) -> None:
    set_up(host, GOLDEN_TX[0])
    arm(host)
    for bit in (1, 2, 4):
        host.modify(0x5200, bit, 0)
    assert status(host) == 0x80
    clock.pass_ms(host.board, 200_000)
    assert emitted == []


def test_scheduled_packet_may_be_overwritten(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    for recorded in GOLDEN_TX:
        set_up(host, recorded)
        arm(host)
    clock.pass_ms(host.board, 20_000)
    assert [emission.sf for emission in emitted] == [12]


def test_emitting_packet_is_not_disturbed(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    set_up(host, GOLDEN_TX[1])
    arm(host)
    clock.move_to_us(host.board, GOLDEN_TX[1]["tmst"] + 1000)
    set_up(host, GOLDEN_TX[0])
    arm(host)
    assert status(host) == 0x60
    clock.pass_ms(host.board, 20_000)
    assert [emission.sf for emission in emitted] == [12]


def test_trigger_needs_an_edge(host: Host, clock: Clock, emitted: list[Emission]) -> None:
    set_up(host, GOLDEN_TX[0])
    arm(host)
    clock.pass_ms(host.board, 20_000)
    host.modify(0x5200, 0x02, 0x02)
    assert status(host) == 0x80
    arm(host)
    assert status(host) == 0x91


def test_time_that_has_passed_waits_for_the_counter_to_come_round(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    clock.move_to_us(host.board, GOLDEN_TX[0]["tmst"] + 5)
    set_up(host, GOLDEN_TX[0])
    arm(host)
    clock.pass_ms(host.board, 134_000)
    assert (status(host), emitted) == (0x91, [])
    clock.pass_ms(host.board, 300)
    [emission] = emitted
    assert host.board.counter_us(emission.begin_ns) == GOLDEN_TX[0]["tmst"] + (1 << 27)


def test_immediate_trigger_sends_after_the_start_delay(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    set_up(host, GOLDEN_TX[0])
    now_us = host.board.counter_us()
    arm(host, 0x01)
    assert status(host) == 0x30
    clock.pass_ms(host.board, 100)
    assert host.board.counter_us(emitted[0].begin_ns) - now_us in (1481, 1482)


def test_pps_trigger_waits_for_a_pulse(host: Host, clock: Clock, emitted: list[Emission]) -> None:
    set_up(host, GOLDEN_TX[0])
    arm(host, 0x04)
    clock.pass_ms(host.board, 300_000)
    assert (status(host), emitted) == (0x91, [])


def test_payload_needs_the_write_buffer_bit(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    set_up(host, GOLDEN_TX[0])
    host.write(0x5300, 0xEE)
    arm(host, 0x01)
    clock.pass_ms(host.board, 100)
    assert emitted[0].payload == base64.b64decode(GOLDEN_TX[0]["txpk"]["data"])


def test_fsk_packet(host: Host, clock: Clock, emitted: list[Emission]) -> None:
    """§5.3: its first byte in the buffer is its length; it starts with the trigger."""
    writes = {0x5209: 1, 0x5220: 0x0E, 0x520C: 0x80, 0x520D: 0x11, 0x5241: 0x0B, 0x5246: 0x4D}
    for address, value in writes.items():
        host.write(address, value)
    host.write(0x5225, 108, 153, 153)
    host.write(0x5242, 0, 5, 640 >> 8, 640 & 0xFF)
    host.write(0x5207, 1)
    host.write(0x5300, 4)
    host.write(0x5301, 1, 2, 3, 4)
    host.write(0x5207, 0)
    host.write(0x5201, *(9_000_000 * 32).to_bytes(4, "big"))
    arm(host)
    clock.pass_ms(host.board, 20_000)
    [emission] = emitted
    assert (emission.modulation, emission.bit_rate, emission.payload.hex()) == (
        "FSK",
        50_000,
        "01020304",
    )
    assert emission.frequency == 868_800_000
    assert host.board.counter_us(emission.begin_ns) == 9_000_000
    assert emission.end_ns - emission.begin_ns == (5 + 3 + 1 + 4 + 2) * 160_000


def test_carrier_and_impossible_values_emit_nothing(
    host: Host, clock: Clock, emitted: list[Emission]
) -> None:
    for address, value in ((0x5220, 0x0C), (0x5260, 0x37), (0x5260, 0x44), (0x5261, 0)):
        set_up(host, GOLDEN_TX[0])
        host.write(address, value)
        arm(host)
        clock.pass_ms(host.board, 140_000)
        assert status(host) == 0x80
    assert emitted == []


def test_nothing_is_received_while_transmitting(host: Host, clock: Clock) -> None:
    done: list[Flight] = []
    tmst = GOLDEN_TX[0]["tmst"]
    set_up(host, GOLDEN_TX[0])
    arm(host)
    starts_us = (tmst - 57_000 - 1482, tmst - 50_000, tmst + 41_000, tmst + 41_217)
    for place, start_us in enumerate(starts_us):
        # on different channels, so that they do not collide
        uplink = Uplink(bytes(20), 867_100_000 + 200_000 * place)
        start_ns = host.board.chip.counter.nearest_ns(start_us, clock.ns)
        host.board.send(uplink, start_ns, done.append)
        clock.move_to_us(host.board, start_us)
    clock.pass_ms(host.board, 1000)
    assert [flight.reason for flight in done] == [
        None,
        "the board was transmitting",
        "the board was transmitting",
        None,
    ]


def test_reset_ends_a_transmission(host: Host, clock: Clock, emitted: list[Emission]) -> None:
    set_up(host, GOLDEN_TX[0])
    arm(host)
    host.reset()
    assert status(host) == 0x80
    clock.pass_ms(host.board, 200_000)
    assert emitted == []


def test_channels_come_back_from_the_truncated_register() -> None:
    for hz in (868_100_000, 869_525_000, 865_062_500, 923_300_000, 433_175_000, 915_900_000):
        assert channel_hz(hz * 2**18 // 32_000_000) == hz


@pytest.mark.parametrize(
    ("frequency", "settings", "dbm"),
    [
        (868_100_000, (0x11, 0x4E, 0x12, 0x40, 0x00, 0x7F), (14, 27, 14, 17, 0, 27)),
        (505_300_000, (0x07, 0x4A, 0x51, 0x56, 0x00), (3, 6, 13, 18, 3)),
    ],
)
def test_power_is_the_row_at_or_below(
    frequency: int, settings: tuple[int, ...], dbm: tuple[int, ...]
) -> None:
    assert tuple(power_dbm(setting, frequency) for setting in settings) == dbm
