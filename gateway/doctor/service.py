"""Checks of the configuration, the service, its codecs, and what the kernel complains of."""

import re
from typing import Final

from gateway.cli import codes
from gateway.cli.heard import heard
from gateway.cli.language import NO_BREAK, _, mark, plural, span
from gateway.doctor.finding import Check, Finding, Group, Known
from gateway.doctor.programs import kernel, said

UNIT: Final = "kogge"
PROPERTIES: Final = "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,WatchdogUSec"
MANY_RESTARTS: Final = 3
EX_CONFIG: Final = "78"
USB: Final = re.compile(r"usb.*(disconnect|error|reset|over-?current|not accept)", re.IGNORECASE)
GRAVE: Final = re.compile(
    r"out of memory|oom-kill|kernel panic|\bBUG:|hung task|call trace", re.IGNORECASE
)

STATES: Final = {
    "active": mark("running"),
    "inactive": mark("stopped"),
    "failed": mark("down, and is not started again"),
    "activating": mark("starting"),
    "deactivating": mark("ending"),
    "auto-restart": mark("down, and is about to be started again"),
}
"""systemd's ActiveState, and what SubState says better."""
RESULTS: Final = {
    "exit-code": mark("it ended with an error"),
    "signal": mark("it was ended from outside"),
    "core-dump": mark("it crashed"),
    "watchdog": mark("it hung"),
    "timeout": mark("it took too long to start or to end"),
    "oom-kill": mark("the memory was used up"),
    "start-limit-hit": mark("it was started too often"),
}
"""systemd's Result, where it is none of success; others stand as they are."""

Unit = dict[str, str] | None
Lines = list[str] | None


def unit(_known: Known) -> Unit:
    """systemd's properties of the service; None: no systemd, or it has no such service."""
    lines = said("systemctl", "show", UNIT, f"--property={PROPERTIES}")
    found = dict(line.partition("=")[::2] for line in lines or ())
    return found if found.get("LoadState") == "loaded" else None


def configuration(known: Known, _facts: None) -> Finding:
    if known.settings is None:
        means = _("the daemon does not start with it")
        do = _("correct it, then: kogge config check")
        return Finding("bad", heard(known.config_problem), means, do)
    if known.config_warnings:
        more = "; ".join(map(heard, known.config_warnings))
        return Finding("note", more, _("it works, and should not stay so"), "kogge config check")
    devices = plural("{n} device", "{n} devices", len(known.settings.devices))
    return Finding("ok", _("{file} is good, {devices}", file=known.file, devices=devices))


def codecs(known: Known, _facts: None) -> Finding:
    if known.status is None:
        if known.settings is None:
            return Finding("unknown", _("the daemon runs them, and it does not answer"))
        return Finding("ok", _("every codec that a device names is there"))
    worker = known.status["codec_worker"]
    if worker["disabled"]:
        broken = "; ".join(
            f"{name}: {heard(why)}" for name, why in sorted(worker["disabled"].items())
        )
        means = _("readings of its devices go on raw, undecoded; none is lost")
        do = _("correct the codec's file, then: kogge codec test; kogge codec add")
        return Finding("bad", broken, means, do)
    if worker["faults"]:
        faults = plural("{n} fault", "{n} faults", worker["faults"])
        what = _("{faults} of the codecs' process; last: {reason}", faults=faults,
                 reason=heard(worker["reason"]))  # fmt: skip
        return Finding("note", what, _("it was started anew by itself"), "journalctl -u kogge")
    return Finding("ok", _("no codec is broken"))


def state(known: Known, facts: Unit) -> Finding:
    if known.status is not None:
        return _running(known, facts)
    if facts is None:
        return Finding("bad", heard(known.status_problem), _("nothing is received"),
                       _("start it: sudo systemctl start kogge"))  # fmt: skip
    what = _("the service is {state}", state=_stands(facts)) + _ended(facts["Result"])
    if facts.get("ExecMainStatus") == EX_CONFIG:
        means = _("the configuration is wrong, so it is not started again")
        return Finding("bad", what, means, "sudo kogge config check")
    do = _("journalctl -u kogge -n 50: the last line says why; sudo systemctl start kogge")
    return Finding("bad", what, _("nothing is received"), do)


