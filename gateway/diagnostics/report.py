"""`kogge status` as one object: how the radio is, how the line to the city is, what was counted."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from drivers.concentrator import ConcentratorStatus
from gateway import VERSION
from gateway.air.duty_cycle import band_name
from gateway.air.radio import Radio
from gateway.air.uplinks import Uplinks
from gateway.disk import Disk
from gateway.lorawan.duty_cycle import HOUR
from gateway.lorawan.region import SubBand
from gateway.northbound.formats.json import RadioState
from gateway.northbound.state import State
from gateway.records import Moment
from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.replays import Replays

NO_EUI = "the gateway's EUI is not known yet: set gateway.eui, or wait for the radio's first start"


def status(
    settings: Settings,
    eui: str,
    *,
    since: Moment,
    dated: Callable[[Moment], Moment],
    now: Moment,
    radio: Radio,
    chip: ConcentratorStatus,
    city: State | None,
    backlog: int,
    lost: int,
    archive: Mapping[str, Any],
    uplinks: Uplinks,
    answers: Mapping[str, int],
    airtime_left: Mapping[str, float],
    downlinks: int,
    join: Mapping[str, Any],
    locked: int,
    store: Mapping[str, Any],
    stuck: Sequence[str],
    codec_worker: Mapping[str, Any],
) -> dict[str, Any]:
    """All that a technician asks for first. `dated` is the clock's; `airtime_left` in seconds by
    sub-band; `join` how joining stands; `locked` how many sessions another key has sealed;
    `codec_worker` how the process of JavaScript codecs is, and which of them are disabled and why.
    """
    forwards = city is not None and city.connected and city.paused is None
    return {
        "v": 1,
        "version": VERSION,
        "gateway": eui,
        "name": settings.config.gateway.name,
        "place": settings.config.gateway.place,
        "health": health(
            radio.state == "receiving", forwards, bool(stuck), store["state"] == "well"
        ),
        "since": dated(since).at,
        "now": now.at,
        "up": round(now.monotonic_s - since.monotonic_s, 1),
        "pid": os.getpid(),
        "state_dir": settings.config.gateway.state_dir,
        "time_quality": now.time_quality,
        "radio": _radio(radio, chip, dated, now),
        "city": _city(city, now),
        "backlog": backlog,
        "lost": lost,
        "archive": dict(archive),
        "devices": len(settings.devices),
        "counts": dict(uplinks.counts),
        "answers": dict(answers),
        "downlinks": downlinks,
        "duty_cycle": _duty_cycle(settings.region.sub_bands, airtime_left),
        "silence": settings.region.silence,
        "join": dict(join),
        "locked": locked,
        "codec_worker": dict(codec_worker),
        "store": dict(store),
        "drops": dict(uplinks.drops),
        "stuck": list(stuck),
    }


def health(
    receiving: bool, forwards: bool, stuck: bool, stores: bool = True
) -> Literal["healthy", "degraded", "broken"]:
    """Healthy: it hears, forwards and stores. Degraded: it hears or forwards. Broken: neither, or
    stuck.
    """
    if stuck or not (receiving or forwards):
        return "broken"
    return "healthy" if receiving and forwards and stores else "degraded"


def store(
    disk: Disk,
    memory_records: int,
    quarantined: Sequence[str],
    uncopied: int | None,
    dated: Callable[[Moment], Moment],
) -> dict[str, Any]:
    """How the disk is; `memory_records` are nowhere else, `quarantined` were put aside,
    `uncopied` is the schema that this run migrated without a copy.
    """
    return {
        "state": disk.state,
        "reason": disk.reason,
        "since": dated(disk.since).at,
        "retries": disk.retries,
        "memory_records": memory_records,
        "quarantined": list(quarantined),
        "damage": disk.damage,
        "uncopied": uncopied,
    }


def radio_state(radio: Radio) -> RadioState:
    """As the city is told of it."""
    last_reason = radio.last_fault.reason if radio.last_fault else ""
    return RadioState(radio.state, radio.reason, radio.restarts, last_reason)


def archive(kept: Archive, replays: Replays) -> dict[str, Any]:
    """What can be replayed (times in Unix seconds), how many readings went for want of room or were
    found damaged, and how many replays wait.
    """
    found = kept.archived()
    return {
        "readings": found.readings,
        "bytes": found.size,
        "from": found.begins,
        "to": found.ends,
        "given_up": kept.given_up,
        "damaged": replays.damaged,
        "replays": len(replays),
    }


def _radio(
    radio: Radio, chip: ConcentratorStatus, dated: Callable[[Moment], Moment], now: Moment
) -> dict[str, Any]:
    last = radio.last_fault
    return {
        **msgspec.structs.asdict(radio_state(radio)),
        "last_fault_at": dated(last.moment).at if last else None,
        "faults": dict(radio.faults),
        "starts": radio.starts,
        "eui": None if chip.eui is None else f"{chip.eui:016x}",
        "model": chip.model,
        "firmware": chip.firmware,
        "temperature": chip.temperature,
        "pulses": chip.pulses,
        "damaged": chip.drops,
        "heard": radio.heard.told(now.monotonic_s),
    }


def _duty_cycle(bands: Sequence[SubBand], left: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """By sub-band: the seconds of airtime that are left, and all that any hour has."""
    whole = {band_name(band): band.duty_cycle * HOUR for band in bands}
    return {
        name: {"seconds_left": seconds, "seconds": round(whole[name], 3)}
        for name, seconds in left.items()
    }


def _city(city: State | None, now: Moment) -> dict[str, Any]:
    """`seconds`: how long it has been as it is."""
    if city is None:
        return {"state": "disconnected", "reason": NO_EUI}
    return {
        "state": "connected" if city.connected else "disconnected",
        "reason": city.reason,
        "seconds": round(now.monotonic_s - city.since.monotonic_s, 1),
        "url": city.url,
        "fallback": city.is_fallback,
        "protocol": city.protocol,
        "commands": city.commands,
        "published": city.published,
        "refused": city.refused,
        "connections": city.connections,
        "in_flight": city.in_flight,
        "parked": city.parked,
        "paused": None if city.paused is None else round(city.paused, 1),
        "refusals": dict(city.refusals),
        "ends": dict(city.ends),
        "certificate_until": city.certificate_until,
        "warnings": city.warnings,
    }
