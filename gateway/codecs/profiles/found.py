"""What a vendor's folder has of one codec, whatever repository it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from gateway.board.radio_plan_text import quoted
from gateway.codecs.profiles.folder import Unusable, entries, table
from gateway.codecs.vectors import MOST_BYTES, Vector
from gateway.shapes import plainly

VERSIONS: Final = {"1.0": "1.0.0", "1.1": "1.1.0"}
KNOWN: Final = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0")
MOST_EXAMPLES: Final = 1000
LONGEST_MODEL: Final = 200


@dataclass
class Found:
    """`examples` are uplinks; `models` and `profile` are empty where no device names the codec."""

    name: str
    script: str
    examples: list[Vector]
    vendor: str
    models: list[str] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """A device file without a mapping; empty where too little is known of the device."""
        version, model = self.profile.get("lorawan"), ", ".join(self.models)[:LONGEST_MODEL]
        if version not in KNOWN or not model:
            return ""
        ports = sorted({one.f_port for one in self.examples if 1 <= one.f_port <= 223})
        lines = {
            "vendor": quoted(self.vendor),
            "model": quoted(model),
            "codecs": f"[{quoted(self.name)}]",
            "lorawan": quoted(version),
            "class": quoted(self.profile["class"]),
            "ports": str(ports),
            "script": quoted(f"{self.name.rpartition('/')[2]}.js"),
        }
        return "".join(f"{key} = {value}\n" for key, value in lines.items())


@dataclass
class Left:
    """A codec that is not used, and why."""

    name: str
    reason: str


def profile(version: Any, class_b: Any, class_c: Any) -> dict[str, Any]:
    """LoRaWAN version and class, as a device file says them."""
    said = VERSIONS.get(str(version), str(version))
    return {"lorawan": said, "class": "C" if class_c is True else "B" if class_b is True else "A"}


def example(number: int, name: str, said: Any, expected: str) -> Vector:
    """One that a repository gives: `input`, and what comes out, called `expected`.

    Raises Unusable.
    """
    record = table(said)
    given = table(record.get("input"))
    fields = {
        "id": f"{name}#{number}",
        "codec": name,
        "description": str(record.get("name") or record.get("description") or "")[:200],
        "fPort": given.get("fPort"),
        "bytes": given.get("bytes"),
        "recvTime": given.get("recvTime"),
        "expected": record.get(expected),
    }
    try:
        made = msgspec.convert({k: v for k, v in fields.items() if v is not None}, Vector)
        if len(made.payload) <= MOST_BYTES:
            return made
    except (msgspec.ValidationError, ValueError) as error:
        raise Unusable(f"example {number + 1}: {plainly(error)}") from None
    raise Unusable(f"example {number + 1} has more than {MOST_BYTES} bytes")


def examples(name: str, said: Any, expected: str) -> list[Vector]:
    """Raises Unusable."""
    listed: Iterable[Any] = entries(said)[:MOST_EXAMPLES]
    return [example(number, name, one, expected) for number, one in enumerate(listed)]
