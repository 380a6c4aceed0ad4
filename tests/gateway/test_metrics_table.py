"""The table of metrics keeps Prometheus' conventions, is what the document says, and is written so
that Prometheus' own parser reads back each value.
"""

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kogge import HOUSE
from metrics_reader import Read, read
from screen_cases import MACHINE, STATUS

from gateway.diagnostics.log import Log
from gateway.diagnostics.log_lines import Plain
from gateway.diagnostics.machine import Machine
from gateway.lorawan.outcome import DropReason
from gateway.metrics import exposition
from gateway.metrics.exposition import Metric
from gateway.metrics.facts import Facts, Said
from gateway.metrics.histogram import Histogram
from gateway.metrics.table import PARTS, TABLE, markdown
from gateway.store.bounds import Room

FIRMWARE = 'a "quoted" \\ name\nof two lines'
KNOWN: dict[str, Any] = STATUS | {
    "radio": STATUS["radio"] | {"firmware": FIRMWARE, "faults": {"link": 2}},
    "counts": {"readings": 7, "joins": 1, "without_payload": 0, "repeated": 0, "mac_skipped": 0},
    "drops": {DropReason.BAD_MIC: 2, DropReason.REPLAY: 1},
    "answers": {"OK": 4},
    "city": STATUS["city"] | {"fallback": False, "connections": 3, "in_flight": 0,
                              "refusals": {}, "ends": {"unreachable": 4}},
    "store": STATUS["store"] | {"quarantined": []},
}  # fmt: skip
BASE_UNITS = ("seconds", "bytes", "celsius", "dbm")  # as chips and radios have it
SCALED = ("milli", "micro", "kilo", "mega", "ms", "minutes", "hours", "percent", "mib", "kib")


def facts(**change: Any) -> Facts:
    pubacks = Histogram((0.1, 1.0))
    pubacks.observe(0.05)
    pubacks.observe(30.0)
    return Facts(
        status=KNOWN,
        machine=MACHINE,
        room=Room(1_000_000, 200_000, 0, 5_000_000_000),
        waits_for=12.5,
        records={"handed_out": 9, "acknowledged": 7, "returned": 2, "replayed": 0},
        lost={"age": 3},
        refused_joins={DropReason.BAD_MIC: 1},
        downlinks={"ACKED": 1},
        packets=11,
        pubacks=pubacks,
        last_seen={"70b3d57ed0000001": 61.2},
        clock_offset=-1.5e-05,
        cpu=12.25,
        said=Said({"info": 4}, 400, {"rate": 0, "volume": 0, "fault": 0}),
        unwritten=0,
    )._replace(**change)


@pytest.fixture(scope="module")
def found() -> Read:
    return read(exposition.text(TABLE, facts()))


def test_every_metric_of_the_table_has_a_sample_where_everything_is_known(found: Read) -> None:
    """But those of what this gateway did not meet."""
    told = {one.name for one in TABLE if any(True for _ in _names(one, found))}
    assert {one.name for one in TABLE} - told == {
            "kogge_broker_certificate_until_seconds", "kogge_radio_damaged_total",
        }  # fmt: skip


def _names(metric: Metric[Any], found: Read) -> list[str]:
    family = metric.name.removesuffix("_total") if metric.type == "counter" else metric.name
    return [name for name in found.names() if name == family]


def test_parser_reads_types_helps_and_values_back(found: Read) -> None:
    by_name = {family.name: family for family in found.families}
    for metric in TABLE:
        name = metric.name.removesuffix("_total") if metric.type == "counter" else metric.name
        if name in by_name:
            assert (by_name[name].type, by_name[name].documentation) == (metric.type, metric.help)
    assert len(by_name) == len(found.families), "no family stands twice"
    assert found.value("kogge_drops_total", reason="bad_mic") == 2
    assert found.value("kogge_radio_faults_total", kind="link") == 2
    assert found.value("kogge_clock_offset_seconds") == -1.5e-05
    assert found.value("kogge_airtime_left_seconds", sub_band="868-868.6") == 34.6
    assert found.value("kogge_airtime_used_seconds", sub_band="868-868.6") == 1.4
    assert found.value("kogge_build_info", python="3.11.2") == 1
    assert found.value("kogge_gateway_info", firmware=FIRMWARE) == 1
    assert found.value("kogge_radio_state", state="receiving") == 1
    assert found.value("kogge_radio_state", state="fault") == 0
    assert found.value("kogge_broker_puback_seconds_bucket", le="0.1") == 1
    assert found.value("kogge_broker_puback_seconds_bucket", le="+Inf") == 2
    assert found.value("kogge_broker_puback_seconds_sum") == 30.05


