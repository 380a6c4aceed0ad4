"""Devices as a technician reads them: a table, one in detail, its signal as a picture."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from gateway.cli.heard import heard
from gateway.cli.language import _, mark, moment, number, plural, span

Line = dict[str, Any]

WEAK, GOOD = 3.0, 10.0  # dB of margin
LOSSY: Final = 0.1
LOW: Final = 20  # % of a battery
CLIMB: Final = "▁▂▃▄▅▆▇█"
BAR, NAME = 20, 24  # columns
STATES: Final = {
    "joined": mark("joined"),
    "join_unheard": mark("let in, not heard since"),
    "heard": mark("heard"),
    "new": mark("never heard"),
}


def table(devices: Sequence[Line]) -> Iterator[str]:
    """One line a device, 80 columns."""
    if not devices:
        yield _("no devices yet: kogge devices qr, add or import brings them in")
        return
    yield (
        f"{'DevEUI':16} {_('name'):24} {_('last seen'):>13} {'SF':>2} {_('margin'):>7}"
        f" {_('lost'):>5} {_('battery'):>7}"
    )
    for device in devices:
        yield _row(device)
        if found := notes(device):
            yield f"{'':16} {', '.join(found)}"


def _row(device: Line) -> str:
    name = device["name"] if len(device["name"]) <= NAME else f"{device['name'][: NAME - 1]}…"
    seen = "-" if not device.get("seen") else span(device["seen"]["age_s"])
    sf = device.get("sf") or "-"
    return (
        f"{device['dev_eui']} {name:{NAME}} {seen:>13} {sf!s:>2} {_db(device.get('margin')):>7}"
        f" {_share(device):>5} {_battery(device.get('battery')):>7}"
    )


def notes(device: Line) -> list[str]:
    """What a technician should look at, in a word each."""
    found = []
    if device.get("overdue_s") is not None:
        found.append(_("OVERDUE"))
    if device.get("state") in ("new", "join_unheard"):
        found.append(_(STATES[device["state"]]))
    if device.get("margin") is not None and device["margin"] < WEAK:
        found.append(_("WEAK"))
    if lost(device) > LOSSY:
        found.append(_("LOSSY"))
    if isinstance(device.get("battery"), int) and device["battery"] <= LOW:
        found.append(_("BATTERY LOW"))
    if device.get("codec_errors"):
        found.append(_("NOT DECODED"))
    return found


def lost(device: Line) -> float:
    """The share of its last uplinks that are missing."""
    heard, missing = device.get("heard") or 0, device.get("lost") or 0
    return missing / (heard + missing) if heard else 0.0


def detail(device: Line) -> Iterator[str]:
    """One device in full."""
    yield f"{device['name']}  {device['dev_eui']}"
    for name, text in _facts(device):
        yield f"  {name:14} {text}"
    yield from signal(device.get("uplinks", ()))


def _facts(device: Line) -> Iterator[tuple[str, str]]:
    yield _("device"), _device(device)
    if device.get("pseudonym"):
        yield _("to the city"), device["pseudonym"]
    yield _("codec"), device["codec"] or _("none: its readings go out raw")
    yield _("state"), _state(device)
    yield _("last seen"), _seen(device)
    if device.get("interval_s"):
        yield _("rhythm"), _rhythm(device)
    if device.get("heard"):
        told = _("{lost} of the last {n}", lost=device["lost"], n=device["lost"] + device["heard"])
        yield _("lost"), told
    if device.get("battery") is not None:
        yield _("battery"), _battery(device["battery"])
    if device.get("hears_margin") is not None:
        yield _("it hears us"), f"{number(device['hears_margin'])} dB"
    if device.get("adr"):
        yield "ADR", heard(device["adr"])
    if device.get("codec_errors"):
        yield _("not decoded"), f"{device['codec_errors']}: {heard(device['codec_error'])}"


def _device(device: Line) -> str:
    place = f", {device['place']}" if device["place"] else ""
    kind = f"{device['activation']}, {_('class')} {device['class']}"
    return f"LoRaWAN {device['lorawan']}, {kind}{place}"


def _state(device: Line) -> str:
    told = _(STATES[device["state"]]) if "state" in device else _("not known")
    if device.get("dev_addr"):
        told += f", DevAddr {device['dev_addr']}"
    if device.get("f_cnt") is not None:
        told += f", FCnt {device['f_cnt']}"
    if device.get("joined"):
        told += ", " + _("joined {ago} ago", ago=span(device["joined"]["age_s"]))
    return told


def _seen(device: Line) -> str:
    seen = device.get("seen")
    if not seen:
        return _("not since the daemon's start") if "heard" in device else _("ask the daemon")
    at = "" if seen["at"] is None else f" ({moment(seen['at'])})"
    return _("{ago} ago", ago=span(seen["age_s"])) + at


def _rhythm(device: Line) -> str:
    every = _("every {span}", span=span(device["interval_s"]))
    told = every if device["regular"] else _("irregular, often {every}", every=every)
    if device["overdue_s"] is not None:
        told += "; " + _("OVERDUE for {span}", span=span(device["overdue_s"]))
    return told


def signal(uplinks: Sequence[Line]) -> Iterator[str]:
    """RSSI and margin over the last uplinks, oldest left; then the last ones with bars."""
    if not uplinks:
        return
    n = len(uplinks)
    yield ""
    yield plural("its last uplink", "its last {n} uplinks, the oldest left", n)
    yield _picture("RSSI", [one["rssi"] for one in uplinks], "dBm")
    margins = [one["margin"] for one in uplinks if one["margin"] is not None]
    if margins:
        yield _picture(_("margin"), margins, "dB")
    yield ""
    yield from (uplink(one) for one in uplinks[-8:])


def uplink(one: Line) -> str:
    """One uplink with its margin as a bar: what is watched while an antenna is moved."""
    ago = span(one["age_s"])
    level = one["margin"]
    filled = 0 if level is None else min(max(round(level / 30 * BAR), 0), BAR)
    word = "" if level is None else quality(level)
    return (
        f"  {ago:>11}  SF{one['sf']:<2} {number(one['rssi'], 0):>5} dBm {_db(level):>8}"
        f"  {'#' * filled:{BAR}} {word}"
    ).rstrip()


def quality(level: float) -> str:
    """A margin in a word."""
    return _("weak") if level < WEAK else _("fair") if level < GOOD else _("good")


def _picture(name: str, values: Sequence[float], unit: str) -> str:
    low, high = min(values), max(values)
    middle = sorted(values)[len(values) // 2]
    steps = (len(CLIMB) - 1) / (high - low) if high > low else 0
    climb = "".join(CLIMB[round((value - low) * steps)] for value in values)
    told = _(
        "{low} to {high}, mostly {middle} {unit}",
        low=number(low, 1), high=number(high, 1), middle=number(middle, 1), unit=unit,
    )  # fmt: skip
    return f"  {name:8} {climb}  {told}"


def _db(value: float | None) -> str:
    return "-" if value is None else f"{number(value, 0)} dB"


def _share(device: Line) -> str:
    return f"{number(lost(device) * 100)} %" if device.get("heard") else "-"


def _battery(value: float | str | None) -> str:
    if value is None:
        return "-"
    return _("mains") if value == "external" else f"{number(float(value))} %"
