"""How the demo looks: pure functions from what happened to lines of at most 80 columns.

`Style` decides what the terminal can take: colours or none, UTF-8 or plain ASCII. Text is made
plain before it is padded and coloured after it, so columns hold in each of the four.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.cli.language import NO_BREAK, _, instant, mark, number, plural
from gateway.demo.judge import LATE_S, Verdict
from gateway.units import FOR_PEOPLE

WIDTH = 80
CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "36"}
PLAIN = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "°": "", "µ": "u", "³": "3", "·": "-", "…": "...",
    "─": "-", "━": "=", "►": ">", "●": "*", "✓": "+", "✗": "x", "╳": "X", "–": "-",
})  # fmt: skip
FIRST = (
    "occupied",
    "full",
    "fill_level",
    "water_level",
    "pm2_5",
    "temperature",
    "water_temperature",
)
WORDS = {
    ("occupied", True): mark("occupied"),
    ("occupied", False): mark("free"),
    ("full", True): mark("FULL"),
    ("full", False): "",
}
LABELS = {"pm2_5": "PM2.5", "temperature": "", "water_temperature": "",
          "fill_level": mark("filled"), "water_level": mark("level")}  # fmt: skip
DECIMALS = {"pm2_5": 1, "temperature": 1, "water_temperature": 1, "fill_level": 0, "water_level": 2}
MEASURED_WIDTH = 23
RULE = "─" * WIDTH


@dataclass(frozen=True, slots=True)
class Style:
    colours: bool
    utf8: bool

    def text(self, text: str) -> str:
        """What the terminal's character set can show of it; nothing that would steer it."""
        text = text.replace(NO_BREAK, " ")
        shown = text if self.utf8 else text.translate(PLAIN).encode("ascii", "replace").decode()
        return shown if shown.isprintable() else re.sub(r"[^ -~]", "?", shown)

    def cell(self, text: str, width: int) -> str:
        """Exactly `width` columns."""
        return self.text(text)[:width].ljust(width)

    def paint(self, text: str, *codes: str) -> str:
        if not self.colours:
            return text
        return f"\x1b[{';'.join(CODES[code] for code in codes)}m{text}\x1b[0m"

    def line(self, text: str, *codes: str) -> str:
        """One painted line that is not wider than the terminal."""
        return self.paint(self.text(text)[:WIDTH], *codes) if codes else self.text(text)[:WIDTH]


def header(style: Style, joining: int, fixed: int, outage: bool) -> list[str]:
    """What will be seen: the way of a reading, and the columns' names."""
    columns = ((_("time"), 8), (_("device"), 10), (_("place"), 14),
               (_("measured"), MEASURED_WIDTH))  # fmt: skip
    names = "  ".join(name.ljust(width) for name, width in columns) + "   dBm    dB"
    soon = _("is cut") if outage else _("stays")
    kinds = _("{joining} join, {fixed} are ABP", joining=joining, fixed=fixed)
    picture = [
        (_("8 end devices  )))"), _("concentrator ──►"), _("gateway"), "──╳──►", _("broker ──►"),
         _("this list")),
        ("LoRaWAN, 868 MHz", _("SX1302 emulated"), _("daemon,"), _("line"), "MQTT",
         _("a subscriber")),
        (kinds, _("behind a pty"), "SQLite", soon, "", _("of its own")),
    ]  # fmt: skip
    way, *notes = ("".join(map(style.cell, cells, (20, 17, 9, 8, 11, 12))) for cells in picture)
    return [
        style.line(_("Kogge · a street gateway and its city, without any hardware"), "bold"),
        "",
        style.line(f"  {way}".rstrip()),
        *(style.line(f"  {note}".rstrip(), "dim") for note in notes),
        "",
        style.line(names, "bold"),
        style.line(RULE, "dim"),
    ]


def reading_line(style: Style, reading: Mapping[str, Any], place: str, late: bool) -> str:
    """One reading, as it arrived at the city's side."""
    radio = reading["radio"]
    snr = "" if radio["snr"] is None else number(radio["snr"], 1)
    cells = [
        style.paint(clock_time(reading["received_at"]), "dim"),
        style.paint(style.cell(reading["name"], 10), "blue"),
        style.cell(place, 14),
        style.paint(style.cell(measured(reading), MEASURED_WIDTH), "bold"),
        style.paint(f"{radio['rssi']:4.0f} {snr:>5}", "dim"),
    ]
    state = style.paint(_("kept"), "yellow") if late else style.paint(_("live"), "green")
    return "  ".join(cells) + " " + state


