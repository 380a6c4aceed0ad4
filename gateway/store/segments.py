"""A segment's blob: records as a zlib-compressed JSON array.

A measurement that JSON cannot carry (NaN, infinity) becomes null on its way in; on its way out it
is left out, for one bad number must not hold up the readings behind it.
"""

import zlib
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from gateway.records import Record

SEGMENT_RECORDS = 256

UNREADABLE: Final = (zlib.error, msgspec.DecodeError, UnicodeDecodeError)

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Record])


def slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut into what fits one segment."""
    for start in range(0, len(items), SEGMENT_RECORDS):
        yield items[start : start + SEGMENT_RECORDS]


def pack(records: Sequence[Record]) -> bytes:
    return zlib.compress(_encoder.encode(records))


def unpack(blob: bytes) -> list[Record]:
    """Raises one of UNREADABLE for what `pack` has not made."""
    text = zlib.decompress(blob)
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        return msgspec.convert(_without_null_measurements(text), list[Record])


def _without_null_measurements(text: bytes) -> list[dict[str, object]]:
    raw = msgspec.json.decode(text, type=list[dict[str, object]])
    for record in raw:
        measurements = record.get("measurements")
        if isinstance(measurements, dict):
            kept = {name: value for name, value in measurements.items() if value is not None}
            record["measurements"] = kept
    return raw
