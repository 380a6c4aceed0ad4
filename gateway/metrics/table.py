"""Every metric that there is; docs/metrics.md is made of this table.

Names: `kogge_`, base units at the end, `_total` for what only rises. Labels have few values that
are known beforehand; the DevEUI alone is as many as devices.toml has, and only where
`metrics.devices` wants it. What strangers say is no label.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, get_args

from drivers.concentrator import TxStatus
from gateway.air.radio import KINDS
from gateway.lorawan.outcome import DropReason
from gateway.metrics.exposition import Metric as AnyMetric
from gateway.metrics.exposition import Values
from gateway.metrics.facts import Facts
from gateway.store.bounds import Reason

Metric: TypeAlias = AnyMetric[Facts]


def _status(*path: str) -> Callable[[Facts], Any]:
    """What stands there in the status; None where nothing does."""

    def of(facts: Facts) -> Any:
        found: Any = facts.status
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    return of


def _all_of(known: Iterable[str], *path: str) -> Callable[[Facts], Values]:
    """Counts by word; those that did not occur yet are 0, so that the first one is a rise."""
    return lambda facts: {str(word): 0 for word in known} | _by_word(_status(*path)(facts))


def _by_word(counts: Mapping[str, int]) -> dict[str, float]:
    return {str(word): count for word, count in counts.items()}


def _lost(facts: Facts) -> Values:
    return {reason: facts.lost.get(reason, 0) for reason in get_args(Reason)}


def _counts(*names: str) -> Callable[[Facts], Values]:
    return lambda facts: {name: facts.status["counts"][name] for name in names}


def _records(name: str) -> Callable[[Facts], Values]:
    return lambda facts: facts.records[name]


def _one_of(states: Iterable[str], *path: str) -> Callable[[Facts], Values]:
    """1 for the state that it is in, 0 for the others."""
    return lambda facts: {state: float(state == _status(*path)(facts)) for state in states}


def _is(state: object, *path: str) -> Callable[[Facts], Values]:
    return lambda facts: float(_status(*path)(facts) == state)


def _number_of(*path: str) -> Callable[[Facts], Values]:
    return lambda facts: len(_status(*path)(facts))


def _airtime_used(facts: Facts) -> Values:
    bands = facts.status["duty_cycle"]
    return {name: round(one["seconds"] - one["seconds_left"], 3) for name, one in bands.items()}


def _airtime_left(facts: Facts) -> Values:
    return {name: one["seconds_left"] for name, one in facts.status["duty_cycle"].items()}


def _build(facts: Facts) -> Values:
    labels: tuple[str, ...] = facts.status["version"], facts.machine.python, facts.machine.kernel
    return {labels: 1.0}


def _gateway(facts: Facts) -> Values:
    radio = facts.status["radio"]
    labels: tuple[str, ...] = facts.status["gateway"], radio["model"], radio["firmware"]
    return {labels: 1.0}


def _trusted(facts: Facts) -> Values:
    return float(facts.status["time_quality"] != "unsynchronised")


_SINCE_START: Final[tuple[Metric, ...]] = (
    Metric("kogge_build_info", "gauge", "1; which Kogge this is, on what.", _build,
           ("version", "python", "kernel")),
    Metric("kogge_gateway_info", "gauge", "1; which gateway this is.", _gateway,
           ("gateway", "model", "firmware")),
    Metric("kogge_health", "gauge", "1 for the word of kogge status, 0 for the others.",
           _one_of(("healthy", "degraded", "broken"), "health"), ("state",)),
    Metric("kogge_start_time_seconds", "gauge",
           "When the daemon began, Unix time; absent while the clock is not set.",
           _status("since")),
    Metric("kogge_uptime_seconds", "gauge", "For how long the daemon runs.", _status("up")),
    Metric("kogge_stuck_tasks", "gauge", "Tasks of the daemon that are overdue.",
           _number_of("stuck")),
)  # fmt: skip

_RADIO: Final[tuple[Metric, ...]] = (
    Metric("kogge_radio_state", "gauge", "1 for the state that the radio is in.",
           _one_of(("starting", "receiving", "fault"), "radio", "state"), ("state",)),
    Metric("kogge_radio_starts_total", "counter", "Starts of the chip, the first included.",
           _status("radio", "starts")),
    Metric("kogge_radio_faults_total", "counter",
           "Faults that the chip was started anew for: link (the port), mcu, chip, stuck, silence.",
           _all_of(KINDS.values(), "radio", "faults"), ("kind",)),
    Metric("kogge_radio_damaged_total", "counter",
           "What came damaged from the chip, or was not sent as planned.",
           _status("radio", "damaged"), ("reason",)),
    Metric("kogge_radio_packets_total", "counter", "Packets heard with a good CRC, or without one.",
           lambda facts: facts.packets),
    Metric("kogge_radio_noise_dbm", "gauge",
           "Noise in 125 kHz, estimated from weak packets of the last hour; absent without any.",
           _status("radio", "heard", "noise")),
    Metric("kogge_radio_pulses", "gauge", "Different pulses per second of the GPS in this session.",
           _status("radio", "pulses")),
    Metric("kogge_chip_temperature_celsius", "gauge", "Of the concentrator.",
           _status("radio", "temperature")),
)  # fmt: skip

_LORAWAN: Final[tuple[Metric, ...]] = (
    Metric("kogge_uplinks_total", "counter",
           "Authentic uplinks: readings, frames without a payload, repetitions of a frame.",
           _counts("readings", "without_payload", "repeated"), ("result",)),
    Metric("kogge_drops_total", "counter", "Packets that went no further (docs/architecture.md).",
           _all_of(DropReason, "drops"), ("reason",)),
    Metric("kogge_joins_total", "counter", "Accepted joins.", _status("counts", "joins")),
    Metric("kogge_joins_refused_total", "counter", "Refused joins; they are drops too.",
           lambda facts: facts.refused_joins, ("reason",)),
    Metric("kogge_join_open", "gauge", "1: devices may join now.",
           lambda facts: float(_status("join", "seconds_left")(facts) != 0)),
    Metric("kogge_mac_commands_skipped_total", "counter",
           "MAC commands of devices that are unknown, or answer nothing.",
           _status("counts", "mac_skipped")),
    Metric("kogge_devices", "gauge", "Devices of devices.toml.", _status("devices")),
    Metric("kogge_locked_sessions", "gauge", "Sessions that another key has sealed.",
           _status("locked")),
    Metric("kogge_device_last_seen_seconds", "gauge",
           "Since the last uplink of a device, if one came since the start; only with"
           " metrics.devices = true.",
           lambda facts: facts.last_seen, ("dev_eui",)),
    Metric("kogge_codec_worker_faults_total", "counter",
           "How often the process of JavaScript codecs failed.",
           _status("codec_worker", "faults")),
    Metric("kogge_codecs_disabled", "gauge", "JavaScript codecs that are not run any more.",
           _number_of("codec_worker", "disabled")),
)  # fmt: skip

_DOWNLINKS: Final[tuple[Metric, ...]] = (
    Metric("kogge_transmissions_total", "counter",
           "All that was to be sent, answers and the city's downlinks: OK, or why not.",
           _all_of(TxStatus, "answers"), ("status",)),
    Metric("kogge_downlinks_total", "counter",
           "Results of the city's downlinks, as they are told to it; one may have several.",
           lambda facts: facts.downlinks, ("status",)),
    Metric("kogge_downlinks_waiting", "gauge", "The city's downlinks without a final result.",
           _status("downlinks")),
    Metric("kogge_airtime_used_seconds", "gauge",
           "Airtime of the last hour, by sub-band in MHz, where the law sets a limit.",
           _airtime_used, ("sub_band",)),
    Metric("kogge_airtime_left_seconds", "gauge", "Airtime that may be used now, likewise.",
           _airtime_left, ("sub_band",)),
)  # fmt: skip

_BUFFER: Final[tuple[Metric, ...]] = (
    Metric("kogge_records_waiting", "gauge",
           "Readings and events that the broker has not acknowledged.", _status("backlog")),
    Metric("kogge_records_parked", "gauge", "Of these: refused for good by the broker, and kept.",
           _status("city", "parked")),
    Metric("kogge_records_in_memory", "gauge", "Of these: not on disk.",
           _status("store", "memory_records")),
    Metric("kogge_waiting_oldest_seconds", "gauge",
           "For how long the oldest of these waits; 0: none waits.",
           lambda facts: facts.waits_for),
    Metric("kogge_records_handed_out_total", "counter",
           "Records given to be published; those that came back count again.",
           _records("handed_out")),
    Metric("kogge_records_acknowledged_total", "counter", "Records that the broker acknowledged.",
           _records("acknowledged")),
    Metric("kogge_records_returned_total", "counter",
           "Records that came back without an acknowledgement, to be published once more.",
           _records("returned")),
    Metric("kogge_records_replayed_total", "counter",
           "Records acknowledged once more, because the city asked for them.",
           _records("replayed")),
    Metric("kogge_records_lost_total", "counter",
           "Records given up undelivered, each told to the city in a gap event.",
           _lost, ("reason",)),
    Metric("kogge_archive_readings", "gauge", "Delivered readings that can be replayed.",
           _status("archive", "readings")),
    Metric("kogge_archive_bytes", "gauge", "Of these.", _status("archive", "bytes")),
    Metric("kogge_archive_given_up_total", "counter", "Of these: gone early, for want of room.",
           _status("archive", "given_up")),
    Metric("kogge_store_used_bytes", "gauge", "Pages of the database that are in use.",
           lambda facts: facts.room.used),
    Metric("kogge_store_wal_bytes", "gauge", "The database's write-ahead log.",
           lambda facts: facts.room.wal),
    Metric("kogge_store_failing", "gauge", "1: the disk refuses, readings go on from memory.",
           _is("failing", "store", "state")),
    Metric("kogge_store_retries_total", "counter", "Tries to have the disk back.",
           _status("store", "retries")),
    Metric("kogge_store_quarantined", "gauge",
           "Databases that were put aside: damaged, or of an upgrade.",
           _number_of("store", "quarantined")),
)  # fmt: skip

_BROKER: Final[tuple[Metric, ...]] = (
    Metric("kogge_broker_connected", "gauge", "1: connected.", _is("connected", "city", "state")),
    Metric("kogge_broker_fallback", "gauge", "1: not the first of the brokers.",
           _is(True, "city", "fallback")),
    Metric("kogge_broker_paused", "gauge", "1: forwarding is paused by kogge forward pause.",
           lambda facts: float(_status("city", "paused")(facts) is not None)),
    Metric("kogge_broker_connections_total", "counter", "Connections made, the first included.",
           _status("city", "connections")),
    Metric("kogge_broker_disconnects_total", "counter",
           "Connections that ended, and tries to have one that failed.",
           _status("city", "ends"), ("kind",)),
    Metric("kogge_broker_batches_total", "counter", "Batches that were acknowledged.",
           _status("city", "published")),
    Metric("kogge_broker_refused_total", "counter", "Messages that the broker refused.",
           _status("city", "refused")),
    Metric("kogge_broker_in_flight", "gauge", "Batches without an acknowledgement yet.",
           _status("city", "in_flight")),
    Metric("kogge_broker_certificate_until_seconds", "gauge",
           "Unix time until which this gateway's certificate is good; absent without one.",
           _status("city", "certificate_until")),
    Metric("kogge_broker_puback_seconds", "histogram",
           "From the sending of a batch to its acknowledgement.", lambda facts: facts.pubacks),
)  # fmt: skip

_MACHINE: Final[tuple[Metric, ...]] = (
    Metric("kogge_clock_trusted", "gauge", "1: wall time can be trusted.", _trusted),
    Metric("kogge_clock_offset_seconds", "gauge",
           "What the kernel still has to move the clock by; absent while none has set it, and where"
           " the service may not ask (ProtectClock=; node_exporter tells it as"
           " node_timex_offset_seconds).",
           lambda facts: facts.clock_offset),
    Metric("kogge_disk_free_bytes", "gauge", "Where the database is, for one who is not root.",
           lambda facts: facts.machine.disk and facts.machine.disk.free),
    Metric("kogge_disk_size_bytes", "gauge", "Of the same file system.",
           lambda facts: facts.machine.disk and facts.machine.disk.total),
    Metric("kogge_process_resident_memory_bytes", "gauge", "The daemon's memory.",
           lambda facts: facts.machine.memory and facts.machine.memory.daemon),
    Metric("kogge_process_cpu_seconds_total", "counter", "The daemon's time on the processor.",
           lambda facts: facts.cpu),
    Metric("kogge_machine_available_memory_bytes", "gauge", "What programs may still have.",
           lambda facts: facts.machine.memory and facts.machine.memory.available),
    Metric("kogge_machine_temperature_celsius", "gauge", "Of the processor.",
           lambda facts: facts.machine.temperature),
    Metric("kogge_machine_undervoltage", "gauge", "1: the supply is too weak now.",
           lambda facts: facts.machine.undervoltage),
    Metric("kogge_log_lines_total", "counter", "Lines written to the log.",
           lambda facts: facts.said.lines, ("level",)),
    Metric("kogge_log_bytes_total", "counter", "Bytes written to the log.",
           lambda facts: facts.said.bytes),
    Metric("kogge_log_unwritten_total", "counter",
           "Lines that were counted and not written: rate (repetitions), volume (the day's bytes),"
           " fault (nobody took them).",
           lambda facts: facts.said.unwritten, ("reason",)),
    Metric("kogge_textfile_failures_total", "counter",
           "How often metrics.textfile could not be written.", lambda facts: facts.unwritten),
)  # fmt: skip

PARTS: Final[tuple[tuple[str, tuple[Metric, ...]], ...]] = (
    ("The daemon", _SINCE_START),
    ("The radio", _RADIO),
    ("LoRaWAN", _LORAWAN),
    ("Downlinks and airtime", _DOWNLINKS),
    ("What waits", _BUFFER),
    ("The broker", _BROKER),
    ("The machine and the log", _MACHINE),
)
TABLE: Final = tuple(metric for _, part in PARTS for metric in part)


def markdown() -> str:
    """The table as docs/metrics.md has it."""
    return "\n".join(line for name, part in PARTS for line in _section(name, part))


def _section(name: str, part: Iterable[Metric]) -> Iterable[str]:
    yield f"### {name}\n"
    yield "| name | type | unit | labels | what it is |"
    yield "|---|---|---|---|---|"
    for one in part:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{one.name}` | {one.type} | {one.unit} | {labels} | {one.help} |"
    yield ""
