"""The virtual end device's MAC commands, repetitions and versions, against the specification.

Frames of the network's side are the oracles' (tests/lorawan_oracle.py, lorawan_1_1_oracle.py).
"""

import lorawan_1_1_oracle as oracle_1_1
import lorawan_oracle as oracle
import pytest
from end_device_bench import ABP_1_0, ABP_1_1, DEV_ADDR, KEYS_1_1, K, down, vars_of
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.device import Device, Downlink, Heard, Keys
from gateway.demo.end_device.activation import Version
from gateway.demo.end_device.backoff import quiet_us
from gateway.demo.end_device.plan import EU868, airtime_us

MORE_CHANNELS = bytes.fromhex("0703184f84500704e8568450")  # 867.1 and 867.3 MHz, DR0 to DR5


def f_opts(device: Device) -> bytes:
    phy_payload = device.uplink(1, b"").phy_payload
    return phy_payload[8 : 8 + (phy_payload[5] & 15)]


def test_answers_to_receive_parameters_are_repeated_until_a_downlink_is_heard() -> None:
    device = Device(ABP_1_0)
    device.uplink(1, b"")
    asked = bytes.fromhex("0513d2ad84080306")
    assert down(device, asked) is Heard.ACCEPTED
    assert (device.settings.rx_delay_s, device.settings.rx1_dr_offset) == (3, 1)
    assert f_opts(device) == bytes.fromhex("05070806ff07")
    assert f_opts(device) == bytes.fromhex("050708"), "DevStatusAns is said once"
    down(device, b"", f_cnt=1)
    assert f_opts(device) == b""
    assert device.violations == []


def test_new_channels_are_taken_and_then_used_and_moved() -> None:
    device = Device(ABP_1_0)
    device.uplink(1, b"")
    down(device, MORE_CHANNELS)
    assert f_opts(device) == bytes.fromhex("07030703")
    assert device.channels[3:] == [867_100_000, 867_300_000]
    down(device, bytes.fromhex("0a03184f84"), f_cnt=1)
    assert f_opts(device) == bytes.fromhex("0a03")
    device.uplink(1, b"")
    down(device, bytes.fromhex("070400000000"), f_cnt=2)
    assert len(device.channels) == 4


@pytest.mark.parametrize(("version", "answers"), [("1.0.3", 2), ("1.0.4", 2), ("1.1", 1)])
def test_a_block_is_answered_once_for_each_request_before_1_1(
    version: Version, answers: int
) -> None:
    device = Device(Keys(**vars_of(ABP_1_1 if version == "1.1" else ABP_1_0, version)), adr=True)
    device.uplink(1, b"")
    down(device, bytes.fromhex("03510100010351030001"))
    phy_payload = device.uplink(1, b"").phy_payload
    said = phy_payload[5] & 15
    reset_ind = 2 * (version == "1.1")
    assert said - reset_ind == 2 * answers
    assert device.settings.enabled == {0, 1}


@pytest.mark.parametrize(
    ("commands", "what"),
    [
        ("0220", "cut off"),
        ("020a01", "nothing that was asked"),
        ("0d0000000000", "nothing that was asked"),
        ("80", "unknown"),
        ("0b01", "unknown"),
        ("0701184f8450", "cannot be done"),
        ("0500000000", "cannot be done"),
        ("0935", "not of this region"),
        ("0370000001", "cannot be done"),
    ],
)
def test_what_no_network_should_ask_is_a_violation(commands: str, what: str) -> None:
    device = Device(ABP_1_0, adr=True)
    device.uplink(1, b"")
    assert down(device, bytes.fromhex(commands)) is Heard.ACCEPTED
    (violation,) = device.violations
    assert what in violation


def test_time_and_link_are_told_to_one_who_asked() -> None:
    device = Device(ABP_1_0)
    device.ask_time()
    device.commands.ask(2)
    assert f_opts(device) == b"\x0d\x02"
    down(device, bytes.fromhex("0d785634124002050a"))
    assert device.commands.gps_time == (0x12345678, 0x40)
    assert device.commands.link_check == (5, 10)
    assert device.violations == []


def test_a_confirmed_downlink_is_acknowledged_by_the_next_uplink_alone() -> None:
    device = Device(ABP_1_0)
    device.uplink(1, b"")
    down(device, b"", confirmed=True, f_port=9, frm_payload=b"x")
    assert device.wants_to_speak
    assert device.received == [(9, b"x")]
    assert device.uplink(1, b"").phy_payload[5] & 0x20
    assert not device.uplink(1, b"").phy_payload[5] & 0x20


