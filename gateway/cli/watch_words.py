"""What a row of `kogge watch` says, in the language that is spoken. Pure.

Texts of devices and of the daemon come out on one line, and steer no terminal.
"""

import time
from typing import Any, Final

from gateway.cli import codes
from gateway.cli.heard import heard
from gateway.cli.language import _
from gateway.cli.quantities import measured
from gateway.cli.watch_model import Row, Told
from gateway.one_line import one_line

GOOD: Final = ("receiving", "starting", "connected", "back")

WEAKEST, STRONGEST = -130.0, -60.0  # dBm: the ends of the bar
NOISY, CLEAR = -20.0, 10.0  # dB
BAR: Final = 4
DECIMALS: Final = 3
TAIL: Final = 12  # of a DevEUI: makers number its end
FULL, EMPTY = "█", "░"
NO_TIME: Final = "--:--:--"


def bar(value: float, low: float, high: float) -> str:
    """Of `BAR` columns; the number stands beside it."""
    cells = round(BAR * (value - low) / (high - low))
    filled = min(BAR, max(0, cells))
    return FULL * filled + EMPTY * (BAR - filled)


def rssi_bar(rssi: float | None) -> str:
    return " " * BAR if rssi is None else bar(rssi, WEAKEST, STRONGEST)


def snr_bar(snr: float | None) -> str:
    return " " * BAR if snr is None else bar(snr, NOISY, CLEAR)


def clock(at: float | None) -> str:
    """Local time of day."""
    return NO_TIME if at is None else time.strftime("%H:%M:%S", time.localtime(at))


def who(row: Row) -> str:
    """A device's name, else what is known of it."""
    if row.name:
        return one_line(row.name)
    told = row.told
    if told.get("device"):
        return f"…{told['device'][-TAIL:]}"
    return str(told.get("dev_addr") or (_("gateway") if row.kind == "news" else ""))


def what(row: Row) -> str:
    """What the row is about, in a sentence or less."""
    match row.kind:
        case "drop":
            return _("drop: {reason}", reason=codes.drop(row.told["fate"]))
        case "join":
            return _("JOINED as {dev_addr}", dev_addr=row.told.get("dev_addr", ""))
        case "down":
            return _sent(row.told)
        case "up":
            return _heard(row)
        case _:
            return news(row.told)


def _heard(row: Row) -> str:
    if row.reading is not None:
        said, error = ", ".join(measured(row.reading, DECIMALS)), row.reading["error"]
        fault = _("not decoded: {error}", error=heard(one_line(error))) if error else _("no value")
        return said or fault
    if row.told.get("repeated"):
        return _("the same once more")
    if not row.told.get("f_port"):
        return _mac_commands(row.told)
    size = len(row.told["frm_payload"]) // 2
    return _("FPort {f_port}, {n} bytes", f_port=row.told["f_port"], n=size)


def _mac_commands(told: Told) -> str:
    """Their names; what is in them, the detail tells."""
    said = ", ".join(one.partition("(")[0] for one in told.get("mac_commands", ()))
    return f"MAC: {said}" if said else _("no payload")


def _sent(told: Told) -> str:
    """A downlink: what it is, where it went, and what became of it."""
    is_accept = told["payload"][:1] in ("2", "3")
    kind = "Join-Accept" if is_accept else _("downlink")
    window = f" RX{told['window']}" if told.get("window") else ""
    power = "" if told["power"] is None else f" {told['power']} dBm"
    fate = codes.word(told["fate"], codes.SENT)
    fate = fate if told["fate"] == "OK" else _("NOT SENT: {fate}", fate=fate)
    return f"{kind}{window}{power}: {fate}"


def news(told: Told) -> str:
    why = f": {heard(one_line(told['reason']))}" if told.get("reason") else ""
    match told["event"]:
        case "downlink":
            order = told.get("correlation") or ""
            status = codes.word(told["status"], codes.SENT)
            return _("order {name}: {status}", name=one_line(order), status=status) + why
        case "radio":
            return _("radio: {state}", state=_state(told)) + why
        case "city":
            return _("broker: {state}", state=_state(told)) + why
        case "store":
            return _("disk: {state}", state=_state(told)) + why
        case event:
            return f"{event}{why}"


def _state(told: Told) -> str:
    return codes.word(str(told.get("state") or told.get("what")), codes.STATES)


def alarms(row: Row) -> bool:
    """Whether somebody should look at it, and not only read it."""
    told = row.told
    if row.kind == "news":
        state = told.get("state") or told.get("what") or "connected"
        return state not in GOOD or told.get("status") in ("NOT_ACKED", "EXPIRED", "REFUSED")
    return row.kind == "down" and told["fate"] != "OK"


def found(row: Row, needle: str) -> bool:
    """Whether the filter's text is in what the row says, whose it is, or why it was dropped."""
    told: dict[str, Any] = row.told
    places = (who(row), told.get("device"), told.get("dev_addr"), told.get("fate"), what(row))
    return any(needle in place.lower() for place in places if place)
