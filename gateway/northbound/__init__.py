"""The way to the city: MQTT stands here and in the demo, nowhere else.

paho-mqtt imports urllib.request, and with it HTTP, e-mail and compression, to ask it for a proxy
where PySocks is installed. That is 2 MiB for what never happens here: it is loaded when asked.
"""

import sys
import urllib
from importlib import import_module
from types import ModuleType
from typing import Any, Final

_ON_USE: Final = "urllib.request"


def _loaded(name: str) -> Any:
    del sys.modules[_ON_USE]
    return getattr(import_module(_ON_USE), name)


if _ON_USE not in sys.modules:
    sys.modules[_ON_USE] = urllib.request = ModuleType(_ON_USE)  # type: ignore[attr-defined]
    sys.modules[_ON_USE].__getattr__ = _loaded  # type: ignore[method-assign] # PEP 562
