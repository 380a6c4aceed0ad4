"""Why a device did not join or does not report, in words. The rules:

- What was seen comes newest first; then what is so now; at last what to look at where nothing says
  more. Each reason says what it means, and what to do.
- A refusal under a DevEUI may be an impostor's: Join-Requests are not secret. Who hears nothing
  else of the device may take it for the device's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.cli import codes
from gateway.cli.devices_words import LOSSY, LOW, WEAK, lost
from gateway.cli.heard import heard
from gateway.cli.language import _, moment, number, span
from gateway.cli.quantities import megahertz
from gateway.cli.refusals import REFUSALS

Line = dict[str, Any]

TX_FAILED: Final = ("TOO_LATE", "COLLISION_PACKET", "TX_FREQ", "TX_POWER", "DUTY_CYCLE_OVERFLOW")

TELLING: Final = ("unknown_join_eui", "replay")  # what the daemon says of these has figures in it


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is for programs; `age_s` None: it is so now."""

    code: str
    text: str
    next: str
    age_s: float | None = None
    count: int = 1


def reasons(device: Line, gateway: Line, status: Line, last: Line | None) -> list[Reason]:
    """`gateway` and `status` are the daemon's, {} where it does not run; `last` is the newest
    reading from before its start.
    """
    seen = [*_refusals(device), *_not_decoded(device), *_let_in(device)]
    seen.sort(key=lambda one: one.age_s or 0.0)
    found = [*seen, *_silence(device), *_radio(status), *_joining(device, status)]
    found += [*_weak(device), *_answers(status)]
    if device.get("seen"):
        found += _clock(gateway)
    else:
        found += [*_last(last), *_never(device, gateway)]
    return found


def _refusals(device: Line) -> Iterator[Reason]:
    for one in device.get("refused", ()):
        means, todo = REFUSALS.get(one["reason"], (one["reason"], ""))
        text = _(means)
        if one["says"] and one["reason"] in TELLING:
            text += f" ({heard(one['says'])})"
        if one["by"] == "dev_addr":
            text += ", " + _("as DevAddr {dev_addr}", dev_addr=one["dev_addr"])
        yield Reason(one["reason"], text, _(todo), one["age_s"], one["count"])


def _not_decoded(device: Line) -> Iterator[Reason]:
    when = device.get("codec_error_when")
    if when:
        yield Reason(
            "codec", _("its codec {codec} does not understand it: {error}",
                       codec=device["codec"], error=heard(device["codec_error"])),
            _("is it the right codec for this model and its firmware? kogge codec list; until then"
              " its readings go out raw, none is lost"),
            when["age_s"], device["codec_errors"],
        )  # fmt: skip


def _let_in(device: Line) -> Iterator[Reason]:
    if device.get("state") == "join_unheard":
        joined = device.get("joined")
        yield Reason(
            "join_unheard",
            _("it was let in, and nothing was heard in its new session: it did not hear the"
              " Join-Accept, or speaks on a channel that is not listened to"),
            _("look at the gateway's antenna and at kogge status (airtime, region); is the device"
              " made for this region?"),
            None if not joined else joined["age_s"], max(device.get("joins", 1), 1),
        )  # fmt: skip


def _silence(device: Line) -> Iterator[Reason]:
    seen = device.get("seen")
    if not seen:
        return
    ago = span(seen["age_s"])
    if device["overdue_s"] is None:
        every = device["interval_s"]
        usual = _("; it speaks every {span}", span=span(every)) if every else ""
        yield Reason("heard", _("it was heard {ago} ago", ago=ago) + usual, "", seen["age_s"])
        return
    yield Reason(
        "overdue",
        _("it is overdue: heard {ago} ago, and it speaks every {span}",
          ago=ago, span=span(device["interval_s"])),
        _("is it still there, has it power, is something of metal before it?"),
        seen["age_s"],
    )  # fmt: skip


def _radio(status: Line) -> Iterator[Reason]:
    radio = status.get("radio", {})
    if radio and radio["state"] != "receiving":
        why = heard(radio["reason"]) or codes.word(radio["state"], codes.STATES)
        yield Reason(
            "radio", _("the gateway's radio does not receive: {why}", why=why), "kogge doctor"
        )


def _weak(device: Line) -> Iterator[Reason]:
    if device.get("margin") is not None and device["margin"] < WEAK:
        yield Reason(
            "weak",
            _("it is heard at the edge: {margin} dB above the weakest that is understood",
              margin=number(device["margin"], 1)),
            _("kogge devices show DEVEUI --watch while you move an antenna"),
        )  # fmt: skip
    if lost(device) > LOSSY:
        total = device["heard"] + device["lost"]
        yield Reason(
            "lossy", _("{lost} of its last {n} uplinks were lost", lost=device["lost"], n=total),
            _("weak, or others on the air: kogge radio scan measures the noise"),
        )  # fmt: skip
    if isinstance(device.get("battery"), int) and device["battery"] <= LOW:
        yield Reason(
            "battery", _("its battery is at {percent} %", percent=device["battery"]),
            _("change it: cold days empty it first"),
        )  # fmt: skip


