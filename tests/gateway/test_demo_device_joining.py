"""How a virtual end device joins, rejoins, and what it keeps over a power cycle."""

from random import Random

import lorawan_1_1_oracle as oracle_1_1
import lorawan_oracle as oracle
import pytest
from end_device_bench import ABP_1_0, ABP_1_1, DEV_EUI, JOIN_EUI, OTAA_1_1, K, vars_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.device import Device, Downlink, Heard, Keys
from gateway.demo.end_device.activation import Version
from gateway.demo.end_device.backoff import DAY_US, HOUR_US, JoinBackoff


def accept_1_1(key: bytes, kind: int, nonce: int, join_nonce: int) -> bytes:
    """A Join-Accept with OptNeg, made with the inverse of what a device does."""
    clear = b"\x20" + oracle.little(join_nonce, 3) + oracle.little(0x13, 3)
    clear += oracle.little(0x260B1234, 4) + b"\x80\x01"
    js_int_key = oracle.aes(K[5], b"\x06" + oracle.little(DEV_EUI, 8) + bytes(7))
    asked = bytes([kind]) + oracle.little(JOIN_EUI, 8) + oracle.little(nonce, 2)
    mic = oracle.cmac(js_int_key, asked + clear)[:4]
    return b"\x20" + oracle.aes_inverse(key, clear[1:] + mic)


def hear_accept(device: Device, phy_payload: bytes) -> Heard:
    rx1, _ = device.sent(0)
    return device.hear(Downlink(phy_payload, rx1.opens_us, 0, rx1.frequency, rx1.sf, True))


def test_1_1_joins_and_rejoins_as_the_oracle_has_it() -> None:
    device = Device(OTAA_1_1)
    request = device.join_request()
    assert request.phy_payload == oracle.join_request(K[5], JOIN_EUI, DEV_EUI, 1)
    assert hear_accept(device, accept_1_1(K[5], 0xFF, 1, 7)) is Heard.JOINED
    session = device.activation
    assert session is not None
    expected = oracle_1_1.session_keys(K[5], K[4], 7, JOIN_EUI, 1)
    assert (session.nwk_s_key, session.s_nwk_s_int_key, session.nwk_s_enc_key) == (
        expected.f_nwk_s_int,
        expected.s_nwk_s_int,
        expected.nwk_s_enc,
    )
    assert session.app_s_key == expected.app_s
    assert device.commands.announces == {0x0B}
    js_enc_key = oracle.aes(K[5], b"\x05" + oracle.little(DEV_EUI, 8) + bytes(7))
    js_int_key = oracle.aes(K[5], b"\x06" + oracle.little(DEV_EUI, 8) + bytes(7))
    asks = {
        0: oracle_1_1.rejoin_request(expected.s_nwk_s_int, 0, 0x13, DEV_EUI, 0),
        1: oracle_1_1.rejoin_request(js_int_key, 1, JOIN_EUI, DEV_EUI, 0),
    }
    for kind, phy_payload in asks.items():
        assert device.rejoin_request(kind).phy_payload == phy_payload
    assert hear_accept(device, accept_1_1(js_enc_key, 1, 0, 8)) is Heard.JOINED
    assert device.activation is not None
    assert device.activation.id == bytes.fromhex("0000080000")


def test_a_join_nonce_once_more_is_refused_and_told() -> None:
    device = Device(OTAA_1_1)
    for nonce, heard in ((1, Heard.JOINED), (2, Heard.NONCE_REUSED)):
        device.join_request()
        assert hear_accept(device, accept_1_1(K[5], 0xFF, nonce, 7)) is heard
    assert len(device.violations) == 1


def test_1_1_gives_up_a_session_whose_keys_nobody_confirms() -> None:
    device = Device(OTAA_1_1)
    device.join_request()
    hear_accept(device, accept_1_1(K[5], 0xFF, 1, 7))
    for _ in range(64):
        assert not device.join_state()
        device.uplink(1, b"")
    assert device.join_state()


@pytest.mark.parametrize(
    ("version", "kept"), [("1.0.3", (0, -1)), ("1.0.4", (9, 4)), ("1.1", (9, 4))]
)
def test_a_power_cycle_takes_what_the_version_does_not_keep(
    version: Version, kept: tuple[int, int]
) -> None:
    device = Device(Keys(**vars_of(ABP_1_1 if version == "1.1" else ABP_1_0, version)))
    assert device.activation is not None
    device.activation.f_cnt_up, device.activation.f_cnt_down = 9, 4
    device.power_cycle()
    assert (device.activation.f_cnt_up, device.activation.f_cnt_down) == kept


def test_dev_nonce_rises_over_power_cycles_from_1_0_4_on_and_is_random_before() -> None:
    old = Device(Keys(DEV_EUI, JOIN_EUI, K[4], lorawan="1.0.3"), random=Random(4))
    new = Device(Keys(DEV_EUI, JOIN_EUI, K[4], lorawan="1.0.4"))
    nonces: dict[str, list[int]] = {"old": [], "new": []}
    for _ in range(4):
        for name, device in (("old", old), ("new", new)):
            device.join_request()
            nonces[name].append(device.joining.dev_nonce)
            device.power_cycle()
    assert nonces["new"] == [1, 2, 3, 4]
    assert nonces["old"] != sorted(nonces["old"])


@given(st.lists(st.integers(50_000, 2_800_000), min_size=1, max_size=300), st.integers(0, HOUR_US))
def test_join_backoff_leaves_36_s_of_an_hour_36_of_ten_and_8_7_of_a_day(
    airtimes: list[int], began: int
) -> None:
    backoff, now, sent = JoinBackoff(), began, []
    for airtime in airtimes:
        now += backoff.wait_us(now, airtime)
        assert backoff.wait_us(now, airtime) == 0
        backoff.spend(now, airtime)
        sent.append((now - began, airtime))
    spans = [(0, HOUR_US, 36e6), (HOUR_US, 11 * HOUR_US, 36e6)]
    days = range(11 * HOUR_US, 99 * DAY_US, DAY_US)
    spans += [(day, day + DAY_US, 8.7e6) for day in days]
    for low, high, allowed in spans:
        assert sum(airtime for at, airtime in sent if low <= at < high) <= allowed
