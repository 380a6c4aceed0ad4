"""The virtual end device against the oracle: what it sends, and what it takes or refuses."""

from dataclasses import replace
from typing import Any

import lorawan_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo import frames
from gateway.demo.device import (
    WINDOW_US,
    Device,
    Downlink,
    Heard,
    Keys,
)

DEFAULT_CHANNELS = (868_100_000, 868_300_000, 868_500_000)
RX2_FREQUENCY = 869_525_000
NWK, APP, APP_KEY = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
DEV_ADDR = 0x26011BDA
ABP = Keys(0x70B3D57ED0000001, dev_addr=DEV_ADDR, nwk_s_key=NWK, app_s_key=APP)
OTAA = Keys(0x70B3D57ED0000002, join_eui=0x70B3D57ED0010000, app_key=APP_KEY)
SECOND = 1_000_000
UP_FREQUENCY = 868_300_000


def data_down(f_cnt: int, ack: bool = True, **changes: Any) -> bytes:
    fields = {
        "m_type": 3,
        "dev_addr": DEV_ADDR,
        "f_ctrl": 0x20 if ack else 0,
        "f_cnt": f_cnt,
        "f_opts": b"",
        "f_port": None,
        "frm_payload": b"",
        "nwk_s_key": NWK,
        "app_s_key": APP,
    }
    return oracle.data_frame(**(fields | changes))


def sent(device: Device, end_us: int = 5 * SECOND, sf: int = 7) -> Device:
    device.uplink(1, b"\x01", confirmed=True)
    device.sent(end_us, UP_FREQUENCY, sf)
    return device


def in_rx1(phy_payload: bytes, end_us: int = 5 * SECOND, after: int = SECOND) -> Downlink:
    begins = (end_us + after) % (1 << 32)
    return Downlink(phy_payload, begins, begins + 41_000, UP_FREQUENCY, 7, inverted=True)


def join_accept(dl_settings: int = 0, rx_delay: int = 1, cf_list: bytes = b"") -> bytes:
    body = oracle.little(0x0102A3, 3) + oracle.little(0x000013, 3) + oracle.little(0x260B1234, 4)
    body += bytes([dl_settings, rx_delay]) + cf_list
    clear = body + oracle.cmac(APP_KEY, b"\x20" + body)[:4]
    return b"\x20" + oracle.aes_inverse(APP_KEY, clear)


@given(
    f_port=st.integers(1, 223),
    payload=st.binary(max_size=51),
    f_cnt=st.integers(0, 0xFFFFFFFE),
    confirmed=st.booleans(),
)
def test_uplink_is_what_the_oracle_builds(
    f_port: int, payload: bytes, f_cnt: int, confirmed: bool
) -> None:
    device = Device(ABP)
    assert device.activation is not None
    device.activation.f_cnt_up = f_cnt
    expected = oracle.data_frame(
        m_type=4 if confirmed else 2,
        dev_addr=DEV_ADDR,
        f_ctrl=0,
        f_cnt=f_cnt,
        f_opts=b"",
        f_port=f_port,
        frm_payload=payload,
        nwk_s_key=NWK,
        app_s_key=APP,
    )
    uplink = device.uplink(f_port, payload, confirmed)
    assert (uplink.phy_payload, uplink.f_cnt) == (expected, f_cnt)
    assert device.activation.f_cnt_up == f_cnt + 1


def test_each_join_request_has_a_higher_dev_nonce() -> None:
    device = Device(OTAA)
    for dev_nonce in (1, 2, 3):
        expected = oracle.join_request(APP_KEY, OTAA.join_eui, OTAA.dev_eui, dev_nonce)
        assert device.join_request().phy_payload == expected


def test_join_accept_opens_the_session_that_the_oracle_derives() -> None:
    device = Device(OTAA)
    device.join_request()
    device.sent(5 * SECOND, UP_FREQUENCY, 7)
    cf_list = b"".join(oracle.little(f, 3) for f in (8671000, 8673000, 8675000, 8677000, 0))
    accept = join_accept(dl_settings=0x23, rx_delay=3, cf_list=cf_list + b"\0")
    assert device.hear(in_rx1(accept, after=5 * SECOND)) is Heard.JOINED
    session = device.activation
    assert session is not None
    assert session.id.hex() == "0102a30001"
    assert session.dev_addr == 0x260B1234
    keys = oracle.session_keys(APP_KEY, 0x0102A3, 0x000013, 1)
    assert (session.nwk_s_key, session.app_s_key) == keys
    more = [867_100_000, 867_300_000, 867_500_000, 867_700_000]
    assert device.channels == [*DEFAULT_CHANNELS, *more]
    settings = device.settings
    assert (settings.rx_delay_s, settings.rx1_dr_offset, settings.rx2_dr) == (3, 2, 3)
    device.uplink(1, b"")
    rx1, rx2 = device.sent(0, UP_FREQUENCY, 7)
    assert (rx1.opens_us, rx1.sf) == (3 * SECOND, 9)
    assert (rx2.opens_us, rx2.frequency, rx2.sf) == (4 * SECOND, RX2_FREQUENCY, 9)


