"""The parts of the picture of `kogge watch`: what was counted, the panel, the rows. Pure."""

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final, Literal, NamedTuple, TypeAlias

from gateway.cli import codes
from gateway.cli.language import _, number
from gateway.cli.screen import Level
from gateway.cli.watch_model import Row, Seen
from gateway.cli.watch_words import (
    BAR,
    alarms,
    clock,
    rssi_bar,
    snr_bar,
    what,
    who,
)

SFS: Final = (7, 8, 9, 10, 11, 12)
PANEL: Final = 52  # columns of the channels; the drops have the rest
WIDE: Final = 100  # columns, from which on names have more
NAME: Final = 13
LONG_NAME: Final = 24
LEAD: Final = 11 + 1  # columns of time and mark, and the one behind the name
SIGNAL: Final = BAR + 5 + 1 + BAR + 6  # columns of RSSI and SNR, behind `what`
RADIO: Final = SIGNAL + 5 + 6
MARKS: Final = {"drop": "x", "join": "+", "down": "v", "news": "!", "up": " "}

Look: TypeAlias = Level | Literal["plain", "heading", "selected"]
LOOKS: Final[dict[str, Look]] = {"drop": "note", "join": "ok"}


class Line(NamedTuple):
    text: str
    look: Look = "plain"


def counted(seen: Seen) -> Line:
    counts = seen.counts
    said = [
        _("accepted {n}", n=number(counts["up"])), _("safe {n}", n=number(counts["safe"])),
        _("joins {n}", n=number(counts["join"])), _("down {n}", n=number(counts["down"])),
        _("dropped {n}", n=number(counts["drop"])),
    ]  # fmt: skip
    if counts["left_out"]:
        said.insert(0, _("LEFT OUT {n}: too fast", n=number(counts["left_out"])))
    return Line("  ".join(said), "note" if counts["left_out"] else "plain")


def panel(seen: Seen, width: int, height: int) -> Iterator[Line]:
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
        yield f"{number(channel / 1e6, 1):>7}{cells}{number(busy.get(channel, 0.0), 1):>6} %"
    if len(totals) > height:
        rest = totals.total() - sum(count for _, count in busiest)
        yield _("  on {n} other channels {count}", n=len(totals) - len(busiest), count=rest)
    if not totals:
        yield _("  no frame yet")


def _short(count: int) -> str:
    """Of three digits at most."""
    return "." if not count else str(count) if count < 1000 else f"{count // 1000}k"


def _drops(seen: Seen, width: int, height: int) -> Iterator[str]:
    yield f"{_('dropped'):{width - 7}}{'':7}"
    most = seen.drops.most_common()
    for code, count in most[: height if len(most) <= height else height - 1]:
        yield f"{codes.drop(code):{width - 7}.{width - 8}}{number(count):>7}"
    if len(most) > height:
        rest = sum(count for _, count in most[height - 1 :])
        yield f"{_('other reasons'):{width - 7}}{number(rest):>7}"


def heading(width: int) -> Line:
    """Over the rows."""
    space, name = _space(width), _name(width)
    said = (
        f"{_('time'):10} {_('device'):{name}.{name}} {_('what'):{space}.{space}}"
        f"{'RSSI dBm':>{BAR + 5}} {'SNR dB':>{BAR + 6}}{'SF':>5}{'MHz':>6}"
    )
    return Line(said, "heading")


def line(row: Row, width: int, *, is_selected: bool) -> Line:
    """One row."""
    pointer = ">" if is_selected else " "
    look = "selected" if is_selected else "bad" if alarms(row) else LOOKS.get(row.kind, "plain")
    name = _name(width)
    said = f"{clock(row.at)}{pointer}{MARKS[row.kind]} {_end(who(row), name):{name}} "
    return Line(said + _said(row, _space(width)).rstrip(), look)


def _space(width: int) -> int:
    """Columns for what a row is about."""
    return width - LEAD - _name(width) - RADIO


def _name(width: int) -> int:
    """Columns for whose it is."""
    return NAME if width < WIDE else LONG_NAME


def _end(name: str, space: int) -> str:
    """Neighbours are numbered: what tells them apart is the end."""
    return name if len(name) <= space else f"…{name[1 - space :]}"


def _said(row: Row, space: int) -> str:
    if row.kind == "news":  # it has the columns of the radio, too
        return _cut(what(row), space + RADIO + 1)
    text, radio = what(row), _radio(row)
    if row.kind == "down":  # nobody has measured it
        space, radio = space + SIGNAL, radio[SIGNAL:]
    return f"{_cut(text, space):{space}}{radio}"


def _cut(text: str, space: int) -> str:
    """With a column free behind it."""
    return text if len(text) < space else text[: space - 2] + "…"


def _radio(row: Row) -> str:
    told = row.told
    rssi, snr = told.get("rssi"), told.get("snr")
    strength = "" if rssi is None else f"{rssi_bar(rssi)}{number(rssi):>5}"
    noise = "" if snr is None else f"{snr_bar(snr)}{number(snr, 1):>6}"
    rate = f"SF{told['sf']}" if told["sf"] else "FSK"
    place = number(told["frequency"] / 1e6, 1) if told.get("frequency") else ""
    return f"{strength:{BAR + 5}} {noise:{BAR + 6}}{rate:>5}{place:>6}"
