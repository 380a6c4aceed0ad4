"""What `kogge watch` shows: a text screen of any size from 80x24 on. Pure.

- From above: which gateway, its verdict, what was counted; channels and drops; the rows, newest
  first, or one of them in detail; the keys.
- The selected row stays selected while others come; above the newest nothing is selected.
- Paused, the rows stand still and all else goes on, bounded as ever.
- A line has a look; no look says anything that its words do not say too.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from gateway.cli.language import _, number
from gateway.cli.screen import Level
from gateway.cli.status_screen import parts, said_first, title
from gateway.cli.watch_detail import lines as detail_lines
from gateway.cli.watch_model import KEPT, MINUTES, Row, Seen
from gateway.cli.watch_words import (
    BAR,
    alarms,
    clock,
    found,
    reason,
    rssi_bar,
    snr_bar,
    what,
    who,
)

SMALL: Final = (80, 12)
SFS: Final = (7, 8, 9, 10, 11, 12)
PANEL: Final = 52  # columns of the channels; the drops have the rest
NAME: Final = 13
SIGNAL: Final = BAR + 5 + 1 + BAR + 6  # columns of RSSI and SNR, behind `what`
RADIO: Final = SIGNAL + 5 + 6
MARKS: Final = {"drop": "x", "join": "+", "down": "v", "news": "!", "up": " "}

Look: TypeAlias = Level | Literal["plain", "heading", "selected"]
STEPS: Final = {"up": -1, "down": 1, "home": -KEPT, "end": KEPT}
LONGEST: Final = 24  # characters of a filter
LOOKS: Final[dict[str, Look]] = {"drop": "note", "join": "ok"}


class Line(NamedTuple):
    text: str
    look: Look = "plain"


@dataclass(slots=True)
class Screen:
    """What is looked at; `fault`: why the daemon cannot be asked just now."""

    seen: Seen
    status: dict[str, Any]
    fault: str = ""
    needle: str = ""
    """The filter: as it is typed."""
    detail: bool = False
    selected: Row | None = None
    scrolled: int = 0
    typing: bool = False
    _frozen: list[Row] | None = None
    _paused_at: int = 0
    _page: int = 10

    @property
    def paused(self) -> bool:
        return self._frozen is not None

    def tell(self, status: dict[str, Any]) -> None:
        """What the daemon has answered just now."""
        self.status, self.fault = status, ""
        self.seen.now = status.get("now") or self.seen.now

    def pause(self) -> None:
        """Or go on."""
        self._frozen = list(self.seen.rows)[::-1] if self._frozen is None else None
        self._paused_at = self.seen.total

    def press(self, key: str, character: str | None = None) -> None:
        """A key by Textual's name, and what it prints, if anything."""
        if self.typing:
            self._type(key, character)
            return
        match key:
            case "p":
                self.pause()
            case "slash":
                self.typing = not self.detail
            case "enter":
                self.open()
            case "escape":
                self._back()
            case "up" | "down" | "home" | "end":
                self.move(STEPS[key])
            case "pageup" | "pagedown":
                self.page(1 if key == "pagedown" else -1)

    def _type(self, key: str, character: str | None) -> None:
        match key:
            case "enter":
                self.typing = False
            case "escape":
                self.typing, self.needle = False, ""
            case "backspace":
                self.needle = self.needle[:-1]
            case _ if character and character.isprintable():
                self.needle = (self.needle + character)[:LONGEST]
        self.selected = None

    def _back(self) -> None:
        """Out of the detail; then off the row; then off the filter."""
        if self.detail:
            self.detail = False
        elif self.selected:
            self.selected = None
        else:
            self.needle = ""

    def open(self) -> None:
        """The selected row in detail; the newest if none is."""
        rows = self.rows()
        if rows:
            self.selected = rows[self._at(rows)]
            self.detail, self.scrolled = True, 0

    def move(self, by: int) -> None:
        """To another row; in detail too."""
        rows = self.rows()
        at = (self._at(rows) if self.selected else -1) + by
        if at < 0 and not self.detail:
            self.selected = None
        elif rows:
            self.selected, self.scrolled = rows[min(max(0, at), len(rows) - 1)], 0

    def page(self, pages: int) -> None:
        """In detail: through its lines."""
        if self.detail:
            self.scrolled = max(0, self.scrolled + pages * self._page)
        else:
            self.move(pages * self._page)

    def rows(self) -> list[Row]:
        """Newest first, as far as they are looked for."""
        rows = list(self.seen.rows)[::-1] if self._frozen is None else self._frozen
        needle = self.needle.strip().lower()
        return [row for row in rows if found(row, needle)] if needle else rows

    def lines(self, width: int, height: int) -> list[Line]:
        """Exactly `height` of them, none wider than `width`."""
        width, height = max(width, SMALL[0]), max(height, SMALL[1])
        above = [*self._top(width)]
        if not self.detail:
            above += _panel(self.seen, width, 16 if height >= 36 else 8)
        room = height - len(above) - 1
        below = self._detail(width, room) if self.detail else self._table(width, room)
        body = [*above, *below][: height - 1]
        body += [Line("")] * (height - 1 - len(body))
        return [Line(one.text[:width], one.look) for one in (*body, self._keys())]

    def _top(self, width: int) -> Iterator[Line]:
        name, state = title(self.status), _("WAITING") if self.fault else _("LIVE")
        if self.paused:
            news = number(self.seen.total - self._paused_at)
            state = _("PAUSED, {n} new", n=news)
        yield Line(f"{name[: width - len(state) - 2]:{width - len(state)}}{state}", "heading")
        said, level = self._verdict()
        most = 4 if self.fault else 2
        wrapped = textwrap.wrap(
            said, width, break_on_hyphens=False, max_lines=most, placeholder=" …"
        )
        yield from (Line(one, level) for one in wrapped)
        yield _counted(self.seen)

    def _verdict(self) -> tuple[str, Level]:
        if self.fault:
            return self.fault, "bad"
        return said_first(self.status, parts(self.status))

    def _table(self, width: int, room: int) -> Iterator[Line]:
        space = width - 11 - NAME - 1 - RADIO
        yield Line(_head(space), "heading")
        rows, shown = self.rows(), max(1, room - 1)
        self._page = max(1, shown - 1)
        at = self._at(rows)
        first = max(0, at - shown + 1)
        for row in rows[first : first + shown]:
            is_selected = row is self.selected
            yield Line(_row(row, space, is_selected), "selected" if is_selected else _look(row))
        if not rows:
            yield Line(_("nothing has come yet") if not self.needle else _("nothing like that"))

    def _detail(self, width: int, room: int) -> Iterator[Line]:
        assert self.selected is not None
        every = [part for one in detail_lines(self.selected) for part in _wrapped(one, width)]
        self._page = max(1, room - 2)
        self.scrolled = min(self.scrolled, max(0, len(every) - room + 1))
        here = every[self.scrolled : self.scrolled + room - 1]
        last = self.scrolled + len(here)
        place = "" if len(here) == len(every) else f" {self.scrolled + 1}–{last} / {len(every)} "
        yield Line(f"{place:─^{width}}")
        yield from (Line(one, "heading" if one is every[0] else "plain") for one in here)

    def _keys(self) -> Line:
        if self.typing:
            hint = _("Enter keep  Esc clear  (name, DevEUI, DevAddr, reason)")
            return Line(f"/{self.needle}█  {hint}", "heading")
        if self.detail:
            return Line(_("Esc back  ↑↓ other frame  PgUp PgDn scroll  p pause  q quit"), "heading")
        pause = _("go on") if self.paused else _("pause")
        needle = _('filter "{text}"', text=self.needle) if self.needle else _("filter")
        return Line(_("↑↓ select  Enter detail  p {pause}  / {filter}  q quit",
                      pause=pause, filter=needle), "heading")  # fmt: skip

    def _at(self, rows: list[Row]) -> int:
        """Where the selected row is now; 0 once it has gone."""
        if self.selected is None:
            return 0
        return next((at for at, row in enumerate(rows) if row is self.selected), 0)