def _answers(status: Line) -> Iterator[Reason]:
    failed = {name: status.get("answers", {}).get(name, 0) for name in TX_FAILED}
    told = ", ".join(
        f"{codes.worded(name, codes.SENT)} {number(count)}"
        for name, count in failed.items()
        if count
    )
    if status.get("silence"):
        yield Reason("silence", heard(status["silence"]), _("no device can join here"))
    elif told:
        yield Reason(
            "answers", _("answers to devices did not leave since the start: {told}", told=told),
            _("airtime used up: it comes back within the hour, as the law has it; too late: the"
              " machine is busy (kogge status)"),
        )  # fmt: skip


def _clock(gateway: Line) -> Iterator[Reason]:
    if gateway.get("time_quality") == "unsynchronised":
        yield Reason(
            "clock", _("the gateway does not know the time: its readings have none yet"),
            _("timedatectl; NTP has to be reached once after power-up"),
        )  # fmt: skip


def _joining(device: Line, status: Line) -> Iterator[Reason]:
    join = status.get("join", {})
    if device.get("activation") != "OTAA" or device.get("state") in ("joined", None) or not join:
        return
    if join["join"] == "closed":
        yield Reason("join_closed", _("joining is closed now"), _(REFUSALS["join_closed"][1]))
    elif join["allow"] and not device["dev_eui"].startswith(tuple(join["allow"])):
        means, todo = REFUSALS["join_not_allowed"]
        yield Reason("join_not_allowed", _(means), _(todo))


def _last(last: Line | None) -> Iterator[Reason]:
    if last and last.get("received_at"):
        yield Reason(
            "before", _("its last reading from before the daemon's start is of {at}",
                        at=_time(last["received_at"])), "",
        )  # fmt: skip


def _time(text: str) -> str:
    from datetime import datetime

    return moment(datetime.fromisoformat(text).timestamp())


def _never(device: Line, gateway: Line) -> Iterator[Reason]:
    """Nothing was accepted from it: what to look at, in this order."""
    if device.get("refused"):
        return
    if device.get("f_cnt") is not None:
        text = _("the database knows it: FCnt {f_cnt}", f_cnt=device["f_cnt"])
        yield Reason("known", text, "")
    up = gateway.get("up_s")
    since = "" if up is None else _(" in the {span} since the daemon's start", span=span(up))
    yield Reason("never_heard", _("nothing was heard of it") + since, "")
    for code, text, todo in _steps(device, gateway):
        yield Reason(code, text, todo)


def _steps(device: Line, gateway: Line) -> Iterator[tuple[str, str, str]]:
    if not device["known"]:
        yield ("not_in_file", _("it is not in devices.toml"), _(REFUSALS["unknown_device"][1]))
    yield (
        "asleep", _("it may be asleep: some devices come with a magnet or a film at the battery,"
                    " and speak once in hours"),
        _("wake it: button, magnet, battery; then: kogge watch"),
    )  # fmt: skip
    if device["known"] and device.get("join_eui"):
        yield (
            "identity", _("DevEUI or JoinEUI may be mistyped: devices.toml has JoinEUI {join_eui}",
                          join_eui=device["join_eui"]),
            _("compare both with its label; kogge watch shows Join-Requests of strangers"),
        )  # fmt: skip
    if gateway.get("region"):
        channels = "; ".join(megahertz(one) for one in gateway["channels"])
        yield (
            "region", _("it may be made for another region, or send on other channels: this gateway"
                        " hears {region}: {heard} MHz", region=gateway["region"],
                        heard=channels),
            _("order code and firmware of the device say its region"),
        )  # fmt: skip
    yield (
        "elsewhere", _("it may be in a session with another network, and never ask to join"),
        _("reset it to the factory's settings, or let it join anew"),
    )  # fmt: skip
    yield (
        "antenna", _("it may be too far away, or an antenna may be loose or behind metal"),
        _("bring the device near the gateway; is the gateway's antenna screwed on?"),
    )  # fmt: skip


def lines(device: Line, gateway: Line | None, found: Sequence[Reason]) -> Iterator[str]:
    name = device.get("name") or _("not in devices.toml")
    yield f"{device['dev_eui']}  {name}"
    for number_, one in enumerate(found, 1):
        yield f"{number_:2}. {_when(one)}{one.text}"
        if one.next:
            yield f"    -> {one.next}"
    if gateway is not None:
        up = span(gateway["up_s"])
        yield _("Only what came since the daemon's start, {up} ago, is known.", up=up)


def _when(one: Reason) -> str:
    if one.age_s is None or one.code in ("heard", "overdue"):
        return ""
    ago = _("{ago} ago", ago=span(one.age_s))
    return ago + (_(", {n} times", n=one.count) if one.count > 1 else "") + ": "
