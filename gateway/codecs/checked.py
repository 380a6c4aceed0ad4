"""A codec before it is one of the operator's own: it loads, it decodes, its examples hold."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.codecs.catalogue import Codec
from gateway.codecs.desk import Desk
from gateway.codecs.javascript import Example, Script
from gateway.codecs.vectors import Difference, Vector, differences


@dataclass
class Checked:
    """`context`: "warm" or "fresh" for a script; `failures`: examples that come out otherwise."""

    context: str | None = None
    passed: int = 0
    failures: list[tuple[Vector, list[Difference]]] = field(default_factory=list)


async def check(running: Desk, codec: Codec, examples: list[Vector]) -> Checked:
    """Run it; raises Unusable, Down. Examples that expect nothing only show what it remembers."""
    found, script = Checked(), None
    if codec.script is not None:
        script = showing(codec.script, examples)
        found.context = await running.tried(script)
    for one in examples:
        if one.expected is None:
            continue
        what = (one.f_port, one.payload)
        output = await running.uplink(script, *what, one.at) if script else codec.output(*what)
        differing = differences(one, output)
        if differing:
            found.failures.append((one, differing))
        else:
            found.passed += 1
    return found


def showing(script: Script, examples: Iterable[Vector]) -> Script:
    """The script with these examples, by which it is known whether it remembers."""
    return Script(script.source, tuple(Example(v.f_port, v.payload) for v in varied(examples)))


def varied(examples: Iterable[Vector]) -> list[Vector]:
    """One of each FPort first, then a second one: only the first are looked at for long."""
    seen: Counter[int] = Counter()
    turns = []
    for one in examples:
        turns.append((seen[one.f_port], one))
        seen[one.f_port] += 1
    return [one for _, one in sorted(turns, key=lambda turn: turn[0])]


def lines(name: str, examples: Iterable[Vector]) -> str:
    """Examples as the catalogue reads them beside a script, and `kogge codec test` too."""
    return "".join(f"{_line(name, one)}\n" for one in varied(examples))


def _line(name: str, one: Vector) -> str:
    record: dict[str, Any] = {"codec": name, "fPort": one.f_port, "bytes": one.payload.hex()}
    told = {
        "id": one.id,
        "description": one.description,
        "compare": one.compare,
        "recvTime": one.received,
        "expected": one.expected,
    }
    record |= {key: value for key, value in told.items() if value not in ("", None)}
    return msgspec.json.encode(record).decode()
