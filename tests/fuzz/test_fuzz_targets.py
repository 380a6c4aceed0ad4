"""Every parser of strangers' bytes has a target, a Hypothesis test, and survives both."""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
HOUSE = TESTS.parent

PARSERS: dict[str, tuple[str, str]] = {
    "native/frames.pyx": ("lorawan_1_0_frame", "native/test_frames.py::test_garbage_never_raises"),
    "native/frames_1_1.pyx": (
        "lorawan_1_1_frame",
        "native/test_frames_1_1.py::test_strangers_bytes_are_none",
    ),
    "native/join.pyx": ("join_request", "native/test_join.py::test_garbage_never_raises"),
    "native/join_1_1.pyx": (
        "rejoin_request",
        "native/test_join_1_1.py::test_strangers_bytes_never_raise",
    ),
    "native/bosch.pyx": (
        "payloads",
        "native/test_bosch.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/cayennelpp.pyx": (
        "payloads",
        "native/test_cayennelpp.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/decentlab.pyx": (
        "payloads",
        "native/test_decentlab.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/dingtek.pyx": (
        "payloads",
        "native/test_dingtek.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/elsys.pyx": (
        "payloads",
        "native/test_elsys.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/dragino.pyx": (
        "payloads",
        "native/test_dragino.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/layout.pyx": (
        "payloads",
        "native/test_layout.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/milesight.pyx": (
        "payloads",
        "native/test_milesight.py::test_any_bytes_decode_to_something_finite",
    ),
    "native/nwave.pyx": (
        "payloads",
        "native/test_nwave.py::test_any_bytes_decode_to_something_finite",
    ),
    "gateway/codecs/catalogue.py": (
        "payloads",
        "gateway/test_codecs_catalogue.py::test_any_payload_gives_what_json_can_say",
    ),
    "gateway/codecs/javascript.py": (
        "codec_result",
        "gateway/test_codecs_javascript.py::test_any_result_is_an_output",
    ),
    "gateway/codecs/process.py": (
        "worker_answer",
        "gateway/test_codecs_worker.py::test_any_bytes_of_the_process_are_answers_or_nonsense",
    ),
    "gateway/codecs/profiles/lenient_json.py": (
        "vendor_json",
        "gateway/test_codecs_profiles.py::test_any_text_is_json_by_hand_or_refused",
    ),
    "gateway/lorawan/mac_uplink.py": (
        "mac_commands",
        "gateway/test_lorawan_mac_commands.py::test_strangers_bytes_are_accounted_for_to_the_last",
    ),
    "gateway/lorawan/network.py": (
        "packet_off_the_air",
        "gateway/test_lorawan_network.py::test_strangers_bytes_never_raise_and_never_pass",
    ),
    "gateway/lorawan/mac.py": (
        "authentic_uplinks",
        "gateway/test_lorawan_mac.py::test_any_commands_of_a_device_are_taken",
    ),
    "gateway/lorawan/rejoin.py": (
        "authentic_uplinks_1_1",
        "gateway/test_lorawan_rejoin.py::test_damaged_rejoin_never_passes",
    ),
    "gateway/air/uplinks.py": (
        "packet_off_the_air",
        "gateway/test_air_uplinks_strangers.py::test_strangers_bytes_never_raise",
    ),
    "gateway/northbound/command_forms.py": (
        "city_command",
        "gateway/test_northbound_command_forms.py::test_no_bytes_raise",
    ),
    "gateway/diagnostics/control.py": (
        "control_line",
        "fuzz/test_fuzz_targets.py::test_target_takes_any_bytes",
    ),
    "gateway/diagnostics/devices.py": (
        "control_request",
        "fuzz/test_fuzz_targets.py::test_target_takes_any_bytes",
    ),
    "gateway/codecs/profiles/yaml_core.py": (
        "vendor_yaml",
        "gateway/test_codecs_profiles.py::test_what_pyyaml_writes_is_read_back",
    ),
    "gateway/devices/qr.py": (
        "qr_text",
        "gateway/test_devices_qr.py::test_strangers_text_is_read_or_refused",
    ),
    "gateway/devices/spreadsheet.py": (
        "device_file",
        "gateway/test_devices_spreadsheet.py::test_strangers_bytes_are_a_table_or_refused",
    ),
    "gateway/files.py": (
        "device_file",
        "fuzz/test_fuzz_targets.py::test_target_takes_any_bytes",
    ),
    "gateway/backup/sealed.py": (
        "backup_file",
        "gateway/test_backup_sealed.py::test_strangers_bytes_are_refused",
    ),
    "gateway/metrics/http.py": (
        "metrics_request",
        "gateway/test_metrics_endpoint.py::test_any_head_has_an_answer",
    ),
    "gateway/store/segments.py": (
        "stored_segment",
        "gateway/test_store_segments.py::test_what_is_no_segment_is_unreadable",
    ),
    "gateway/cli/decode.py": (
        "decode_verb",
        "fuzz/test_fuzz_targets.py::test_target_takes_any_bytes",
    ),
    "gateway/demo/recorder.py": (
        "mqtt_bytes",
        "gateway/test_demo_recorder.py::test_strangers_bytes_never_raise",
    ),
    "drivers/semtech_udp/frames.py": (
        "udp_datagram",
        "drivers/test_semtech_udp_frames.py::test_any_bytes_are_a_frame_or_a_reason",
    ),
    "drivers/semtech_udp/packets.py": (
        "udp_datagram",
        "drivers/test_semtech_udp_packets.py::test_any_bytes_are_read",
    ),
    "drivers/sx1302/mcu.py": (
        "mcu_answer",
        "drivers/test_sx1302_mcu.py"
        "::test_garbage_is_a_frame_or_an_mcu_error_and_never_grows_the_buffer",
    ),
    "drivers/sx1302/spi.py": (
        "mcu_answer",
        "drivers/test_sx1302_spi.py::test_garbage_answer_is_an_mcu_error_or_fits",
    ),
    "drivers/sx1302/receive.py": (
        "fifo_bytes",
        "drivers/test_sx1302_receive.py::test_garbage_never_raises",
    ),
    "drivers/emulator/mcu.py": (
        "board_request",
        "drivers/test_emulator_mcu.py::test_any_bytes_are_survived",
    ),
    "drivers/emulator/json_lines.py": (
        "air_line",
        "drivers/test_emulator_air_server.py::test_any_line_is_understood_or_refused",
    ),
    "drivers/emulator/control.py": (
        "emulator_control",
        "drivers/test_emulator_control.py::test_any_line_is_answered",
    ),
}
"""Source: its target, and its Hypothesis test."""

READS_BYTES = {"from_bytes", "loads", "toml_of", "decode_uplink", "unpack_from"}
"""Calls that turn bytes into something, beside json.decode."""

OWN = {
    "gateway/demo/air.py": "hears our own emulator, and is no part of the daemon",
    "gateway/demo/judge.py": "judges our own messages, and may raise",
    "gateway/demo/subscriber.py": "the same",
    "gateway/demo/end_device/commands.py": "the demo's device hears our own network",
    "gateway/devices/editing.py": "a file that the operator writes; it has Hypothesis tests",
    "gateway/config_edit.py": "the same",
    "gateway/file_edit.py": "the same",
    "gateway/diagnostics/client.py": "hears our own daemon",
    "gateway/history.py": "reads a column that it has written itself",
    "gateway/backup/contents.py": "reads what it has sealed itself",
    "gateway/backup/unpacking.py": "the same",
    "gateway/codecs/desk.py": "hands payloads on to codecs",
    "gateway/codecs/profiles/folder.py": "hands files on to lenient_json.py and yaml_core.py",
    "gateway/codecs/sandbox.py": "hears our own daemon",
    "gateway/codecs/vectors.py": "a file that the operator names; it has Hypothesis tests",
    "gateway/air/decoding.py": "reads a payload that it has written itself",
    "gateway/lorawan/activation.py": "hands frames on to native/",
    "gateway/lorawan/requests.py": "reads requests that it has written itself",
    "gateway/lorawan/mac_state.py": "reads a column that it has written itself",
    "gateway/board/semtech_import.py": "a file that the operator names; it has Hypothesis tests",
    "drivers/sx1302/chip.py": "hands payloads on to mcu.py",
    "drivers/semtech_udp/udp.py": "hands datagrams on to frames.py",
}
"""What looks like a parser and needs no target, with the reason."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(data=st.data())
def test_target_takes_any_bytes(target: Callable[[bytes], None], data: st.DataObject) -> None:
    """Any bytes, and good messages with bytes of theirs altered."""
    good = data.draw(st.sampled_from((b"", *SEEDS)))
    raw = bytearray(good) + data.draw(st.binary(max_size=120))
    places = st.integers(0, max(len(raw) - 1, 0))
    for at, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        raw[at : at + 1] = bytes([byte])
    target(bytes(raw))


@cache
def hypothesis_tests(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(one).startswith("given(") for one in node.decorator_list)
    }


@pytest.mark.tree
@pytest.mark.parametrize("source", PARSERS)
def test_parser_has_a_target_and_a_hypothesis_test(source: str) -> None:
    target, test = PARSERS[source]
    assert (HOUSE / source).exists()
    assert target in {one.__name__ for one in TARGETS}
    file, _, name = test.partition("::")
    assert name in hypothesis_tests(file)


def test_every_target_fuzzes_a_parser() -> None:
    assert {target.__name__ for target in TARGETS} == {target for target, _ in PARSERS.values()}


@pytest.mark.tree
def test_no_parser_is_forgotten() -> None:
    """Whatever calls one of READS_BYTES stands in one of the tables."""
    known = set(PARSERS) | set(OWN)
    found = {
        path.relative_to(HOUSE).as_posix()
        for room in ("gateway", "drivers")
        for path in (HOUSE / room).rglob("*.py")
        if reads_bytes(path)
    }
    assert found - known == set()
    assert {source for source in OWN if source not in found} == set(), "no longer a parser"


def reads_bytes(path: Path) -> bool:
    called = (
        ast.unparse(node.func).rpartition(".")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )
    return any(
        (name in READS_BYTES and owner != "int") or (name == "decode" and owner.endswith("json"))
        for owner, _, name in called
    )