def test_an_authentic_downlink_beside_its_window_is_a_violation() -> None:
    device = Device(ABP_1_0)
    device.uplink(1, b"")
    rx1, _ = device.sent(0)
    frame = oracle.data_frame(
        m_type=3, dev_addr=DEV_ADDR, f_ctrl=0, f_cnt=0, f_opts=b"", f_port=None, frm_payload=b"",
        nwk_s_key=K[0], app_s_key=K[3],
    )  # fmt: skip
    late = Downlink(frame, rx1.opens_us + 2_000, 0, rx1.frequency, rx1.sf, inverted=True)
    assert device.hear(late) is Heard.NO_WINDOW
    assert len(device.violations) == 1
    stranger = Downlink(bytes(20), rx1.opens_us + 2_000, 0, rx1.frequency, rx1.sf, inverted=True)
    device.hear(stranger)
    assert len(device.violations) == 1


def test_class_c_hears_at_any_time_with_the_parameters_of_rx2() -> None:
    device = Device(ABP_1_0, device_class="C")
    frame = oracle.data_frame(
        m_type=3, dev_addr=DEV_ADDR, f_ctrl=0, f_cnt=0, f_opts=b"", f_port=2, frm_payload=b"on",
        nwk_s_key=K[0], app_s_key=K[3],
    )  # fmt: skip
    assert device.hear(Downlink(frame, 123, 0, 869_525_000, 12, True)) is Heard.ACCEPTED
    assert device.received == [(2, b"on")]
    assert Device(ABP_1_0).hear(Downlink(frame, 123, 0, 869_525_000, 12, True)) is Heard.NO_WINDOW


@pytest.mark.parametrize(("version", "trials"), [("1.0.3", 8), ("1.0.4", 1)])
def test_confirmed_uplinks_are_repeated_by_the_rule_of_the_version(
    version: Version, trials: int
) -> None:
    device = Device(Keys(**vars_of(ABP_1_0, version)))
    first = device.uplink(1, b"x", confirmed=True)
    sent = [first]
    while (again := device.repetition()) is not None:
        sent.append(again)
    assert len(sent) == trials
    assert {uplink.phy_payload for uplink in sent} == {first.phy_payload}


def test_unconfirmed_uplinks_are_repeated_until_something_is_heard() -> None:
    device = Device(ABP_1_0)
    device.settings.nb_trans = 3
    device.uplink(1, b"x")
    assert device.repetition() is not None
    down(device, b"")
    assert device.repetition() is None


@given(
    f_port=st.integers(1, 223),
    payload=st.binary(max_size=40),
    f_cnt=st.integers(0, 0xFFFFFFFE),
    acked=st.one_of(st.none(), st.integers(0, 0xFFFFFFFF)),
)
def test_uplink_of_1_1_is_what_the_oracle_builds(
    f_port: int, payload: bytes, f_cnt: int, acked: int | None
) -> None:
    device = Device(ABP_1_1)
    assert device.activation is not None
    device.activation.f_cnt_up, device._owes_ack = f_cnt, acked
    uplink = device.uplink(f_port, payload)
    expected = oracle_1_1.data_frame(
        KEYS_1_1,
        m_type=2,
        dev_addr=DEV_ADDR,
        f_ctrl=0x20 * (acked is not None),
        f_cnt=f_cnt,
        f_opts=b"\x01\x01",  # ResetInd
        f_port=f_port,
        frm_payload=payload,
        tx_dr=0,
        tx_ch=[868_100_000, 868_300_000, 868_500_000].index(uplink.frequency),
        conf_f_cnt=acked or 0,
    )
    assert uplink.phy_payload == expected


def test_1_1_counts_an_applications_downlinks_apart() -> None:
    device = Device(ABP_1_1)
    assert device.activation is not None
    device.uplink(1, b"", confirmed=True)
    assert down(device, b"\x01\x01", f_ctrl=0x20, f_cnt=5) is Heard.ACCEPTED
    assert device.acked
    assert not device.commands.announces, "ResetConf"
    device.uplink(1, b"")
    assert down(device, b"", f_cnt=3, f_port=7, frm_payload=b"app") is Heard.ACCEPTED
    session = device.activation
    assert (session.f_cnt_down, session.a_f_cnt_down) == (5, 3)
    assert device.received == [(7, b"app")]
    assert device.violations == []


def test_duty_cycle_request_is_silence_after_each_transmission() -> None:
    device = Device(ABP_1_0)
    device.uplink(1, b"")
    down(device, b"\x04\x07")
    assert quiet_us(1_000, device.settings.max_duty_cycle) == 127_000


def test_airtime_is_the_data_sheets() -> None:
    rates = EU868.rates
    assert [airtime_us(23, rates[dr], crc=True) for dr in (5, 0)] == [61_696, 1_482_752]
    assert airtime_us(23, rates[5], crc=False) == 56_576


@given(st.binary(max_size=15), st.sampled_from(["1.0.3", "1.0.4", "1.1"]))
def test_commands_of_any_bytes_never_raise(commands: bytes, version: Version) -> None:
    device = Device(Keys(**vars_of(ABP_1_1 if version == "1.1" else ABP_1_0, version)), adr=True)
    device.uplink(1, b"")
    assert down(device, commands) is Heard.ACCEPTED
    device.uplink(1, b"")
    device.sent(0)
