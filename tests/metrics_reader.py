"""Prometheus' text read by Prometheus' own Python parser, which Kogge itself does not use."""

from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families


@dataclass
class Read:
    """Families as they stand."""

    families: list[Metric]

    def names(self) -> list[str]:
        return [family.name for family in self.families]

    def sampled(self) -> set[str]:
        """Names as they are written, of a histogram without its ends."""
        ends = {"counter": "_total"}
        return {f"{one.name}{ends.get(one.type, '')}" for one in self.families if one.samples}

    def has(self, name: str, **labels: str) -> bool:
        return bool(self._values(name, labels))

    def value(self, name: str, **labels: str) -> float:
        (value,) = self._values(name, labels)
        return value

    def _values(self, name: str, labels: dict[str, str]) -> list[float]:
        return [
            float(sample.value)
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def read(text: str) -> Read:
    return Read(list(text_string_to_metric_families(text)))