def _stands(facts: dict[str, str]) -> str:
    sub = facts["SubState"]
    return codes.worded(sub if sub in STATES else facts["ActiveState"], STATES)


def _ended(result: str) -> str:
    return "" if result == "success" else f": {codes.worded(result, RESULTS)}"


def _running(known: Known, facts: Unit) -> Finding:
    assert known.status is not None
    if known.status["stuck"]:
        late = ", ".join(known.status["stuck"])
        means = _("systemd starts it anew within a minute; what is safe stays safe")
        return Finding("bad", _("stuck: {tasks}", tasks=late), means, "journalctl -u kogge")
    up = known.status.get("up")
    what = _("it runs") if up is None else _("it runs for {span}", span=span(up))
    restarts = int((facts or {}).get("NRestarts", "0") or 0)
    if restarts < MANY_RESTARTS:
        return Finding("ok", what)
    again = plural("{n} restart by systemd", "{n} restarts by systemd", restarts)
    means = _("it ends again and again")
    return Finding("note", f"{what}; {again}", means, "journalctl -u kogge -p warning")


def watchdog(_known: Known, facts: Unit) -> Finding:
    if facts is None:
        return Finding("unknown", _("the daemon is no service here, so nobody watches it"))
    every = facts.get("WatchdogUSec", "0")
    if every in ("0", "", "infinity"):
        means = _("a daemon that hangs is not started anew")
        return Finding("note", _("the watchdog is off"), means, _("WatchdogSec=60 in the unit"))
    return Finding("ok", _("systemd wants to hear of it every {span}", span=_apart(every)))


def _apart(span: str) -> str:
    """systemd's "1min 30s" as we write it."""
    return re.sub(r"(?<=\d)(?=[a-z])", NO_BREAK, span)


def complaints(_known: Known, facts: Lines) -> Finding:
    if facts is None:
        return _not_ours()
    grave = [line for line in facts if GRAVE.search(line)]
    if grave:
        means = _("programs were ended, or the kernel itself is damaged")
        return Finding("bad", grave[-1].strip(), means, _("sudo dmesg --level=err; then restart"))
    if not facts:
        return Finding("ok", _("the kernel warns of nothing"))
    what = plural("{n} warning, nothing grave", "{n} warnings, nothing grave", len(facts))
    return Finding("ok", what)


def usb(_known: Known, facts: Lines) -> Finding:
    if facts is None:
        return _not_ours()
    found = [line for line in facts if USB.search(line)]
    if found:
        what = plural("{n} USB complaint: {last}", "{n} USB complaints, last: {last}",
                      len(found), last=found[-1].strip())  # fmt: skip
        means = _("a loose plug, a weak supply or a bad cable")
        return Finding("note", what, means, _("another cable, another port, the power supply"))
    return Finding("ok", _("the kernel has no complaint about USB"))


def _not_ours() -> Finding:
    return Finding("unknown", _("this user may not read the kernel's words"), "",
                   "sudo kogge doctor")  # fmt: skip


def _nothing(_known: Known) -> None:
    return None


def _kernel(_known: Known) -> Lines:
    return kernel()


CONFIGURATION: Final = Group("configuration", _nothing, (
    Check("configuration", mark("Configuration"), configuration),
    Check("codecs", mark("Codecs"), codecs),
))  # fmt: skip
GROUP: Final = Group("service", unit, (
    Check("service", mark("Service"), state),
    Check("watchdog", mark("Watchdog"), watchdog),
))  # fmt: skip
KERNEL: Final = Group("kernel", _kernel, (
    Check("kernel", mark("Kernel"), complaints),
    Check("usb", mark("USB"), usb),
))  # fmt: skip
