"""Cases of TS001-1.0.4 and of LoRaWAN 1.1, by command or rule."""

from lorawan_case import LINK_LAYER, LINK_LAYER_1_1, Case, Demand

ATTACKS = "gateway/test_lorawan_attacks.py"
COMMANDS = "gateway/test_lorawan_mac_commands.py"
CLASS_C = "gateway/test_lorawan_class_c.py"
DOWNLINKS = "gateway/test_lorawan_downlinks.py"
MAC = "gateway/test_lorawan_mac.py"
REJOIN = "gateway/test_lorawan_rejoin.py"
V1_1 = "gateway/test_lorawan_1_1.py"
UPLINK = "gateway/test_lorawan_uplink.py"

LINK_LAYER_CASES = (
    Case(
        LINK_LAYER,
        "LinkCheckReq",
        (
            Demand(
                "Margin above the demodulation floor, one gateway",
                f"{MAC}::test_link_check_tells_the_margin_above_the_floor",
            ),
            Demand("On FPort 0 too", f"{MAC}::test_link_check_on_port_0_is_answered"),
        ),
    ),
    Case(
        LINK_LAYER,
        "DeviceTimeReq",
        (
            Demand(
                "GPS time of the end of the uplink",
                f"{MAC}::test_time_is_that_of_the_uplinks_end_in_gps_time",
            ),
            Demand(
                "None while the clock is not trusted",
                f"{MAC}::test_without_a_trusted_clock_no_time_is_told",
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "Unknown and cut off commands",
        (
            Demand(
                "The first unknown one ends the reading, and is counted",
                f"{COMMANDS}::test_unknown_command_ends_the_reading_and_is_named",
            ),
            Demand(
                "Answers to nothing alter nothing", f"{MAC}::test_answers_to_nothing_alter_nothing"
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "DutyCycleReq, TxParamSetupReq, DlChannelReq",
        (
            Demand(
                "Written and read as specified (they are never asked for)",
                f"{COMMANDS}::test_command_is_the_specified_bytes",
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "DownlinkDwellTime (RP002-1.0.4)",
        (
            Demand(
                "Where it is the law no downlink lasts longer than 400 ms",
                "gateway/test_lorawan_dwell_time.py::test_nothing_that_is_sent_lasts_longer",
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "FOpts and FPort 0",
        (
            Demand(
                "What does not fit FOpts goes on FPort 0, a LinkADRReq block is never split",
                f"{COMMANDS}::test_link_adr_block_is_never_split",
            ),
            Demand(
                "A frame with commands in both is dropped",
                f"{ATTACKS}::test_frame_with_commands_in_fopts_and_on_port_0_is_dropped",
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "Several devices on one DevAddr",
        (
            Demand(
                "The MIC tells them apart",
                f"{UPLINK}::test_devices_of_one_dev_addr_are_told_apart_by_mic",
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "Class A: downlinks of the application",
        (
            Demand(
                "One goes with the answer to an uplink, or is worth an answer of its own",
                f"{DOWNLINKS}::test_downlink_is_worth_an_answer_of_its_own",
            ),
            Demand(
                "FPending says that more waits", f"{DOWNLINKS}::test_pending_says_that_more_waits"
            ),
            Demand(
                "A confirmed one is ACKED by the next uplink, else NOT_ACKED",
                f"{DOWNLINKS}::test_confirmed_downlink_is_acked_by_the_next_uplink",
            ),
            Demand(
                "What fits no window is refused",
                f"{DOWNLINKS}::test_downlink_that_fits_no_window_is_refused",
            ),
        ),
    ),
    Case(
        LINK_LAYER,
        "Class C",
        (
            Demand(
                "Sent to at once, with RX2's frequency and data rate",
                f"{CLASS_C}::test_class_c_is_sent_to_at_once_in_rx2",
            ),
            Demand(
                "The windows of an uplink come first",
                f"{CLASS_C}::test_windows_of_an_uplink_come_first",
            ),
            Demand(
                "What has not left by then goes again",
                f"{CLASS_C}::test_immediate_downlink_stands_until_its_device_is_heard",
            ),
            Demand(
                "Nothing takes the ACK of a confirmed one away",
                f"{CLASS_C}::test_nothing_takes_the_ack_of_a_confirmed_downlink_away",
            ),
        ),
    ),
    Case(
        LINK_LAYER_1_1,
        "DeviceModeInd",
        (
            Demand(
                "A device of 1.1 is of class C once it says so",
                f"{CLASS_C}::test_device_of_1_1_is_class_c_once_it_says_so",
            ),
        ),
    ),
    Case(
        LINK_LAYER_1_1,
        "Join-Accept with OptNeg, RekeyInd",
        (
            Demand(
                "Four session keys, OptNeg set",
                f"{V1_1}::test_join_accept_has_opt_neg_and_the_keys_of_1_1",
            ),
            Demand(
                "RekeyInd is confirmed until it ends",
                f"{V1_1}::test_rekey_ind_is_confirmed_until_it_ends_and_settles_the_session",
            ),
            Demand(
                "From an ABP device, or of a version before 1.1, it is counted and skipped",
                f"{V1_1}::test_version_is_told_to_whom_it_may_be_told",
            ),
        ),
    ),
    Case(
        LINK_LAYER_1_1,
        "ResetInd",
        (
            Demand(
                "An ABP device's MAC state begins anew, and it is told so",
                f"{V1_1}::test_abp_device_of_1_1_resets_its_mac_state_and_is_told_so",
            ),
            Demand(
                "From an OTAA device it is counted and skipped",
                f"{V1_1}::test_otaa_device_of_1_1_cannot_reset_its_mac_state",
            ),
        ),
    ),
    Case(
        LINK_LAYER_1_1,
        "Uplink MIC over data rate, channel and ConfFCnt",
        (
            Demand(
                "The MIC covers data rate and channel",
                f"{V1_1}::test_mic_covers_the_channels_number_and_the_data_rate",
            ),
            Demand(
                "An ACK names what it acknowledges",
                f"{V1_1}::test_ack_names_the_uplink_that_it_acknowledges",
            ),
        ),
    ),
    Case(
        LINK_LAYER_1_1,
        "NFCntDown and AFCntDown",
        (
            Demand(
                "Two downlink counters",
                f"{V1_1}::test_two_downlink_counters_and_an_ack_that_names_its_downlink",
            ),
        ),
    ),
    Case(
        LINK_LAYER_1_1,
        "RJcount0 and RJcount1",
        (
            Demand(
                "RJcount0 rises within its session",
                f"{REJOIN}::test_rj_count_0_rises_within_its_session_across_restarts",
            ),
            Demand("RJcount1 rises for ever", f"{REJOIN}::test_rj_count_1_rises_for_ever"),
        ),
    ),
)
