"""The virtual end device's MAC commands, channels, versions and memory, against the specification.

Frames of the network's side are the oracles' (tests/lorawan_oracle.py, lorawan_1_1_oracle.py).
"""

from random import Random
from typing import Any

import lorawan_1_1_oracle as oracle_1_1
import lorawan_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.device import Device, Downlink, Heard, Keys
from gateway.demo.end_device.activation import Version
from gateway.demo.end_device.backoff import DAY_US, HOUR_US, JoinBackoff, quiet_us
from gateway.demo.end_device.plan import AU915, EU868, US915, Plan, airtime_us
from gateway.demo.end_device.settings import LinkADR, Settings

DEV_EUI, JOIN_EUI, DEV_ADDR = 0x70B3D57ED0000001, 0x70B3D57ED0010000, 0x26011BDA
K = [bytes([n]) * 16 for n in range(1, 7)]
ABP_1_0 = Keys(DEV_EUI, dev_addr=DEV_ADDR, nwk_s_key=K[0], app_s_key=K[3])
KEYS_1_1 = oracle_1_1.Keys(K[0], K[1], K[2], K[3])
ABP_1_1 = Keys(
    DEV_EUI, dev_addr=DEV_ADDR, nwk_s_key=K[0], s_nwk_s_int_key=K[1], nwk_s_enc_key=K[2],
    app_s_key=K[3], lorawan="1.1",
)  # fmt: skip
OTAA_1_1 = Keys(DEV_EUI, JOIN_EUI, app_key=K[4], nwk_key=K[5], lorawan="1.1")
MORE_CHANNELS = bytes.fromhex("0703184f84500704e8568450")  # 867.1 and 867.3 MHz, DR0 to DR5


def mask(cntl: int, channels: int, dr: int = 5, power: int = 1, nb_trans: int = 1) -> LinkADR:
    return LinkADR(dr, power, channels, cntl, nb_trans)


def told(settings: Settings, *block: LinkADR, adr: bool = True, may_keep: bool = True) -> int:
    return settings.link_adr(block, adr=adr, may_keep=may_keep)


@pytest.mark.parametrize(
    ("plan", "block", "enabled"),
    [
        (EU868, [mask(0, 0b101)], {0, 2}),
        (EU868, [mask(0, 0b001), mask(6, 0)], {0, 1, 2}),
        (US915, [mask(7, 0, 4), mask(0, 0xFF00, 3)], set(range(8, 16))),
        (US915, [mask(5, 0b10, 3)], {*range(8, 16), 65}),
        (US915, [mask(6, 0b1, 3)], {*range(64), 64}),
        (US915, [mask(7, 0b11, 4)], {64, 65}),
        (US915, [mask(4, 0x0F, 3)], {*range(64), 64, 65, 66, 67}),
        (AU915, [mask(7, 0, 6), mask(1, 0x00FF, 5)], set(range(16, 24))),
    ],
)
def test_link_adr_block_is_one_mask(plan: Plan, block: list[LinkADR], enabled: set[int]) -> None:
    settings = Settings(plan)
    assert told(settings, *block) == 0b111
    assert settings.enabled == enabled
    assert settings.dr == block[-1].dr


@pytest.mark.parametrize(
    ("block", "answer"),
    [
        ([mask(0, 0b1000)], 0b100),  # undefined; so no channel carries the data rate
        ([mask(0, 0)], 0b100),
        ([mask(3, 1)], 0b100),
        ([mask(0, 1, dr=7)], 0b101),
        ([mask(0, 1, power=8)], 0b011),
        ([mask(0, 1), mask(0, 1, dr=6)], 0b101),
    ],
)
def test_a_link_adr_block_that_cannot_be_done_changes_nothing(
    block: list[LinkADR], answer: int
) -> None:
    settings = Settings(EU868)
    assert told(settings, *block) == answer
    assert settings == Settings(EU868)


def test_fifteen_keeps_what_is_set_since_1_0_4_only() -> None:
    settings = Settings(EU868)
    assert told(settings, mask(0, 0b111, dr=15, power=15, nb_trans=2)) == 0b111
    assert (settings.dr, settings.tx_power, settings.nb_trans) == (0, 0, 2)
    assert told(settings, mask(0, 0b111, dr=15, power=15), may_keep=False) == 0b001


def test_without_adr_only_channels_and_repetitions_are_the_networks() -> None:
    settings = Settings(EU868)
    assert told(settings, mask(0, 0b1, dr=3, power=4, nb_trans=3), adr=False) == 0b111
    assert (settings.dr, settings.tx_power, settings.nb_trans) == (0, 0, 3)


def test_adr_backoff_restores_power_then_slows_down_then_opens_all_channels() -> None:
    settings = Settings(EU868)
    told(settings, mask(0, 0b1, dr=2, power=5, nb_trans=3))
    seen: list[tuple[int, tuple[int, int, int, int]]] = []
    for unanswered in range(64 + 32 * 6):
        settings.back_off(unanswered)
        state = settings.tx_power, settings.dr, settings.nb_trans, len(settings.enabled)
        if not seen or seen[-1][1] != state:
            seen.append((unanswered, state))
    assert seen == [
        (0, (5, 2, 3, 1)),
        (96, (0, 2, 3, 1)),
        (128, (0, 1, 3, 1)),
        (160, (0, 0, 3, 1)),
        (192, (0, 0, 1, 3)),
    ]


def test_fixed_plans_answer_on_their_own_channels_and_data_rates() -> None:
    device = Device(ABP_1_0, plan=US915, random=Random(3))
    told(device.settings, mask(7, 0, 4), mask(1, 0x0001, 3))
    uplink = device.uplink(1, b"x")
    assert (uplink.frequency, uplink.rate.sf) == (905_500_000, 7)  # channel 16
    rx1, rx2 = device.sent(0)
    assert (rx1.frequency, rx1.sf, rx1.bandwidth) == (923_300_000, 7, 500_000)
    assert (rx2.frequency, rx2.sf, rx2.bandwidth) == (923_300_000, 12, 500_000)


def down(
    device: Device, commands: bytes, *, confirmed: bool = False, f_cnt: int = 0, **fields: Any
) -> Heard:
    """In RX1 of an uplink that the device has just sent."""
    rx1, _ = device.sent(0)
    body = {
        "m_type": 5 if confirmed else 3,
        "dev_addr": DEV_ADDR,
        "f_ctrl": len(commands),
        "f_cnt": f_cnt,
        "f_opts": commands,
        "f_port": None,
        "frm_payload": b"",
    } | fields
    if device.keys.lorawan == "1.1":
        phy_payload = oracle_1_1.data_frame(KEYS_1_1, **body)
    else:
        phy_payload = oracle.data_frame(**body, nwk_s_key=K[0], app_s_key=K[3])
    return device.hear(
        Downlink(phy_payload, rx1.opens_us, 0, rx1.frequency, rx1.sf, True, rx1.bandwidth, 7.4)
    )


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


def vars_of(keys: Keys, version: Version) -> dict[str, Any]:
    return {name: getattr(keys, name) for name in Keys.__slots__} | {"lorawan": version}


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
