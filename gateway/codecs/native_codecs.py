"""The codecs written in Cython, by the name that a device file and devices.toml call them.

Each is a function (f_port, payload) → TS013's form: {"data": …} and perhaps "warnings", or
{"errors": […]}, beside which "data" holds what was decoded before the error. None raises on content
and none gives a number that JSON does not have. A module is imported when a device needs it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

BY_NAME: Final = {
    "bosch/tps110-0292": "bosch.tps110_0292",
    "cayennelpp": "cayennelpp.cayennelpp",
    "cayennelpp-rak": "cayennelpp.cayennelpp_rak",
    "dingtek/df702": "dingtek.df702",
    "dragino/lht65": "dragino.lht65",
    "dragino/lht65n": "dragino.lht65n",
    "elsys/elsys": "elsys.elsys",
    "milesight-iot/vs121": "milesight.vs121",
    "nwave/nps405": "nwave.nps405",
    "rakwireless/rak_standard": "cayennelpp.rak_standard",
}
"""Codec: module and function in native/."""


def load(name: str) -> Callable[[int, bytes], dict[str, Any]]:
    """The codec of that name, which must be in BY_NAME."""
    module, function = BY_NAME[name].split(".")
    codec: Callable[[int, bytes], dict[str, Any]] = getattr(
        import_module(f"native.{module}"), function
    )
    return codec
