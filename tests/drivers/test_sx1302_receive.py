"""The FIFO: resynchronisation, counted drops, and what a packet's bytes mean."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import Crc, Modulation, RxPacket
from drivers.sx1302 import semtech
from drivers.sx1302.receive import (
    FifoPacket,
    Receiver,
    frequency_offset,
    payload_crc16,
    split,
    without_doubles,
)
from drivers.sx1302.timestamps import CounterExtension

GOLDEN = Path(__file__).parent.parent / "golden"
CONF = json.loads((GOLDEN / "start-eu868.json").read_text())["config"]
SETTINGS = semtech.settings(CONF)
RECORDED = [
    bytes.fromhex(each["fifo"]) for each in json.loads((GOLDEN / "rx-eu868.json").read_text())["rx"]
]
SMALL, OTHER = RECORDED[0], RECORDED[1]


def reference_crc16(payload: bytes) -> int:
    """Bit by bit, as the sheet puts it."""
    register = 0
    for byte in payload:
        for _ in range(8):
            register = (register << 1 ^ (0x1021 if register & 0x8000 else 0)) & 0xFFFF
        register ^= byte
    return register


def packet(payload: bytes, **change: Any) -> bytes:
    """A packet as the chip would lay it out, with some fields changed."""
    value: dict[str, Any] = {"chain": 0, "flags": 0x73, "modem": 0, "offset": 0, "status": 0}
    value |= {"snr": 40, "rssi": 107, "ticks": 3200, "crc": reference_crc16(payload)}
    value |= {"metrics": b""} | change
    body = bytes((0xA5, 0xC0, len(payload), value["chain"], value["flags"], value["modem"]))
    body += value["offset"].to_bytes(3, "little") + payload
    body += bytes((value["status"], value["snr"] & 0xFF, value["rssi"], value["rssi"], 0, 0))
    body += value["ticks"].to_bytes(4, "little") + value["crc"].to_bytes(2, "little")
    body += bytes((len(value["metrics"]) // 2,)) + value["metrics"]
    return bytes(body) + bytes((sum(body) & 0xFF,))


def receive(data: bytes, conf: Any = CONF) -> tuple[list[RxPacket], Counter[str]]:
    drops: Counter[str] = Counter()
    extension = CounterExtension(reference=1 << 26)
    receiver = Receiver(semtech.settings(conf), extension)
    return receiver.packets(data, 24.37, 3, drops), drops


@given(st.binary(max_size=255))
def test_payload_crc_is_the_bitwise_one(payload: bytes) -> None:
    assert payload_crc16(payload) == reference_crc16(payload)


def test_payload_crc_of_one_byte_is_that_byte() -> None:
    assert payload_crc16(b"\xdc") == 0x00DC


def test_several_packets_of_one_fetch_are_all_received() -> None:
    received, drops = receive(b"".join(RECORDED))
    assert [len(each.payload) for each in received] == [20, 20, 20, 64]
    assert not drops


@pytest.mark.parametrize(
    ("data", "kept", "reasons"),
    [
        (SMALL[:22], 0, {"short_fetch": 1}),
        (bytes(100), 0, {"garbage": 1}),
        (b"\xa5\x00\xc0" * 9 + SMALL, 1, {"garbage": 1}),
        (SMALL + bytes(7), 1, {"garbage": 1}),
        (SMALL + bytes(7) + OTHER, 2, {"garbage": 1}),
        (SMALL + OTHER[:-1], 1, {"truncated": 1}),
        (SMALL + OTHER[:2] + bytes(25), 1, {"bad_checksum": 1}),
        (SMALL + OTHER[:-1] + b"\x00", 1, {"bad_checksum": 1}),
        (SMALL[:-1] + b"\x00" + OTHER, 1, {"bad_checksum": 1}),
        (SMALL + OTHER[:2], 1, {"truncated": 1}),
        (packet(b"abc", modem=18), 0, {"impossible": 1}),
        (packet(b"abc", chain=10), 0, {"impossible": 1}),
        (packet(b"abc", chain=9), 0, {"impossible": 1}),
        (packet(b"abc", flags=0x43), 0, {"impossible": 1}),
        (packet(b"abc", flags=0xD3), 0, {"impossible": 1}),
        (packet(b"abc", crc=1) + SMALL, 1, {"bad_crc16": 1}),
    ],
)
def test_damaged_fetch_keeps_the_good_and_counts_the_bad(
    data: bytes, kept: int, reasons: dict[str, int]
) -> None:
    received, drops = receive(data)
    assert (len(received), drops) == (kept, reasons)


@given(st.binary(max_size=400))
def test_garbage_never_raises(data: bytes) -> None:
    received, drops = receive(data)
    assert received or drops


@given(st.lists(st.sampled_from([*RECORDED, b"\xa5\xc0", b"\xa5", bytes(30)]), max_size=5))
def test_good_packets_between_garbage_are_found(pieces: list[bytes]) -> None:
    drops: Counter[str] = Counter()
    found = split(b"".join(pieces), drops)
    assert len(found) == sum(piece in RECORDED for piece in pieces)


def test_payload_of_sync_bytes_is_one_packet() -> None:
    received, drops = receive(packet(b"\xa5\xc0" * 100))
    assert len(received) == 1
    assert not drops


@pytest.mark.parametrize(
    ("flags", "status", "crc"), [(0x73, 0, Crc.OK), (0x73, 1, Crc.BAD), (0x72, 0, Crc.NONE)]
)
def test_crc_state_is_the_modems(flags: int, status: int, crc: Crc) -> None:
    (received,), _ = receive(packet(b"abc", flags=flags, status=status))
    assert received.crc is crc


def test_metrics_of_fine_timestamps_are_part_of_the_packet() -> None:
    received, drops = receive(packet(b"abc", metrics=bytes(64)) + SMALL)
    assert len(received) == 2
    assert not drops


def test_empty_payload_is_received() -> None:
    (received,), _ = receive(packet(b""))
    assert received.payload == b""


def test_fsk_packet_has_its_own_meaning() -> None:
    (received,), _ = receive(packet(b"abc", chain=9, modem=17, flags=1, rssi=140, crc=0xBEEF))
    assert received.modulation is Modulation.FSK
    assert (received.frequency, received.bit_rate, received.sf) == (868_800_000, 50_000, 0)
    assert received.snr is None
    assert round(received.rssi) == 4
    assert received.counter_us == 100 - 7
    assert received.crc is Crc.OK


def test_service_packet_takes_bandwidth_and_implicit_header_from_the_settings() -> None:
    implicit = {"implicit_hdr": True, "implicit_payload_length": 3, "implicit_crc_en": True,
                "implicit_coderate": 3}  # fmt: skip
    conf = CONF | {"chan_Lora_std": CONF["chan_Lora_std"] | implicit}
    (received,), _ = receive(packet(b"abc", chain=8, modem=16, flags=0x70), conf)
    assert (received.bandwidth, received.coding_rate) == (250_000, 3)
    assert received.crc is Crc.OK


def test_chain_that_is_off_receives_nothing() -> None:
    conf = CONF | {"chan_FSK": {"enable": False}}
    _, drops = receive(packet(b"abc", chain=9, modem=17, flags=1), conf)
    assert drops == {"impossible": 1}


def test_negative_snr_and_offset_are_signed() -> None:
    (received,), _ = receive(packet(b"abc", snr=-30, offset=0xFFFFF))
    assert received.snr == -7.5
    assert FifoPacket.from_bytes(packet(b"abc", offset=0xFFFFF)).offset == -1


def test_frequency_offset_is_reckoned_in_single_precision() -> None:
    assert frequency_offset(-2400, 125_000, -400_000) == -384
    assert frequency_offset(0, 125_000, 0) == 0


def test_fine_timestamps_are_of_the_header_and_corrected_forwards() -> None:
    fine = CONF | {"fine_timestamp": {"enable": True, "mode": "all_sf"}}
    (received,), _ = receive(packet(bytes(20)), fine)
    assert received.counter_us == 100 + 35_821


def test_doubly_demodulated_packet_is_reported_once_with_the_good_crc() -> None:
    bad, good = packet(b"abc", status=1, ticks=32_000), packet(b"abc", ticks=32_100)
    later = packet(b"abc", ticks=64_000)
    received, _ = receive(later + bad + good)
    once = without_doubles(received)
    assert [each.crc for each in once] == [Crc.OK, Crc.OK]
    assert once[0].counter_us < once[1].counter_us
    fine = CONF | {"fine_timestamp": {"enable": True, "mode": "all_sf"}}
    assert len(receive(bad + good, fine)[0]) == 1
