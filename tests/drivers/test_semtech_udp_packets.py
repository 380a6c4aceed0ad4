"""The JSON of the packet forwarder protocol: its own examples, oddities of the field, garbage."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import Crc, Modulation, RxPacket, TxPacket, TxStatus
from drivers.semtech_udp.frames import Drop
from drivers.semtech_udp.packets import Push, read_push, read_tx_ack, write_txpk

RXPK: dict[str, Any] = {
    "tmst": 3512348611, "time": "2020-10-01T09:30:52.592567Z", "tmms": 1285579871592,
    "ftime": 85224290, "chan": 2, "rfch": 0, "freq": 866.349812, "mid": 3, "stat": 1,
    "modu": "LORA", "datr": "SF7BW125", "codr": "4/6", "rssi": -35, "lsnr": 5.1, "foff": -3313,
    "size": 3, "data": "AQID",
}  # fmt: skip
FSK = {"tmst": 3512348514, "chan": 9, "rfch": 1, "freq": 869.1, "stat": 1, "modu": "FSK",
       "datr": 50000, "rssi": -75, "size": 16, "data": "VEVTVF9QQUNLRVRfMTIzNA=="}  # fmt: skip


def push(*rxpk: Any, **root: Any) -> Push:
    return read_push(json.dumps({"rxpk": list(rxpk), **root}).encode())


def one(**changes: Any) -> RxPacket:
    """The packet of RXPK with other fields; `...` leaves a field out."""
    fields = {name: value for name, value in (RXPK | changes).items() if value is not ...}
    (packet,) = push(fields).packets
    return packet


def reason(**changes: Any) -> Drop:
    found = push(RXPK | changes)
    assert found.packets == ()
    (drop,) = found.drops
    return drop


def test_lora_packet_of_the_protocol() -> None:
    assert one() == RxPacket(
        payload=b"\x01\x02\x03", counter_us=3512348611, chip_session=0, frequency=866_349_812,
        bandwidth=125_000, sf=7, coding_rate=2, rssi=-35.0, snr=5.1, crc=Crc.OK,
        frequency_offset=-3313, chain=2, modem=3,
    )  # fmt: skip


def test_fsk_packet_of_the_protocol() -> None:
    (packet,) = push(FSK).packets
    assert packet.modulation is Modulation.FSK
    assert (packet.sf, packet.bit_rate, packet.snr, packet.coding_rate) == (0, 50_000, None, 0)
    assert (packet.frequency, packet.chain) == (869_100_000, 9)
    assert packet.payload == b"TEST_PACKET_1234"


@pytest.mark.parametrize("hertz", [433_175_000, 863_009_810, 867_100_000, 868_300_001, 923_200_000])
def test_frequency_is_exact_to_the_hertz_both_ways(hertz: int) -> None:
    assert one(freq=float(f"{hertz / 1e6:.6f}")).frequency == hertz
    txpk = json.loads(write_txpk(TxPacket(b"", None, 1, hertz, 7)))["txpk"]
    assert int(1e6 * txpk["freq"]) == hertz, "the forwarder cuts off what is below 1 Hz"


@pytest.mark.parametrize(
    ("stat", "crc"), [(1, Crc.OK), (-1, Crc.BAD), (0, Crc.NONE), (..., Crc.OK)]
)
def test_stat_is_the_crc(stat: Any, crc: Crc) -> None:
    assert one(stat=stat).crc is crc


@pytest.mark.parametrize(
    ("codr", "rate"), [("4/5", 1), ("4/6", 2), ("2/3", 2), ("4/7", 3), ("4/8", 4), ("1/2", 4)]
)
def test_coding_rates_and_their_other_names(codr: str, rate: int) -> None:
    assert one(codr=codr).coding_rate == rate


@given(st.binary(max_size=255))
def test_payload_with_padding_without_it_and_in_the_other_alphabet(payload: bytes) -> None:
    padded = base64.b64encode(payload).decode()
    other = base64.urlsafe_b64encode(payload).decode()
    for data in (padded, padded.rstrip("="), other, other.rstrip("=")):
        assert one(data=data, size=len(payload)).payload == payload


def test_payload_of_the_protocol_mixes_both_alphabets() -> None:
    data = "-DS4CGaDCdG+48eJNM3Vai-zDpsR71Pn9CPA9uCON84"
    assert len(one(data=data, size=32).payload) == 32


def test_best_antenna_is_the_one_that_counts() -> None:
    antennas = [{"ant": 0, "rssic": -99, "lsnr": -3.0}, {"ant": 1, "rssic": -80, "lsnr": 7.5}]
    packet = one(rsig=antennas, rssi=..., lsnr=...)
    assert (packet.rssi, packet.snr) == (-80.0, 7.5)


def test_signal_rssi_stands_in_for_the_channels() -> None:
    assert one(rssi=..., rssis=-91).rssi == -91.0


def test_fields_that_nothing_depends_on_may_be_absent() -> None:
    packet = one(foff=..., chan=..., mid=..., rfch=..., size=..., modu=..., codr=..., time=...)
    assert (packet.coding_rate, packet.frequency_offset, packet.chain, packet.modem) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tmst": None}, Drop.BAD_TMST),
        ({"tmst": -1}, Drop.BAD_TMST),
        ({"tmst": 2**32}, Drop.BAD_TMST),
        ({"tmst": 1.5}, Drop.BAD_TMST),
        ({"tmst": True}, Drop.BAD_TMST),
        ({"tmst": "3512348611"}, Drop.BAD_TMST),
        ({"tmst": 10**400}, Drop.BAD_TMST),
        ({"freq": math.nan}, Drop.BAD_FREQUENCY),
        ({"freq": math.inf}, Drop.BAD_FREQUENCY),
        ({"freq": -868.1}, Drop.BAD_FREQUENCY),
        ({"freq": 868_100_000}, Drop.BAD_FREQUENCY),
        ({"foff": 1e300}, Drop.BAD_FREQUENCY),
        ({"datr": "SF13BW125"}, Drop.BAD_DATA_RATE),
        ({"datr": "SF7BW203"}, Drop.BAD_DATA_RATE),
        ({"datr": "SF7BW125 "}, Drop.BAD_DATA_RATE),
        ({"datr": 50_000}, Drop.BAD_DATA_RATE),
        ({"datr": "SF7BW125", "modu": "FSK"}, Drop.BAD_DATA_RATE),
        ({"datr": "M0CW137", "modu": "LR-FHSS"}, Drop.BAD_DATA_RATE),
        ({"datr": 0, "modu": "FSK"}, Drop.BAD_DATA_RATE),
        ({"datr": ["SF7BW125"]}, Drop.BAD_DATA_RATE),
        ({"codr": "OFF"}, Drop.BAD_CODING_RATE),
        ({"codr": ["4/5"]}, Drop.BAD_CODING_RATE),
        ({"rssi": None}, Drop.BAD_SIGNAL),
        ({"lsnr": math.nan}, Drop.BAD_SIGNAL),
        ({"rsig": [None]}, Drop.BAD_SIGNAL),
        ({"rsig": [{}]}, Drop.BAD_SIGNAL),
        ({"stat": 2}, Drop.BAD_STAT),
        ({"stat": "OK"}, Drop.BAD_STAT),
        ({"size": 4}, Drop.BAD_DATA),
        ({"data": "AQ!D"}, Drop.BAD_DATA),
        ({"data": "AQIDA"}, Drop.BAD_DATA),
        ({"data": "äöü="}, Drop.BAD_DATA),
        ({"data": None}, Drop.BAD_DATA),
        ({"data": base64.b64encode(bytes(256)).decode(), "size": 256}, Drop.BAD_DATA),
        ({"chan": -1}, Drop.BAD_RXPK),
    ],
)
def test_odd_field_costs_the_packet_and_has_a_reason(
    changes: dict[str, Any], expected: Drop
) -> None:
    assert reason(**changes) is expected


def test_odd_packet_costs_its_neighbours_nothing() -> None:
    found = push(RXPK, RXPK | {"tmst": None}, 7, FSK)
    assert [packet.payload for packet in found.packets] == [b"\x01\x02\x03", b"TEST_PACKET_1234"]
    assert found.drops == (Drop.BAD_TMST, Drop.BAD_RXPK)


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"[]", b"7", b'{"rxpk":[', b"[" * 60_000, b'{"rxpk":[' + b"9" * 5000 + b"]}",
     b"\xff\xfe{"],
)  # fmt: skip
def test_what_is_no_json_object_is_one_drop(body: bytes) -> None:
    assert read_push(body) == Push(drops=(Drop.BAD_JSON,))


def test_rxpk_that_is_no_list_is_one_drop() -> None:
    assert read_push(b'{"rxpk":{}}') == Push(drops=(Drop.BAD_RXPK,))


def test_stat_of_the_protocol() -> None:
    body = b"""{"stat":{"time":"2014-01-12 08:59:28 GMT","lati":46.24000,"long":3.25230,"alti":145,
        "rxnb":2,"rxok":2,"rxfw":2,"ackr":100.0,"dwnb":2,"txnb":2,"temp": 23.2}}"""
    found = read_push(body)
    assert found.stat is not None
    assert found.stat.temperature == 23.2
    assert str(found.stat) == "rxnb 2, rxok 2, rxfw 2, dwnb 2, txnb 2, ackr 100"


def test_stat_keeps_only_figures() -> None:
    found = read_push('{"stat":{"rxnb":NaN,"temp":"warm","desc":"M\xfchle"}}'.encode("latin-1"))
    assert found.stat is not None
    assert (found.stat.temperature, found.stat.counts) == (None, ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*RXPK, "rsig"]), json_values, min_size=1))
def test_any_values_make_a_packet_or_a_reason(changes: dict[str, Any]) -> None:
    found = push(RXPK | changes, stat=changes)
    assert len(found.packets) + len(found.drops) == 1


@given(st.binary(max_size=60))
def test_any_bytes_are_read(body: bytes) -> None:
    assert isinstance(read_push(body), Push)
    assert isinstance(read_tx_ack(body)[0], TxStatus)


def test_downlink_is_the_protocols() -> None:
    packet = TxPacket(b"\x60\x01\x02\x03", 4_000_000_000, 1, 869_525_000, 12, power=27)
    assert json.loads(write_txpk(packet)) == {
        "txpk": {
            "tmst": 4_000_000_000, "freq": 869.525, "rfch": 0, "powe": 27, "modu": "LORA",
            "datr": "SF12BW125", "codr": "4/5", "ipol": True, "prea": 8, "size": 4,
            "data": "YAECAw==", "ncrc": True,
        }
    }  # fmt: skip


def test_immediate_downlink_has_no_time() -> None:
    packet = TxPacket(b"x", None, 1, 868_100_000, 7, bandwidth=500_000, coding_rate=4, crc=True)
    txpk = json.loads(write_txpk(packet))["txpk"]
    assert txpk["imme"] is True
    assert "tmst" not in txpk
    assert (txpk["datr"], txpk["codr"], txpk["ncrc"]) == ("SF7BW500", "4/8", False)


def test_fsk_downlink_tells_bit_rate_and_deviation() -> None:
    packet = TxPacket(b"x", 0, 1, 868_800_000, 0, modulation=Modulation.FSK, preamble=5)
    txpk = json.loads(write_txpk(packet))["txpk"]
    assert (txpk["modu"], txpk["datr"], txpk["fdev"], txpk["prea"]) == ("FSK", 50_000, 25_000, 5)
    assert txpk["tmst"] == 0
    assert "codr" not in txpk


def test_longest_downlink_fits_the_forwarders_buffer() -> None:
    """1000 bytes, of which 4 are the head and one is kept free."""
    packet = TxPacket(bytes(255), 2**32 - 1, 1, 868_123_456, 12, power=27)
    assert 4 + len(write_txpk(packet)) < 1000


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"", (TxStatus.OK, None)),
        (b"\0", (TxStatus.OK, None)),
        (b'{"txpk_ack":{"error":"NONE"}}', (TxStatus.OK, None)),
        (b'{"txpk_ack":{"error":"TOO_LATE"}}\0', (TxStatus.TOO_LATE, None)),
        (b'{"txpk_ack":{"error":"TOO_EARLY"}}', (TxStatus.TOO_EARLY, None)),
        (b'{"txpk_ack":{"error":"COLLISION_PACKET"}}', (TxStatus.COLLISION_PACKET, None)),
        (b'{"txpk_ack":{"error":"COLLISION_BEACON"}}', (TxStatus.COLLISION_PACKET, None)),
        (b'{"txpk_ack":{"error":"TX_FREQ"}}', (TxStatus.TX_FREQ, None)),
        (b'{"txpk_ack":{"error":"TX_POWER"}}', (TxStatus.TX_POWER, None)),
        (b'{"txpk_ack":{"warn":"TX_POWER","value":20}}', (TxStatus.OK, Drop.POWER_LOWERED)),
        (b'{"txpk_ack":{"error":"GPS_UNLOCKED"}}', (TxStatus.TOO_LATE, Drop.REFUSED)),
        (b'{"txpk_ack":{"error":"UNKNOWN"}}', (TxStatus.TOO_LATE, Drop.REFUSED)),
        (b'{"txpk_ack":{"error":7}}', (TxStatus.TOO_LATE, Drop.REFUSED)),
        (b'{"txpk_ack":7}', (TxStatus.TOO_LATE, Drop.BAD_JSON)),
        (b"nonsense", (TxStatus.TOO_LATE, Drop.BAD_JSON)),
    ],
)
def test_verdict_of_the_forwarder(body: bytes, verdict: tuple[TxStatus, Drop | None]) -> None:
    assert read_tx_ack(body) == verdict