def clock_time(received_at: str | None) -> str:
    """hh:mm:ss in local time of an RFC 3339 time; a reading may have none yet."""
    if not received_at:
        return "--:--:--"
    return instant(datetime.fromisoformat(received_at).timestamp())[-len("hh:mm:ss.mmm") :][:8]


def measured(reading: Mapping[str, Any]) -> str:
    """What it says, most telling first, as many as there is room for."""
    if reading.get("error"):
        return _("undecoded: {payload}", payload=reading.get("payload", ""))
    values, units = reading["measurements"], reading["units"]
    names = sorted(values, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    said = ""
    for name in names:
        more = spoken(name, values[name], units.get(name, ""))
        if not said or len(said) + 2 + len(more) <= MEASURED_WIDTH:
            said += (", " if said and more else "") + more
    return said


def spoken(name: str, value: object, unit: str) -> str:
    """One measurement for people: `PM2.5 7.4 µg/m³`, `free`."""
    if isinstance(value, bool):
        return _(WORDS.get((name, value), name if value else ""))
    label = _(LABELS.get(name, name.replace("_", " ")))
    decimals = DECIMALS.get(name, 2)
    told = number(value, decimals) if isinstance(value, int | float) else str(value)
    return " ".join(part for part in (label, told, FOR_PEOPLE.get(unit, unit)) if part)


def joined_line(style: Style, name: str, place: str, joined: int, joining: int) -> str:
    text = _("joined over the air ({joined} of {joining})", joined=joined, joining=joining)
    return style.paint(_told(style, name, place, text), "dim")


def kept_line(style: Style, name: str, place: str, kept: int) -> str:
    text = _("heard, waits in the buffer ({kept})", kept=kept)
    return style.paint(_told(style, name, place, text), "yellow")


def _told(style: Style, name: str, place: str, text: str) -> str:
    """A line of the gateway's side, in the columns of the readings and without a time."""
    cells = ("", 8), (name, 10), (place, 14), (text, 42)
    return "  ".join(style.cell(*cell) for cell in cells).rstrip()


def cut_line(style: Style) -> str:
    text = _("the line to the city is cut · readings go to the buffer")
    return style.line(f" {text} ".center(WIDTH, "━"), "red", "bold")


def back_line(style: Style) -> str:
    text = _("the line is back · the buffer goes out")
    return style.line(f" {text} ".center(WIDTH, "━"), "green", "bold")


def caught_up_line(style: Style, count: int) -> str:
    text = plural(
        "the buffer is empty again · {n} reading came out of it",
        "the buffer is empty again · {n} readings came out of it",
        count,
    )
    return style.line(f" {text} ".center(WIDTH, "━"), "green")


def status_line(
    style: Style, seconds: float, sent: int, received: int, waiting: int, cut: bool
) -> str:
    line = _("line cut") if cut else _("line up")
    counted = _(
        "sent {sent} · received {received} · on the way {waiting}",
        sent=sent,
        received=received,
        waiting=waiting,
    )
    text = f"● {seconds:3.0f} s · {counted} · {line}"
    return style.line(text, "red" if cut else "green")


def verdict_lines(
    style: Style, verdict: Verdict, joined: int, acks: tuple[int, int, int], good: bool
) -> list[str]:
    """The last word: what was counted, and how. `acks`: received, asked for, asked again."""
    acked, asked, again = acks
    counts = (
        (_("sent"), verdict.sent, _("frames that the gateway's antenna received")),
        (_("received"), verdict.received, _("readings at the city's side, by id")),
        (_("lost"), verdict.lost, _("must be 0")),
        (_("duplicates"), verdict.duplicates, _("must be 0")),
        (_("redelivered"), verdict.redelivered,
         _("the same id again: MQTT may, a consumer drops it")),
        (_("kept"), verdict.late,
         _("stored while the line was cut, and more than {limit} s late", limit=number(LATE_S))),
        (_("joined"), joined, _("devices, over the air")),
        ("ACKs", acked,
         _("of {asked} confirmed uplinks ({again} sent again), checked", asked=asked, again=again)),
        (_("collided"), verdict.collided,
         _("on the air: two at once, or while the gateway spoke")),
    )  # fmt: skip
    must_be_none = (counts[2], counts[3])
    lines = [style.line(RULE, "dim")]
    for row in counts:
        name, count, meaning = row
        bad = row in must_be_none and count > 0
        told = style.paint(f"{count:6}", "red" if bad else "bold")
        told += style.paint(style.text(f"   {meaning}"), "dim")
        lines.append(style.text(f"  {name:12}") + told)
    word = _("✓ nothing lost, nothing twice") if good else _("✗ this is not as it must be")
    return [*lines, "", style.line(f"  {word}", "green" if good else "red", "bold")]
