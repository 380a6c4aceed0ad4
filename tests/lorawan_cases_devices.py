"""Cases of the Interoperability Test Plan and of end-device certification."""

from lorawan_case import CERTIFICATION, PLAN, Case, Demand

ACTIVATIONS = "gateway/test_lorawan_activations.py"
INTEROP = "gateway/test_lorawan_interop.py"
INTEROP_MAC = "gateway/test_lorawan_interop_mac.py"
JOIN = "gateway/test_lorawan_join.py"
MAC = "gateway/test_lorawan_mac.py"
NATIVE = "native/test_frames.py"
NATIVE_1_1 = "native/test_frames_1_1.py"
REGIONS = "gateway/test_lorawan_regions.py"
REJOIN = "gateway/test_lorawan_rejoin.py"
THIS = "gateway/test_lorawan_test_plan.py"
UPLINK = "gateway/test_lorawan_uplink.py"
UPLINKS = "gateway/test_air_uplinks.py"
WINDOWS = "gateway/test_lorawan_windows.py"

DEVICE_CASES = (
    Case(
        PLAN,
        "3.2.1.1 ABP: reset parameters",
        (
            Demand(
                "A restarted device is heard under its DevAddr, with its own keys, and counts on",
                f"{THIS}::test_restarted_abp_device_is_heard_in_its_session",
            ),
            Demand(
                "One that counts from 0 again is refused, and told how to be let in",
                f"{ACTIVATIONS}::test_abp_device_that_was_reset_is_refused_and_told_how_to_allow_it",
            ),
            Demand(
                "A reset that is allowed opens a session of its own",
                f"{ACTIVATIONS}::test_allowed_reset_opens_a_session_of_its_own",
            ),
        ),
    ),
    Case(
        PLAN,
        "3.2.2 OTAA: join and rejoin",
        (
            Demand(
                "A device that was reset joins, and is heard in the new session alone",
                f"{THIS}::test_reset_device_joins_again_and_is_heard_in_the_new_session_alone",
            ),
            Demand(
                "DevNonce is accepted once, and rises from 1.0.4 on",
                f"{JOIN}::test_dev_nonce_is_random_before_1_0_4_and_rises_from_then_on",
            ),
            Demand(
                "DevAddr lies in the NetID's block",
                f"{JOIN}::test_dev_addr_lies_in_the_block_of_the_net_id",
            ),
            Demand(
                "Keys follow from the root keys, and the device opens the Join-Accept",
                f"{JOIN}::test_join_accept_says_what_the_device_needs",
            ),
            Demand(
                "The Join-Accept is heard in RX1 or in RX2",
                f"{INTEROP}::test_device_joins_in_rx1_or_rx2_and_goes_on_in_its_session",
            ),
            Demand(
                "A lost Join-Accept leaves the session before it alive",
                f"{JOIN}::test_lost_join_accept_leaves_the_old_session_alive",
            ),
            Demand(
                "Rejoin types 0, 1 and 2 open a session beside the one in use",
                f"{REJOIN}::test_rejoin_opens_a_pending_session_beside_the_one_in_use",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "Packet error rate",
        (
            Demand(
                "Each frame of any size that is heard is one reading",
                f"{THIS}::test_every_payload_size_of_every_data_rate_is_heard",
            ),
            Demand(
                "Losses, repetitions and restarts leave the device nothing to object to",
                f"{INTEROP_MAC}::test_days_with_loss_leave_nothing_to_object_to",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "Cryptography",
        (
            Demand(
                "Frames of 1.0.x are those of an independent implementation, at every length",
                f"{NATIVE}::test_every_length_decodes_and_is_built_up_to_the_longest_frame",
            ),
            Demand(
                "Downlinks are the oracle's to the byte",
                f"{NATIVE}::test_built_downlink_equals_the_oracle",
            ),
            Demand(
                "So are those of 1.1, FOpts encrypted",
                f"{NATIVE_1_1}::test_downlink_equals_the_oracles",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "Downlink window timing",
        (
            Demand(
                "An answer is on the air where and when the device listens",
                f"{INTEROP}::test_device_hears_each_ack_in_rx1_or_rx2",
            ),
            Demand(
                "Delays, frequencies and data rates are those of the region",
                f"{UPLINK}::test_answer_has_both_receive_windows",
            ),
            Demand(
                "RX1's data rate falls by RX1DROffset, in each region",
                f"{REGIONS}::test_rx1_falls_by_the_offset_down_to_the_slowest_downlink",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "Frame sequence number",
        (
            Demand(
                "The uplink counter rolls over its 16 bits",
                f"{UPLINK}::test_counter_rolls_over_sixteen_bits",
            ),
            Demand(
                "So does the downlink counter",
                f"{THIS}::test_downlink_counter_rolls_over_sixteen_bits",
            ),
            Demand("An older counter is refused", f"{UPLINK}::test_older_counter_is_a_replay"),
            Demand(
                "No downlink counter is used twice, also after a crash",
                f"{ACTIVATIONS}::test_downlink_counter_goes_on_where_the_reservation_ended",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "Confirmed packets",
        (
            Demand(
                "A confirmed uplink is acknowledged, its reading and its session with it",
                f"{UPLINK}::test_confirmed_uplink_is_acknowledged_and_committed_first",
            ),
            Demand(
                "The acknowledgement leaves when both are on disk",
                f"{UPLINKS}::test_answer_leaves_only_after_its_commit",
            ),
            Demand(
                "Its retransmission is acknowledged again and counted once",
                f"{UPLINK}::test_confirmed_retransmission_is_answered_again_with_the_same_id",
            ),
            Demand(
                "A counter that comes again with another payload is not",
                f"{UPLINK}::test_reused_counter_is_not_acknowledged_and_said",
            ),
            Demand(
                "A confirmed downlink is acknowledged by the next uplink alone",
                f"{MAC}::test_ack_counts_once_and_only_in_the_next_uplink",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "DevStatusReq",
        (
            Demand(
                "Battery and margin are asked for once a day and come back",
                f"{MAC}::test_battery_is_asked_once_a_day_and_comes_back",
            ),
            Demand(
                "They stand in an event and in the reading",
                "gateway/test_air_readings.py::test_battery_stands_in_an_event_and_in_the_reading",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "NewChannelReq",
        (
            Demand(
                "A device is told the channels that are heard, first of all",
                f"{MAC}::test_device_that_adapts_is_told_the_channels_first_then_its_data_rate",
            ),
            Demand(
                "A refused channel is not told again",
                f"{MAC}::test_refused_channel_is_not_told_again",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "RXParamSetupReq",
        (
            Demand(
                "Windows other than ours are set, and used as they were until it is confirmed",
                f"{WINDOWS}::test_other_windows_than_ours_are_set_and_used_until_confirmed",
            ),
            Demand(
                "The windows that the operator wants are told with the Join-Accept",
                f"{WINDOWS}::test_join_accept_tells_the_windows",
            ),
            Demand(
                "A device of its own reading hears all that is sent while they move",
                f"{WINDOWS}::test_device_hears_all_that_is_sent_while_its_windows_move",
            ),
            Demand(
                "Refused ones are not asked for again",
                f"{WINDOWS}::test_windows_that_are_refused_stay_and_are_not_asked_again",
            ),
            Demand(
                "The repeated answer gets a downlink, so that it ends",
                f"{WINDOWS}::test_repeated_answer_is_answered_until_it_ends",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "RXTimingSetupReq",
        (
            Demand(
                "RX1's delay is set the same way",
                f"{WINDOWS}::test_other_windows_than_ours_are_set_and_used_until_confirmed",
            ),
            Demand(
                "A crash before the answer keeps the windows that the device has",
                f"{WINDOWS}::test_crash_before_the_device_answers_a_window_change_keeps_the_old_windows",
            ),
        ),
    ),
    Case(
        CERTIFICATION,
        "LinkADRReq",
        (
            Demand(
                "Data rate, power and repetitions are commanded, the answer moves them",
                f"{MAC}::test_adr_is_commanded_and_the_answer_moves_the_link",
            ),
            Demand(
                "A block is one: an answer for each of its requests counts once",
                f"{MAC}::test_rejected_block_of_several_answers_counts_as_one",
            ),
            Demand(
                "Every form of ChMaskCntl leaves exactly the wanted channels on",
                "gateway/test_lorawan_channel_mask.py"
                "::test_exactly_the_wanted_channels_are_left_on",
            ),
            Demand(
                "NbTrans follows from lost frames",
                f"{MAC}::test_lost_frames_are_answered_with_repetitions",
            ),
            Demand("Refusals end in silence", f"{MAC}::test_refusals_end_in_silence"),
        ),
    ),
    Case(
        CERTIFICATION,
        "ADR",
        (
            Demand(
                "The published algorithm's steps",
                "gateway/test_lorawan_adr.py::test_steps_by_hand",
            ),
            Demand(
                "ADRACKReq is answered",
                f"{UPLINK}::test_adr_ack_req_is_answered_without_ack",
            ),
            Demand(
                "A device with its ADR bit off is not commanded",
                "gateway/test_lorawan_adr.py::test_device_without_the_adr_bit_is_never_commanded",
            ),
        ),
    ),
)