def test_first_of_each_kind_is_a_rise_and_no_new_line() -> None:
    """increase() does not see the first sample of a series."""
    born = read(exposition.text(TABLE, facts(status=KNOWN | {"drops": {}}, lost={})))
    for drop in DropReason:
        assert born.value("kogge_drops_total", reason=drop) == 0
    for reason in ("age", "bytes", "disk", "damaged", "purged"):
        assert born.value("kogge_records_lost_total", reason=reason) == 0
    assert born.value("kogge_radio_faults_total", kind="silence") == 0
    assert born.value("kogge_transmissions_total", status="DUTY_CYCLE_OVERFLOW") == 0


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    nobody = Machine(None, None, None, None, None, "", "6", "3")
    unborn = KNOWN | {
        "since": None,
        "radio": KNOWN["radio"] | {"temperature": None},
        "city": {"state": "disconnected", "reason": "the gateway's EUI is not known yet"},
    }
    few = facts(
        status=unborn, machine=nobody, waits_for=None, pubacks=None, last_seen={},
        clock_offset=None,
    )  # fmt: skip
    found = read(exposition.text(TABLE, few))
    for name in ("chip_temperature_celsius", "start_time_seconds", "disk_free_bytes",
                 "process_resident_memory_bytes", "machine_temperature_celsius",
                 "machine_undervoltage", "clock_offset_seconds", "waiting_oldest_seconds",
                 "broker_puback_seconds_count", "device_last_seen_seconds",
                 "broker_connections_total"):  # fmt: skip
        assert not found.has(f"kogge_{name}"), name
    assert found.value("kogge_broker_connected") == 0


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_names_keep_the_conventions(metric: Metric[Any]) -> None:
    """As promtool checks them, and prometheus.io/docs/practices/naming says."""
    assert re.fullmatch(r"kogge_[a-z][a-z0-9_]*[a-z0-9]", metric.name)
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert not re.search(r"_(count|sum|bucket|counter|gauge|histogram)(_|$)", metric.name)
    words = metric.name.split("_")
    assert not set(words) & set(SCALED), "base units"
    for unit in BASE_UNITS:
        assert unit not in words or words[words.index(unit) + 1 :] in ([], ["total"])
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in metric.labels)
    assert not {"le", "quantile", "job", "instance"} & set(metric.labels)


def test_names_are_there_once() -> None:
    names = [metric.name for metric in TABLE]
    assert len(names) == len(set(names))


def test_document_has_the_table_as_it_is() -> None:
    page = (HOUSE / "docs" / "metrics.md").read_text(encoding="utf-8")
    for part in markdown().split("\n### "):
        assert part.removeprefix("### ").strip() in page
    named = set(re.findall(r"\bkogge_[a-z_]+\b", page))
    samples = {f"{one.name}{end}" for one in TABLE for end in ("", "_bucket", "_sum", "_count")}
    assert named <= samples
    assert [name for name, _ in PARTS] == re.findall(r"^### (.+)$", page, re.MULTILINE)


def test_only_the_devices_can_be_many() -> None:
    """A thousand devices, drops of every kind and a broker that says what it likes."""
    refusals = {f"{size} bytes, and the broker takes 9": 1 for size in range(5000)}
    status = KNOWN | {
        "drops": dict.fromkeys(DropReason, 1),
        "city": KNOWN["city"] | {"refusals": refusals, "warnings": ["one"] * 100},
    }
    few = exposition.text(TABLE, facts(status=status, last_seen={}))
    assert few.count("\n") < 400
    seen = {f"{eui:016x}": 1.0 for eui in range(1000)}
    many = exposition.text(TABLE, facts(status=status, last_seen=seen))
    assert many.count("\n") - few.count("\n") == 1000 + 2


@given(st.text(), st.floats())
def test_any_label_and_any_number_is_read_back(label: str, value: float) -> None:
    one: Metric[float] = Metric(
        "kogge_a_total", "counter", "A.", lambda said: {label: said}, ("reason",)
    )
    text = exposition.text([one], value)
    if any(0xD800 <= ord(character) < 0xE000 for character in label) or "\r" in label:
        return
    (sample,) = [sample for family in read(text).families for sample in family.samples]
    assert sample.labels == {"reason": label}
    assert sample.value == value or (sample.value != sample.value and value != value)


def test_lines_that_the_log_did_not_write_are_counted_by_why() -> None:
    log = Log(Plain(io.StringIO()))
    log.kept_back["rate"], log.failed = 3, 1
    assert Said.of(log).unwritten == {"rate": 3, "volume": 0, "fault": 1}
