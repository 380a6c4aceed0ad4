"""MAC commands against bytes worked by hand from TS001-1.0.4 §5 and LoRaWAN 1.1 §5."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lorawan import mac_downlink, mac_uplink
from gateway.lorawan.mac_commands import MacCommand, layout
from gateway.lorawan.mac_downlink import (
    FOPTS_ROOM,
    ADRParamSetupReq,
    DeviceModeConf,
    DeviceTimeAns,
    DevStatusReq,
    DlChannelReq,
    DutyCycleReq,
    ForceRejoinReq,
    LinkADRReq,
    LinkCheckAns,
    NewChannelReq,
    RejoinParamSetupReq,
    RekeyConf,
    ResetConf,
    RXParamSetupReq,
    RXTimingSetupReq,
    TxParamSetupReq,
    fit,
)
from gateway.lorawan.mac_uplink import (
    CLASS_B_SIZES,
    UPLINK_1_0,
    UPLINK_1_1,
    ADRParamSetupAns,
    DeviceModeInd,
    DeviceTimeReq,
    DevStatusAns,
    DlChannelAns,
    DutyCycleAns,
    LinkADRAns,
    LinkCheckReq,
    NewChannelAns,
    Parsed,
    RejoinParamSetupAns,
    RekeyInd,
    ResetInd,
    RXParamSetupAns,
    RXTimingSetupAns,
    TxParamSetupAns,
    parse_uplink,
)

UPLINK = [
    (ResetInd(minor=1), "01 01"),
    (LinkCheckReq(), "02"),
    (LinkADRAns(channel_mask_ack=True, data_rate_ack=False, power_ack=False), "03 01"),
    (LinkADRAns(channel_mask_ack=False, data_rate_ack=True, power_ack=False), "03 02"),
    (LinkADRAns(channel_mask_ack=True, data_rate_ack=True, power_ack=True), "03 07"),
    (DutyCycleAns(), "04"),
    (RXParamSetupAns(channel_ack=True, rx2_data_rate_ack=False, rx1_dr_offset_ack=True), "05 05"),
    (DevStatusAns(battery=254, margin=31), "06 fe 1f"),
    (DevStatusAns(battery=0, margin=-32), "06 00 20"),
    (DevStatusAns(battery=255, margin=-1), "06 ff 3f"),
    (NewChannelAns(frequency_ok=True, data_rate_range_ok=False), "07 01"),
    (RXTimingSetupAns(), "08"),
    (TxParamSetupAns(), "09"),
    (DlChannelAns(frequency_ok=False, uplink_frequency_exists=True), "0a 02"),
    (RekeyInd(minor=1), "0b 01"),
    (ADRParamSetupAns(), "0c"),
    (DeviceTimeReq(), "0d"),
    (RejoinParamSetupAns(time_ok=True), "0f 01"),
    (DeviceModeInd(device_class=2), "20 02"),
]

DOWNLINK = [
    (ResetConf(minor=1), "01 01"),
    (LinkCheckAns(margin=20, gw_cnt=1), "02 14 01"),
    # DataRate_TXPower, ChMask (least significant byte first), Redundancy
    (LinkADRReq(tx_power=1, data_rate=5, ch_mask=0x00FF, nb_trans=1, ch_mask_cntl=0), "0351ff0001"),
    (LinkADRReq(tx_power=15, data_rate=0, ch_mask=1, nb_trans=3, ch_mask_cntl=7), "030f010073"),
    (DutyCycleReq(max_d_cycle=12), "04 0c"),
    (RXParamSetupReq(rx2_data_rate=3, rx1_dr_offset=2, frequency=869_525_000), "05 23 d2 ad 84"),
    (DevStatusReq(), "06"),
    (NewChannelReq(ch_index=3, frequency=867_100_000, min_dr=0, max_dr=5), "07 03 18 4f 84 50"),
    (NewChannelReq(ch_index=4, frequency=0, min_dr=0, max_dr=0), "07 04 00 00 00 00"),
    (RXTimingSetupReq(delay=5), "08 05"),
    (TxParamSetupReq(max_eirp=5, uplink_dwell_time=True, downlink_dwell_time=False), "09 15"),
    (TxParamSetupReq(max_eirp=13, uplink_dwell_time=False, downlink_dwell_time=True), "09 2d"),
    (DlChannelReq(ch_index=1, frequency=868_300_000), "0a 01 f8 7d 84"),
    (RekeyConf(minor=1), "0b 01"),
    (ADRParamSetupReq(delay_exp=5, limit_exp=6), "0c 65"),
    (DeviceTimeAns(seconds=0x12345678, fraction=0x80), "0d 78 56 34 12 80"),
    # 0 0 Period Max_Retries 0 RejoinType DR, two bytes, least significant first
    (ForceRejoinReq(data_rate=3, rejoin_type=2, max_retries=7, period=1), "0e 23 0f"),
    (RejoinParamSetupReq(max_count_n=2, max_time_n=10), "0f a2"),
    (DeviceModeConf(device_class=2), "20 02"),
]

BOTH = UPLINK + DOWNLINK


@pytest.mark.parametrize(("command", "hexed"), BOTH, ids=[repr(command) for command, _ in BOTH])
def test_command_is_the_specified_bytes(command: MacCommand, hexed: str) -> None:
    data = bytes.fromhex(hexed)
    assert command.to_bytes() == data
    assert type(command).from_bytes(data) == command


def test_table_has_every_command() -> None:
    tested = {type(command) for command, _ in BOTH}
    named = [*vars(mac_uplink).values(), *vars(mac_downlink).values()]
    declared = {one for one in named if isinstance(one, type) and issubclass(one, MacCommand)}
    assert tested == declared - {MacCommand}
    assert {type(command) for command, _ in UPLINK} == set(UPLINK_1_1.values())


@pytest.mark.parametrize("command", list(dict.fromkeys(type(command) for command, _ in BOTH)))
def test_fields_do_not_overlap_and_take_their_range(command: type[MacCommand]) -> None:
    taken = 0
    for _, place in layout(command):
        own = place.write(-1 * place.unit)
        assert own.bit_count() == place.width
        assert not own & taken
        taken |= own
    assert taken < 1 << 8 * command.payload_size()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LinkADRReq(16, 0, 1, 1, 0), "tx_power is 16; allowed: 0 to 15"),
        (lambda: LinkADRReq(0, 0, 0x10000, 1, 0), "ch_mask is 65536; allowed: 0 to 65535"),
        (lambda: LinkADRReq(0, 0, 1, 1, 8), "ch_mask_cntl is 8; allowed: 0 to 7"),
        (lambda: LinkADRReq(0, -1, 1, 1, 0), "data_rate is -1; allowed: 0 to 15"),
        (lambda: LinkCheckAns(margin=255, gw_cnt=1), "margin is 255; allowed: 0 to 254"),
        (lambda: DlChannelReq(0, 868_100_050), "allowed: 0 to 1677721500 in steps of 100"),
        (lambda: DlChannelReq(0, 1 << 31), "frequency is 2147483648"),
        (lambda: DeviceTimeAns(1 << 32, 0), "seconds is 4294967296"),
        (lambda: ForceRejoinReq(0, 3, 0, 0), "rejoin_type is 3; allowed: 0 to 2"),
        (lambda: ForceRejoinReq(0, 0, 8, 0), "max_retries is 8; allowed: 0 to 7"),
        (lambda: ResetConf(minor=16), "minor is 16; allowed: 0 to 15"),
        (lambda: RekeyConf(minor=16), "minor is 16; allowed: 0 to 15"),
        (lambda: DeviceModeConf(device_class=3), "device_class is 3; allowed: 0 to 2"),
        (lambda: RXParamSetupReq(0, 8, 869_525_000), "rx1_dr_offset is 8; allowed: 0 to 7"),
        (lambda: DevStatusAns(0, 32), "margin is 32; allowed: -32 to 31"),
    ],
)
def test_our_own_value_out_of_range_is_refused(make: type[MacCommand], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_battery_and_margin_are_values() -> None:
    def status(battery: int) -> DevStatusAns:
        return DevStatusAns(battery, margin=-7)

    assert status(0).external_power
    assert status(0).battery_percent is None
    assert not status(255).external_power
    assert status(255).battery_percent is None
    assert status(1).battery_percent == 0
    assert status(128).battery_percent == pytest.approx(50.2, abs=0.05)
    assert status(254).battery_percent == 100
    assert parse_uplink(bytes.fromhex("06ff39"), "1.0.3").commands == (status(255),)


def test_commands_follow_each_other() -> None:
    data = b"".join(command.to_bytes() for command, _ in UPLINK)
    assert parse_uplink(data, "1.1") == Parsed(tuple(command for command, _ in UPLINK))


def test_reserved_bits_are_not_looked_at() -> None:
    parsed = parse_uplink(bytes.fromhex("03ff 0600ff"), "1.0.4")
    assert parsed.commands == (LinkADRAns(True, True, True), DevStatusAns(0, -1))


def test_unknown_command_ends_the_reading_and_is_named() -> None:
    parsed = parse_uplink(bytes.fromhex("02 80 02 0d"), "1.0.4")
    assert parsed == Parsed((LinkCheckReq(),), unknown=0x80)


def test_truncated_command_ends_the_reading_and_is_named() -> None:
    parsed = parse_uplink(bytes.fromhex("0d 06 ff"), "1.0.4")
    assert parsed == Parsed((DeviceTimeReq(),), truncated=0x06)
    assert parse_uplink(b"\x10", "1.0.4") == Parsed(truncated=0x10)


def test_class_b_is_stepped_over() -> None:
    parsed = parse_uplink(bytes.fromhex("10 05 11 03 12 13 01 02"), "1.0.4")
    assert parsed == Parsed((LinkCheckReq(),), class_b=(0x10, 0x11, 0x12, 0x13))


@pytest.mark.parametrize("cid", sorted(set(UPLINK_1_1) - set(UPLINK_1_0)))
@pytest.mark.parametrize("version", ["1.0.2", "1.0.3", "1.0.4"])
def test_commands_of_1_1_are_unknown_before(cid: int, version: str) -> None:
    data = bytes((cid,)) + bytes(UPLINK_1_1[cid].payload_size())
    assert parse_uplink(data, version) == Parsed(unknown=cid)
    assert parse_uplink(data, "1.1") == Parsed((UPLINK_1_1[cid].from_bytes(data),))


@given(st.binary(max_size=255), st.sampled_from(["1.0.2", "1.0.4", "1.1"]))
def test_strangers_bytes_are_accounted_for_to_the_last(data: bytes, version: str) -> None:
    parsed = parse_uplink(data, version)
    read = sum(1 + command.payload_size() for command in parsed.commands)
    read += sum(1 + CLASS_B_SIZES[cid] for cid in parsed.class_b)
    ended_by = parsed.unknown if parsed.unknown is not None else parsed.truncated
    assert (read < len(data)) == (ended_by is not None)
    if ended_by is None:
        assert read == len(data)
    elif not parsed.class_b:
        assert data[read] == ended_by
    assert None in (parsed.unknown, parsed.truncated)


ADR_1, ADR_2, ADR_3 = (LinkADRReq(0, 5, 0xFF, 1, cntl) for cntl in (7, 0, 4))
TIME = DeviceTimeAns(1, 0)
CHECK = LinkCheckAns(10, 1)
COMMANDS = st.sampled_from([ADR_1, ADR_2, ADR_3, TIME, CHECK, DevStatusReq(), DutyCycleReq(1)])


def test_answers_go_before_requests_and_keep_their_order() -> None:
    assert fit([DevStatusReq(), TIME, DutyCycleReq(1), CHECK], FOPTS_ROOM) == (
        (TIME, CHECK, DevStatusReq(), DutyCycleReq(1)),
        (),
    )


def test_link_adr_block_is_never_split() -> None:
    block = (ADR_1, ADR_2, ADR_3)
    assert fit([DevStatusReq(), *block], FOPTS_ROOM) == ((DevStatusReq(),), block)
    assert fit([*block, DevStatusReq()], FOPTS_ROOM) == (block, (DevStatusReq(),))
    assert fit([*block, DevStatusReq()], 14) == ((), (*block, DevStatusReq()))


def test_scattered_link_adr_requests_become_one_block() -> None:
    assert fit([ADR_1, DutyCycleReq(1), ADR_2], 51)[0] == (DutyCycleReq(1), ADR_1, ADR_2)


def test_link_adr_block_ends_what_is_sent_though_it_is_the_last_to_be_left() -> None:
    """Semtech's LoRaMac-node passes over a last single byte behind a LinkADRReq block."""
    wanted = [ADR_1, ADR_2, DevStatusReq(), TIME]
    assert fit(wanted, 51) == ((TIME, DevStatusReq(), ADR_1, ADR_2), ())
    assert fit(wanted, 16) == ((TIME, ADR_1, ADR_2), (DevStatusReq(),))


