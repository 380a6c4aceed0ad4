"""Plots as HTML: lines are an SVG that stretches to any width, words are text beside it. Pure.

So a plot is readable on a phone and on a desk, without a script. It says nothing by colour alone:
the second line is dashed. What it shows is said in words (`said`, for a screen reader too), and
stands in a table below.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final, NamedTuple

from gateway.cli.language import NO_BREAK, number
from gateway.one_line import one_line
from gateway.report.series import Points, Span

WIDE, HIGH = 1000, 100  # units of the SVG; its real size is the page's
MOST_LABELS: Final = 8
SPARSE: Final = 5  # labels; of more a phone shows every other one
ROOM: Final = 0.85  # of the width: a label behind it stands to the left of its line


class Line(NamedTuple):
    """One of at most two; the first is filled where it `fills`."""

    name: str
    points: Points
    fills: bool = False


class Table(NamedTuple):
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Plot(NamedTuple):
    """`said` is what it shows, in a sentence; `marks` are shares of the width."""

    title: str
    said: str
    unit: str
    lines: Sequence[Line]
    table: Table
    from_zero: bool = True


class Axis(NamedTuple):
    """Along the bottom: labels with the share of the width at which they stand."""

    labels: Sequence[tuple[float, str]]
    marks: Sequence[float] = ()


def text(words: object) -> str:
    """Anybody's words, on one line."""
    return escape(NO_BREAK.join(map(one_line, str(words).split(NO_BREAK))))


def figure(plot: Plot, span: Span, axis: Axis, name: str, more: str) -> Iterator[str]:
    """`name` is an id of the page's; `more` is what opens the table."""
    low, high, ticks = scale(plot)
    yield f'<figure id="{name}" class="plot">'
    yield f'<figcaption><h3 id="{name}-title">{text(plot.title)}</h3>'
    yield f'<p id="{name}-said">{text(plot.said)}</p></figcaption>'
    yield f'<div class="chart"><div class="y" aria-hidden="true"><b>{text(plot.unit)}</b>'
    for tick in ticks:
        place = 100 * (tick - low) / (high - low)
        yield f'<span style="bottom:{place:.1f}%">{number(tick)}</span>'
    yield "</div>"
    yield (
        f'<svg role="img" aria-labelledby="{name}-title" aria-describedby="{name}-said"'
        f' viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none">'
    )
    yield from (_across(HIGH * (high - tick) / (high - low)) for tick in ticks)
    yield from (_upright(share, "day") for share, _ in axis.labels)
    yield from (_upright(share, "start") for share in axis.marks)
    for place, line in enumerate(plot.lines):
        yield from _drawn(line, "ab"[place], low, high, span.steps)
    yield "</svg>"
    dense = " dense" if len(axis.labels) > SPARSE else ""
    yield f'<div class="x{dense}" aria-hidden="true">'
    for share, said in axis.labels:
        side = ' class="end"' if share > ROOM else ""
        yield f'<span{side} style="left:{100 * share:.2f}%">{text(said)}</span>'
    yield "</div></div>"
    yield from _key(plot.lines)
    yield from folded(more, table(plot.table))
    yield "</figure>"


def scale(plot: Plot) -> tuple[float, float, list[float]]:
    """The lowest and the highest value that fit, and where lines are ruled."""
    known = [one for line in plot.lines for one in line.points if one is not None]
    low = 0.0 if plot.from_zero else min(known, default=0.0)
    high = max([*known, low])
    step = max(1.0, _round((high - low) / 3 or 1.0))
    first, last = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
    ticks = [each * step for each in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def _round(step: float) -> float:
    """The next of 1, 2, 5, 10, …"""
    power: float = 10.0 ** floor(log10(step))
    rounded = (factor * power for factor in (1.0, 2.0, 5.0, 10.0))
    return next(one for one in rounded if one >= step * 0.999)


def _across(y: float) -> str:
    return f'<path class="rule" d="M0 {y:.1f}H{WIDE}"/>'


def _upright(share: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{WIDE * share:.1f} 0V{HIGH}"/>'


def _drawn(line: Line, kind: str, low: float, high: float, steps: int) -> Iterator[str]:
    """As steps: a figure holds for the whole of its time."""
    width = WIDE / steps
    for begins, figures in _runs(line.points):
        heights = [HIGH * (high - figure) / (high - low) for figure in figures]
        path = f"M{begins * width:.1f} {heights[0]:.1f}" + "".join(
            f"V{height:.1f}H{(begins + place + 1) * width:.1f}"
            for place, height in enumerate(heights)
        )
        if line.fills:
            yield f'<path class="{kind} fill" d="{path}V{HIGH}H{begins * width:.1f}Z"/>'
        yield f'<path class="{kind}" d="{path}"/>'


def _runs(points: Points) -> Iterator[tuple[int, list[float]]]:
    """Where each run without a gap begins, and its figures."""
    run: list[float] = []
    for place, figure in enumerate([*points, None]):
        if figure is not None:
            run.append(figure)
        elif run:
            yield place - len(run), run
            run = []


def _key(lines: Sequence[Line]) -> Iterator[str]:
    if len(lines) > 1:
        yield '<ul class="key" aria-hidden="true">'
        yield from (f'<li class="{"ab"[n]}">{text(line.name)}</li>' for n, line in enumerate(lines))
        yield "</ul>"


def strip(values: Iterable[float], low: float, high: float, limit: float | None) -> str:
    """Values as strokes on one line, and a limit as a dashed one; for those who see."""
    strokes = "".join(
        f"M{WIDE * (min(max(value, low), high) - low) / (high - low):.0f} 20V80" for value in values
    )
    dashed = "" if limit is None else _upright((limit - low) / (high - low), "start")
    return (
        f'<svg class="strip" aria-hidden="true" viewBox="0 0 {WIDE} {HIGH}"'
        f' preserveAspectRatio="none">{dashed}<path class="a" d="{strokes or "M0 0"}"/></svg>'
    )


def table(found: Table) -> Iterator[str]:
    """The first of a row is its head."""
    yield '<div class="wide"><table><thead><tr>'
    yield from (f'<th scope="col">{text(head)}</th>' for head in found.head)
    yield "</tr></thead><tbody>"
    for first, *others in found.rows:
        cells = "".join(f"<td>{text(other)}</td>" for other in others)
        yield f'<tr><th scope="row">{text(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def folded(summary: str, inside: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{text(summary)}</summary>"
    yield from inside
    yield "</details>"
