"""The codecs written in Cython, by the name that a device file and devices.toml call them.

Each is a function (f_port, payload) → TS013's form: {"data": …} and perhaps "warnings", or
{"errors": […]}, beside which "data" holds what was decoded before the error. None raises on content
and none gives a number that JSON does not have.
"""

from collections.abc import Callable
from typing import Any

from native import bosch, cayennelpp, dingtek, elsys, nwave

BY_NAME: dict[str, Callable[[int, bytes], dict[str, Any]]] = {
    "bosch/tps110-0292": bosch.tps110_0292,
    "cayennelpp": cayennelpp.cayennelpp,
    "cayennelpp-rak": cayennelpp.cayennelpp_rak,
    "dingtek/df702": dingtek.df702,
    "elsys/elsys": elsys.elsys,
    "nwave/nps405": nwave.nps405,
}
