"""From a vendor's folder into the operator's directory: each codec checked, then put in place.

- A codec that Kogge has itself is left where it is, for its mapping: `replace` brings it all the
  same. Its examples run either way.
- Examples that come out otherwise are told, and the codec comes: what is right is the operator's to
  judge. What does not load, or decodes nothing, does not come.
- A device file that the operator has already is kept, for the mapping in it.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any, Final

from gateway.codecs.checked import check, lines
from gateway.codecs.desk import Desk
from gateway.codecs.javascript import Script
from gateway.codecs.own import Own, Places, Refused, checked_name
from gateway.codecs.profiles import chirpstack, things_network
from gateway.codecs.profiles.folder import Folder, Unusable
from gateway.codecs.profiles.found import Found, Left
from gateway.codecs.scripts import LONGEST
from gateway.errors import GatewayError

FORMS: Final[tuple[ModuleType, ...]] = (chirpstack, things_network)
INDEXES: Final = " nor ".join(form.INDEX for form in FORMS)


@dataclass
class Row:
    """What became of one codec: "imported", "shipped" (Kogge's own stays) or "failed".

    `passed`, `differing`: of its examples; `failures` says where they differ.
    """

    name: str
    state: str
    reason: str = ""
    context: str | None = None
    passed: int = 0
    differing: int = 0
    failures: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        return asdict(self)


def codecs_in(folder: Folder) -> Iterator[Found | Left]:
    """Raises Refused if it is no vendor's folder, Unusable if its index cannot be read."""
    for form in FORMS:
        if folder.has(form.INDEX):
            checked_name(folder.vendor)
            yield from form.read(folder)
            return
    raise Refused(
        f"{folder.path} is no vendor's folder: there is neither {INDEXES} in it."
        " Give the folder of one vendor, such as vendors/acme"
    )


async def bring(folder: Folder, own: Own, running: Desk, replace: bool) -> AsyncIterator[Row]:
    """Each codec when it is done; the directory has it then."""
    for one in codecs_in(folder):
        if isinstance(one, Left):
            yield Row(one.name, "failed", one.reason)
            continue
        try:
            yield await _bring(one, own, running, replace)
        except GatewayError as error:
            yield Row(one.name, "failed", str(error))


async def _bring(one: Found, own: Own, running: Desk, replace: bool) -> Row:
    """Raises GatewayError: why it does not come."""
    name = checked_name(one.name)
    if len(one.script) > LONGEST:
        raise Unusable(f"its script has more than {LONGEST} characters")
    codec = own.catalogue.plain(name, Script(one.script))
    found = await check(running, codec, one.examples)
    failures = [f"{v.description or v.id}: {d}" for v, several in found.failures for d in several]
    differing = len(found.failures)
    row = Row(name, "imported", "", found.context, found.passed, differing, failures)
    if own.is_shipped(name) and not own.has(name) and not replace:
        row.state, row.reason = "shipped", "Kogge has it, with a mapping"
        return row
    places, device = own.places_for_script(name), ""
    if not own.has(name) and one.device:
        places, device = Places(places.script, own.directory / f"{name}.toml"), one.device
    own.put(places, one.script, lines(name, one.examples), device)
    return row
