"""The way to the city: MQTT stands here and in the demo, nowhere else.

paho-mqtt imports urllib.request, and with it HTTP, e-mail and compression, to ask it for a proxy
where PySocks is installed. That is 2 MiB for what never happens here, so whoever imports it first
gets it lazily: the real module, which loads when something in it is asked for.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from typing import Any, Final

_ON_USE: Final = "urllib.request"


class _OnUse:
    """Finds this one module, once."""

    @staticmethod
    def find_spec(name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != _ON_USE:
            return None
        sys.meta_path.remove(_OnUse)
        spec = PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.loader is not None
        spec.loader = LazyLoader(spec.loader)
        return spec


if _ON_USE not in sys.modules:
    sys.meta_path.insert(0, _OnUse)