def _counted(seen: Seen) -> Line:
    counts = seen.counts
    said = [
        _("accepted {n}", n=number(counts["up"])), _("safe {n}", n=number(counts["safe"])),
        _("joins {n}", n=number(counts["join"])), _("down {n}", n=number(counts["down"])),
        _("dropped {n}", n=number(counts["drop"])),
    ]  # fmt: skip
    if counts["left_out"]:
        said.insert(0, _("LEFT OUT {n}: too fast", n=number(counts["left_out"])))
    return Line("  ".join(said), "note" if counts["left_out"] else "plain")


def _panel(seen: Seen, width: int, height: int) -> Iterator[Line]:
    """Channels by SF beside drops by reason; a line more says what has no room."""
    left, right = list(_channels(seen, height)), list(_drops(seen, width - PANEL, height))
    lines = zip_longest(left, right, fillvalue="")
    yield from (
        Line(f"{one:{PANEL}}{other}".rstrip(), "plain" if at else "heading")
        for at, (one, other) in enumerate(lines)
    )


def _channels(seen: Seen, height: int) -> Iterator[str]:
    counts, busy = seen.occupancy.counts(), seen.occupancy.busy()
    rates = sorted({*SFS, *(sf for _, sf in counts)})
    cell = 5 if len(rates) == len(SFS) else 4
    names = (f"SF{sf}" if sf else "FSK" for sf in rates)
    yield f"{'MHz':>7}" + "".join(f"{name:>{cell}}" for name in names) + f"{_('busy'):>8}"
    totals = Counter[int]()
    for (channel, _sf), count in counts.items():
        totals[channel] += count
    busiest = totals.most_common(height if len(totals) <= height else height - 1)
    for channel, _count in sorted(busiest):
        cells = "".join(f"{_short(counts[channel, sf]):>{cell}}" for sf in rates)
        yield f"{channel / 1e6:7.1f}{cells}{number(busy.get(channel, 0.0), 1):>6} %"
    if len(totals) > height:
        rest = totals.total() - sum(count for _, count in busiest)
        yield _("  on {n} other channels {count}", n=len(totals) - len(busiest), count=rest)
    if not totals:
        yield _("  no frame in the last {minutes} min", minutes=MINUTES)


