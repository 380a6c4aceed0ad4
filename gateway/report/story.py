"""What the plots of a report show: figures of history and devices, and words to them. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from gateway.cli.language import _, day, midnight, moment, number, plural, span
from gateway.history import EVERY, Sample
from gateway.report import series
from gateway.report.plot import MOST_LABELS, Axis, Line, Plot, Table
from gateway.report.series import DAY, Points, Span, Start

FLOOR_PER_SF: Final = 2.5  # dB; SF7 is demodulated down to -7.5 dB (SX1302 data sheet)
NOT_KNOWN: Final = "–"


class Story(NamedTuple):
    """Seven days, as far as they are known."""

    samples: Sequence[Sample]
    span: Span
    starts: Sequence[Start]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Story | None":
        ordered = sorted(samples, key=lambda one: one.at)
        span = series.span(ordered)
        return None if span is None else cls(ordered, span, series.starts(ordered))

    def steps(
        self, value: Callable[[Sample], float | None], join: Callable[[list[float]], float]
    ) -> Points:
        return series.steps(self.samples, self.span, value, join)

    def days(self, row: Callable[[list[Sample]], Sequence[str]]) -> list[list[str]]:
        """A table's rows, the newest day first."""
        found: dict[float, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(midnight(sample.at), []).append(sample)
        return [[day(at), *row(samples)] for at, samples in sorted(found.items(), reverse=True)]


def axis(story: Story) -> Axis:
    """Midnights; hours where all is within two days."""
    begins, ends = story.span.begins, story.span.ends
    if ends - begins > 2 * DAY:
        midnights = [midnight(begins, n) for n in range((ends - begins) // DAY + 2)]
        labels = [(at, day(at)) for at in midnights]
    else:
        step = next(one for one in (600, 1800, 3600, 10_800, 21_600)
                    if (ends - begins) / one <= MOST_LABELS)  # fmt: skip
        labels = [(at, _hour(at)) for at in range(int(midnight(begins)), ends, step)]
    shown = [(story.span.share(at), said) for at, said in labels if begins <= at < ends]
    return Axis(shown, [story.span.share(start.at) for start in story.starts])


def _hour(at: float) -> str:
    seconds = int(at - midnight(at))
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


def plots(story: Story) -> Iterator[tuple[str, Plot]]:
    """Each with the id that it has in the page."""
    yield "traffic", traffic(story)
    yield "waiting", waiting(story)
    yield "line", line(story)
    yield "temperature", temperature(story)
    yield "disk", disk(story)
    yield "restarts", restarts(story)


def traffic(story: Story) -> Plot:
    readings = story.steps(lambda one: None if one.began else one.readings, _per_hour)
    drops = story.steps(lambda one: None if one.began else one.drops, _per_hour)
    said = _(
        "{readings} readings and {drops} frames dropped in {span}.",
        readings=number(sum(one.readings for one in story.samples)),
        drops=number(sum(one.drops for one in story.samples)),
        span=span(story.span.ends - story.span.begins),
    )
    rows = story.days(lambda found: [
        number(sum(one.readings for one in found)), number(sum(one.drops for one in found)),
    ])  # fmt: skip
    lines = [Line(_("readings"), readings, fills=True), Line(_("dropped"), drops)]
    head = (_("day"), _("readings"), _("dropped"))
    return Plot(_("Traffic"), said, _("per hour"), lines, Table(head, rows))


def _per_hour(found: list[float]) -> float:
    return series.mean(found) * 3600 / EVERY


def waiting(story: Story) -> Plot:
    most = max(one.waiting for one in story.samples)
    oldest = max(one.oldest for one in story.samples)
    said = plural(
        "At most {n} reading waited for the broker; the longest wait was {span}.",
        "At most {n} readings waited for the broker; the longest wait was {span}.",
        most, span=span(oldest),
    )  # fmt: skip
    rows = story.days(lambda found: [
        number(max(one.waiting for one in found)), span(max(one.oldest for one in found)),
    ])  # fmt: skip
    points = story.steps(lambda one: one.waiting, max)
    head = (_("day"), _("at most"), _("the longest wait"))
    lines = [Line(_("waiting"), points, fills=True)]
    return Plot(_("Waiting readings"), said, _("readings"), lines, Table(head, rows))


def line(story: Story) -> Plot:
    def share(value: Callable[[Sample], float], found: Sequence[Sample]) -> str:
        told = [value(one) for one in found if not one.began] or [value(one) for one in found]
        return f"{number(100 * series.mean(told), 1)} %"

    said = _(
        "The broker was there {connected} of the time, the radio received {receiving}.",
        connected=share(lambda one: one.connected, story.samples),
        receiving=share(lambda one: one.receiving, story.samples),
    )
    rows = story.days(lambda found: [
        share(lambda one: one.connected, found), share(lambda one: one.receiving, found),
    ])  # fmt: skip
    lines = [
        Line(_("broker"), story.steps(lambda one: 100 * one.connected, series.mean), fills=True),
        Line(_("radio"), story.steps(lambda one: 100 * one.receiving, series.mean)),
    ]
    head = (_("day"), _("broker"), _("radio"))
    return Plot(_("Broker and radio"), said, _("% of the time"), lines, Table(head, rows))


def temperature(story: Story) -> Plot:
    board, chip = (
        [figure for one in story.samples if (figure := value(one)) is not None]
        for value in (_board, _concentrator)
    )
    if board or chip:
        said = _(
            "The board was at most {board}, the concentrator {chip}.",
            board=_degrees(max(board, default=None)), chip=_degrees(max(chip, default=None)),
        )  # fmt: skip
    else:
        said = _("Nobody measures it here.")
    rows = story.days(lambda found: [_range(found, _board), _range(found, _concentrator)])
    lines = [
        Line(_("board"), story.steps(_board, max)),
        Line(_("concentrator"), story.steps(_concentrator, max)),
    ]
    head = (_("day"), _("board"), _("concentrator"))
    return Plot(_("Temperature"), said, "°C", lines, Table(head, rows), from_zero=False)


def _board(sample: Sample) -> float | None:
    return sample.board


def _concentrator(sample: Sample) -> float | None:
    return sample.concentrator


def _range(found: Sequence[Sample], value: Callable[[Sample], float | None]) -> str:
    known = [figure for one in found if (figure := value(one)) is not None]
    return f"{number(min(known), 1)} … {_degrees(max(known))}" if known else NOT_KNOWN


def _degrees(figure: float | None) -> str:
    return NOT_KNOWN if figure is None else f"{number(figure, 1)} °C"


def disk(story: Story) -> Plot:
    points = story.steps(lambda one: None if one.disk is None else 100 * one.disk, max)
    known = [one.disk for one in story.samples if one.disk is not None]
    said = _("Nobody knows.") if not known else _(
        "{now} % of the disk are used now; at most {most} %.",
        now=number(100 * known[-1], 1), most=number(100 * max(known), 1),
    )  # fmt: skip

    def most(found: list[Sample]) -> list[str]:
        used = [one.disk for one in found if one.disk is not None]
        return [f"{number(100 * max(used), 1)} %" if used else NOT_KNOWN]

    table = Table((_("day"), _("used")), story.days(most))
    return Plot(_("Disk"), said, _("% used"), [Line(_("used"), points, fills=True)], table)


def restarts(story: Story) -> Plot:
    """The table tells them one by one, the newest first."""
    machine = {start.at for start in story.starts if start.machine}
    said = plural("The daemon began {n} time;", "The daemon began {n} times;", len(story.starts))
    said += " " + _("{n} of these with the machine.", n=number(len(machine)))
    rows = [
        (
            moment(start.at),
            _("the machine was switched on") if start.machine else _("the daemon alone"),
            NOT_KNOWN if start.silent is None else span(start.silent),
        )
        for start in reversed(story.starts)
    ]
    lines = [
        Line(_("with the machine"), story.steps(
            lambda one: one.began and one.at in machine, sum), fills=True),
        Line(_("the daemon alone"), story.steps(
            lambda one: one.began and one.at not in machine, sum)),
    ]  # fmt: skip
    head = (_("when"), _("what began"), _("last seen before"))
    return Plot(_("Restarts"), said, _("starts"), lines, Table(head, rows))


class Signal(NamedTuple):
    """Of one device: SNR of its last uplinks in dB, and the least at which its last spreading
    factor is understood; `margin` is the median's above that.
    """

    dev_eui: str
    name: str
    sf: int
    snr: Sequence[float]

    @property
    def floor(self) -> float:
        return -FLOOR_PER_SF * (self.sf - 4)

    @property
    def margin(self) -> float:
        return median(self.snr) - self.floor


def signals(found: Sequence[Mapping[str, Any]]) -> list[Signal]:
    """Those that were heard, the weakest first."""
    heard = []
    for one in found:
        snr = [float(snr) for _sf, snr in one["uplinks"] if snr is not None]
        if snr:
            heard.append(Signal(one["dev_eui"], one["name"], one["uplinks"][-1][0], snr))
    return sorted(heard, key=lambda one: one.margin)
