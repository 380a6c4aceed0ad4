"""From a vendor's folder into the operator's directory: each codec checked, then put in place.

- A codec that Kogge has itself is left where it is, for its mapping: `replace` brings it all the
  same. Its examples run either way.
- Examples that come out otherwise are told, and the codec comes: what is right is the operator's to
  judge. What does not load, or decodes nothing, does not come.
- A device file that the operator has already is kept, for the mapping in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any, Final, TypeAlias

from gateway.codecs.catalogue import Catalogue
from gateway.codecs.checked import Checked, check, lines
from gateway.codecs.desk import Desk
from gateway.codecs.javascript import Script
from gateway.codecs.own import Own, Places, Refused, checked_name
from gateway.codecs.profiles import chirpstack, things_network
from gateway.codecs.profiles.folder import Folder
from gateway.codecs.profiles.found import Found, Left
from gateway.codecs.scripts import LONGEST
from gateway.errors import GatewayError

FORMS: Final[tuple[ModuleType, ...]] = (chirpstack, things_network)
INDEXES: Final = " nor ".join(form.INDEX for form in FORMS)

Tried: TypeAlias = tuple[Found, "Checked | Left"]


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


async def tried(found: Iterable[Found], running: Desk, catalogue: Catalogue) -> list[Tried]:
    """Each codec with what its examples showed, or with why it is of no use."""
    return [(one, await _try(one, running, catalogue)) for one in found]


async def _try(one: Found, running: Desk, catalogue: Catalogue) -> Checked | Left:
    try:
        name = checked_name(one.name)
        if len(one.script) > LONGEST:
            return Left(name, f"its script has more than {LONGEST} characters")
        return await check(running, catalogue.plain(name, Script(one.script)), one.examples)
    except GatewayError as error:
        return Left(one.name, str(error))


def bring(one: Found, checked: Checked | Left, own: Own, replace: bool) -> Row:
    """Put it in place, if it is to come; what became of it."""
    if isinstance(checked, Left):
        return left_out(checked)
    row = _row(one.name, checked)
    if own.is_shipped(one.name) and not own.has(one.name) and not replace:
        row.state, row.reason = "shipped", "Kogge has it, with a mapping"
        return row
    try:
        places, device = own.places_for_script(one.name), ""
        if not own.has(one.name) and one.device:
            places, device = Places(places.script, own.directory / f"{one.name}.toml"), one.device
        own.put(places, one.script, lines(one.name, one.examples), device)
    except GatewayError as error:
        row.state, row.reason = "failed", str(error)
    return row


def left_out(left: Left) -> Row:
    return Row(left.name, "failed", left.reason)


def _row(name: str, checked: Checked) -> Row:
    failures = [f"{v.description or v.id}: {d}" for v, several in checked.failures for d in several]
    differing = len(checked.failures)
    return Row(name, "imported", "", checked.context, checked.passed, differing, failures)