def _short(count: int) -> str:
    """Of three digits at most."""
    return "." if not count else str(count) if count < 1000 else f"{count // 1000}k"


def _drops(seen: Seen, width: int, height: int) -> Iterator[str]:
    yield f"{_('dropped'):{width - 7}}{'':7}"
    most = seen.drops.most_common()
    for code, count in most[: height if len(most) <= height else height - 1]:
        yield f"{reason(code):{width - 7}.{width - 8}}{number(count):>7}"
    if len(most) > height:
        rest = sum(count for _, count in most[height - 1 :])
        yield f"{_('other reasons'):{width - 7}}{number(rest):>7}"


def _head(space: int) -> str:
    return (
        f"{_('time'):10} {_('device'):{NAME}.{NAME}} {_('what'):{space}.{space}}"
        f"{'RSSI dBm':>{BAR + 5}} {'SNR dB':>{BAR + 6}}{'SF':>5}{'MHz':>6}"
    )


def _row(row: Row, space: int, is_selected: bool) -> str:
    pointer = ">" if is_selected else " "
    lead = f"{clock(row.at)}{pointer}{MARKS[row.kind]} {who(row):{NAME}.{NAME}} "
    if row.kind == "news":
        return lead + what(row)
    text, radio = what(row), _radio(row)
    if row.kind == "down":  # nobody has measured it
        space, radio = space + SIGNAL, radio[SIGNAL:]
    text = text if len(text) < space else text[: space - 2] + "…"
    return f"{lead}{text:{space}}{radio}".rstrip()


def _radio(row: Row) -> str:
    told = row.told
    rssi, snr = told.get("rssi"), told.get("snr")
    strength = "" if rssi is None else f"{rssi_bar(rssi)}{number(rssi):>5}"
    noise = "" if snr is None else f"{snr_bar(snr)}{number(snr, 1):>6}"
    rate = f"SF{told['sf']}" if told["sf"] else "FSK"
    place = number(told["frequency"] / 1e6, 1) if told.get("frequency") else ""
    return f"{strength:{BAR + 5}} {noise:{BAR + 6}}{rate:>5}{place:>6}"


def _look(row: Row) -> Look:
    if alarms(row):
        return "bad"
    return LOOKS.get(row.kind, "plain")


def _wrapped(text: str, width: int) -> list[str]:
    """A table's lines are as wide as they are."""
    return [text] if len(text) <= width else textwrap.wrap(text, width, break_on_hyphens=False)
