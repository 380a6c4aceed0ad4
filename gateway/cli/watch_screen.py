"""What `kogge watch` shows: a text screen of any size from 80x24 on. Pure.

- From above: which gateway, its verdict, what was counted; channels and drops; the rows, newest
  first, or one of them in detail; the keys.
- The selected row stays selected while others come; above the newest nothing is selected.
- Paused, the rows stand still and all else goes on, bounded as ever.
- A line has a look; no look says anything that its words do not say too.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.cli.heard import heard
from gateway.cli.language import _, number
from gateway.cli.screen import Level
from gateway.cli.status_screen import parts, said_first, title
from gateway.cli.watch_detail import lines as detail_lines
from gateway.cli.watch_model import KEPT, Row, Seen
from gateway.cli.watch_table import Line, counted, heading, line, panel
from gateway.cli.watch_words import found

SMALL: Final = (80, 12)
STEPS: Final = {"up": -1, "down": 1, "home": -KEPT, "end": KEPT}
LONGEST: Final = 24  # characters of a filter


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
            above += panel(self.seen, width, 16 if height >= 36 else 8)
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
        yield counted(self.seen)

    def _verdict(self) -> tuple[str, Level]:
        if self.fault:
            return heard(self.fault), "bad"
        return said_first(self.status, parts(self.status))

    def _table(self, width: int, room: int) -> Iterator[Line]:
        yield heading(width)
        rows, shown = self.rows(), max(1, room - 1)
        self._page = max(1, shown - 1)
        at = self._at(rows)
        first = max(0, at - shown + 1)
        for row in rows[first : first + shown]:
            yield line(row, width, is_selected=row is self.selected)
        if not rows:
            yield Line(
                _("nothing has come yet") if not self.needle else _("nothing fits the filter")
            )

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


def _wrapped(text: str, width: int) -> list[str]:
    """A table's lines are as wide as they are."""
    return [text] if len(text) <= width else textwrap.wrap(text, width, break_on_hyphens=False)
