"""Samples as a plot has them: in steps of equal length, and the starts between them. Pure.

A step in which nobody took a sample is a gap: the gateway was off, or did not know the time.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from gateway.history import EVERY, Sample

STEPS: Final = (300, 900, 1800, 3600)  # seconds
MOST_STEPS: Final = 200
DAY: Final = 86_400

Points: TypeAlias = Sequence[float | None]


class Span(NamedTuple):
    """Unix seconds: `steps` of `step` seconds from `begins`."""

    begins: int
    step: int
    steps: int

    @property
    def ends(self) -> int:
        return self.begins + self.step * self.steps

    def share(self, at: float) -> float:
        """Where a moment lies: 0 at the beginning, 1 at the end."""
        return (at - self.begins) / (self.ends - self.begins)


class Start(NamedTuple):
    """Of the daemon; with `machine` it was switched on or started anew itself. `silent` are the
    seconds since the sample before, None if there is none.
    """

    at: int
    machine: bool
    silent: int | None


def span(samples: Sequence[Sample]) -> Span | None:
    """From the first to the last; None: there are none."""
    if not samples:
        return None
    length = samples[-1].at - samples[0].at
    step = next((one for one in STEPS if length <= one * (MOST_STEPS - 1)), STEPS[-1])
    begins = samples[0].at // step * step
    return Span(begins, step, (samples[-1].at - begins) // step + 1)


def steps(
    samples: Iterable[Sample],
    span: Span,
    value: Callable[[Sample], float | None],
    join: Callable[[list[float]], float],
) -> Points:
    """One figure a step: `join` makes it of those of its samples."""
    found: list[list[float]] = [[] for _ in range(span.steps)]
    for sample in samples:
        figure = value(sample)
        if figure is not None:
            found[(sample.at - span.begins) // span.step].append(figure)
    return [join(figures) if figures else None for figures in found]


def mean(figures: list[float]) -> float:
    return sum(figures) / len(figures)


def starts(samples: Sequence[Sample]) -> list[Start]:
    found = []
    for number, sample in enumerate(samples):
        if sample.began:
            silent = sample.at - samples[number - 1].at if number else None
            machine = sample.up < (2 * EVERY if silent is None else silent)
            found.append(Start(sample.at, machine, silent))
    return found
