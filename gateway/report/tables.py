"""The history as a table for other programs. Pure."""

import csv
import io
from collections.abc import Iterable

from gateway.history import Sample
from native.rfc3339 import rfc3339


def history(samples: Iterable[Sample]) -> str:
    """CSV; `at` in UTC, what is not known is empty."""
    sink = io.StringIO()
    table = csv.writer(sink, lineterminator="\n")
    table.writerow(Sample._fields)
    for sample in samples:
        table.writerow([rfc3339(sample.at), sample.up, int(sample.began), *sample[3:]])
    return sink.getvalue()
