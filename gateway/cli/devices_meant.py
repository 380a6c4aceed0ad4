"""Which device is meant: by its DevEUI, in any writing, or by its name in devices.toml.

- 16 hex digits are a DevEUI, also one that nobody knows: a stranger's.
- A name is taken as it is, else whatever its case is; several of one name are listed.
"""

import argparse
from collections.abc import Sequence
from typing import Any, Final

from gateway.cli.language import _
from gateway.errors import GatewayError

Line = dict[str, Any]

DIGITS: Final = 16
ALIKE: Final = 0.9  # of two DevEUIs: one digit is another, or two have changed places


class NotMeant(GatewayError):
    """No device, or several of them."""


def argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", metavar="DEVEUI|NAME", help="16 hex digits, or as it is called")


def dev_eui_in(text: str) -> str | None:
    """With or without what stands between its digits."""
    from gateway.devices.spreadsheet import plain_hex

    found = plain_hex(text)
    is_hex = len(found) == DIGITS and not set(found) - set("0123456789abcdef")
    return found if is_hex else None


def dev_eui_of(text: str, devices: Sequence[Line]) -> str:
    """Of the one that is meant among these. Raises NotMeant."""
    found = dev_eui_in(text)
    if found:
        return found
    named = [one for one in devices if one["name"] == text]
    named = named or [one for one in devices if one["name"].casefold() == text.casefold()]
    if len(named) > 1:
        raise NotMeant(
            _("several devices are called {name}: {all}; give the DevEUI of the one that you mean",
              name=text, all=", ".join(one["dev_eui"] for one in named))
        )  # fmt: skip
    if not named:
        hint = nearest(text, devices) or _("kogge devices list shows those that are there")
        raise NotMeant(_("no device is called {name}; {hint}", name=text, hint=hint))
    return str(named[0]["dev_eui"])


def nearest(text: str, devices: Sequence[Line]) -> str:
    """What was meant perhaps, with its other name; "" where nothing is near."""
    import difflib  # for mistakes alone: memory

    is_eui = dev_eui_in(text) == text
    key, other, alike = ("dev_eui", "name", ALIKE) if is_eui else ("name", "dev_eui", 0.6)
    others = {one[key]: one[other] for one in devices}
    near = difflib.get_close_matches(text, list(others), 3 if is_eui else 1, alike)
    told = _(" or ").join(f"{one} ({others[one]})" for one in near)
    return _("did you mean {name}?", name=told) if told else ""
