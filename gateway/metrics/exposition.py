"""Prometheus' text format 0.0.4, written: a page of rules, so a library would be more to carry.

(prometheus_client costs 0.9 MiB and 32 modules, measured beside the daemon; the tests read what is
written here with its parser.) Pure. The rules:

- A family is its HELP, its TYPE and its samples, and stands once.
- In a label's value backslash, quote and line feed are escaped; in HELP backslash and line feed.
- What is not known has no sample: 0 is a measurement, and so is NaN.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from gateway.metrics.histogram import Histogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Type: TypeAlias = Literal["counter", "gauge", "histogram"]
Values: TypeAlias = float | Histogram | Mapping[str, float] | Mapping[tuple[str, ...], float] | None
"""One sample, none, a histogram, or samples by the value of the label, or of the labels."""
F = TypeVar("F")


class Metric(NamedTuple, Generic[F]):
    """One family; `of` finds its values among the facts."""

    name: str
    type: Type
    help: str
    of: Callable[[F], Values]
    labels: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """By convention the name ends with it, but for a counter's `_total`; "": a number."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in UNITS else ""


UNITS: Final = ("seconds", "bytes", "celsius", "dbm")


def text(table: Iterable[Metric[F]], facts: F) -> str:
    """All families that have a sample."""
    return "".join(_family(metric, metric.of(facts)) for metric in table)


def _family(metric: Metric[F], values: Values) -> str:
    samples = "".join(_samples(metric, values))
    if not samples:
        return ""
    said = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {metric.name} {said}\n# TYPE {metric.name} {metric.type}\n{samples}"


def _samples(metric: Metric[F], values: Values) -> Iterator[str]:
    if isinstance(values, Histogram):
        for bound, count in values.cumulative():
            yield _sample(f"{metric.name}_bucket", {"le": _number(bound)}, count)
        yield _sample(f"{metric.name}_sum", {}, values.sum)
        yield _sample(f"{metric.name}_count", {}, values.count)
    elif isinstance(values, Mapping):
        for key, value in values.items():
            labels = (key,) if isinstance(key, str) else key
            yield _sample(metric.name, dict(zip(metric.labels, labels, strict=True)), value)
    elif values is not None:
        yield _sample(metric.name, {}, values)


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
    return f"{name}{{{told}}} {_number(value)}\n" if told else f"{name} {_number(value)}\n"


def _escaped(said: str) -> str:
    return said.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