def test_join_accept_for_another_key_is_refused() -> None:
    device = Device(replace(OTAA, app_key=bytes(16)))
    device.join_request()
    device.sent(5 * SECOND, UP_FREQUENCY, 7)
    assert device.hear(in_rx1(join_accept(), after=5 * SECOND)) is Heard.BAD_MIC
    assert device.activation is None


def test_join_accept_does_not_end_a_data_uplink() -> None:
    assert sent(Device(ABP)).hear(in_rx1(join_accept())) is Heard.NOT_OURS


def test_ack_in_rx1_is_taken_once() -> None:
    device = sent(Device(ABP))
    assert device.hear(in_rx1(data_down(0))) is Heard.ACCEPTED
    assert device.acked
    assert device.hear(in_rx1(data_down(1))) is Heard.NO_WINDOW


def test_ack_in_rx2_is_taken() -> None:
    device = sent(Device(ABP))
    begins = 7 * SECOND
    downlink = Downlink(data_down(0), begins, begins + SECOND, RX2_FREQUENCY, 12, inverted=True)
    assert device.hear(downlink) is Heard.ACCEPTED


def test_windows_open_across_the_counter_wrap() -> None:
    end = (1 << 32) - 300_000
    device = sent(Device(ABP), end)
    assert device.hear(in_rx1(data_down(0), end)) is Heard.ACCEPTED


@pytest.mark.parametrize(
    ("downlink", "why"),
    [
        (in_rx1(data_down(0), after=SECOND + WINDOW_US + 1), Heard.NO_WINDOW),
        (in_rx1(data_down(0), after=SECOND - WINDOW_US - 1), Heard.NO_WINDOW),
        (replace(in_rx1(data_down(0)), frequency=868_100_000), Heard.WRONG_FREQUENCY),
        (replace(in_rx1(data_down(0)), sf=8), Heard.WRONG_SF),
        (replace(in_rx1(data_down(0)), inverted=False), Heard.WRONG_POLARITY),
        (in_rx1(data_down(0, dev_addr=DEV_ADDR + 1)), Heard.NOT_OURS),
        (in_rx1(data_down(0, nwk_s_key=APP)), Heard.BAD_MIC),
        (in_rx1(b""), Heard.MALFORMED),
        (in_rx1(b"\x60" * 8), Heard.MALFORMED),
        (in_rx1(oracle.join_request(APP_KEY, 1, 2, 3)), Heard.MALFORMED),
    ],
)
def test_downlink_that_a_radio_or_mac_would_not_take_is_refused(
    downlink: Downlink, why: Heard
) -> None:
    device = sent(Device(ABP))
    assert device.hear(downlink) is why
    assert not device.acked
    assert device.hear(in_rx1(data_down(0))) is Heard.ACCEPTED, "and the window stays open"


def test_without_an_uplink_nothing_is_heard() -> None:
    assert Device(ABP).hear(in_rx1(data_down(0))) is Heard.NO_WINDOW


@pytest.mark.parametrize("f_cnt", [4, 3, 0])
def test_f_cnt_down_that_does_not_rise_is_a_replay(f_cnt: int) -> None:
    device = sent(Device(ABP))
    assert device.hear(in_rx1(data_down(4))) is Heard.ACCEPTED
    assert sent(device).hear(in_rx1(data_down(f_cnt))) is Heard.REPLAYED
    assert not device.acked


def test_f_cnt_down_rises_beyond_16_bits() -> None:
    device = sent(Device(ABP))
    assert device.activation is not None
    device.activation.f_cnt_down = 0xFFFF
    assert device.hear(in_rx1(data_down(0x10000))) is Heard.ACCEPTED
    assert device.activation.f_cnt_down == 0x10000


def test_downlink_without_ack_does_not_acknowledge() -> None:
    device = sent(Device(ABP))
    assert device.hear(in_rx1(data_down(0, ack=False))) is Heard.ACCEPTED
    assert not device.acked


def test_payload_from_the_network_is_decrypted() -> None:
    device = sent(Device(ABP))
    device.hear(in_rx1(data_down(7, f_port=9, frm_payload=b"open the lid, please")))
    assert device.received == [(9, b"open the lid, please")]


@given(st.binary(max_size=64))
def test_strangers_bytes_never_raise(phy_payload: bytes) -> None:
    device = sent(Device(ABP))
    assert device.hear(in_rx1(phy_payload)) not in (Heard.ACCEPTED, Heard.JOINED)
    joining = Device(OTAA)
    joining.join_request()
    joining.sent(5 * SECOND, UP_FREQUENCY, 7)
    assert joining.hear(in_rx1(phy_payload, after=5 * SECOND)) is not Heard.JOINED


@given(st.integers(-1, 1 << 31), st.integers(0, 0xFFFF))
def test_unfolded_counter_is_the_next_with_these_bits(last: int, low: int) -> None:
    counter = frames.unfold(last, low)
    assert counter & 0xFFFF == low
    assert last < counter <= last + 0x10000
