from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Value: TypeAlias = tuple[str, str, str | None, str]

class Decoder:
    def __init__(
        self,
        groups: Iterable[tuple[int, Iterable[Value]]],
        constants: Mapping[str, float] | None = None,
    ) -> None: ...
    def decode(self, f_port: int, payload: bytes) -> dict[str, Any]: ...