def test_nothing_is_overtaken_for_ever() -> None:
    assert fit([CHECK, TIME, RXTimingSetupReq(1), ADR_1, DevStatusReq()], 13) == (
        (CHECK, TIME, RXTimingSetupReq(1)),
        (ADR_1, DevStatusReq()),
    )


@given(st.lists(COMMANDS, max_size=12), st.integers(0, 60))
def test_what_is_taken_fits_and_nothing_is_lost(commands: list[MacCommand], room: int) -> None:
    taken, left = fit(commands, room)
    assert len(b"".join(command.to_bytes() for command in taken)) <= room
    assert sorted(map(repr, taken + left)) == sorted(map(repr, commands))
    for part in (taken, left):
        places = [at for at, command in enumerate(part) if isinstance(command, LinkADRReq)]
        assert places == list(range(places[0], places[0] + len(places))) if places else True
    assert not ({type(c) for c in taken} & {type(c) for c in left} & {LinkADRReq})
    answers = [command.ANSWERS_DEVICE for command in taken + left]
    assert answers == sorted(answers, reverse=True)
    if left:
        block = [command for command in left if isinstance(command, LinkADRReq)]
        following = block if isinstance(left[0], LinkADRReq) else left[:1]
        assert len(b"".join(command.to_bytes() for command in (*taken, *following))) > room
