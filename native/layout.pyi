from typing import Any

class Field:
    def __init__(
        self,
        name: str,
        *,
        at: int = 0,
        size: int = 1,
        little: bool = False,
        signed: bool = False,
        floating: bool = False,
        shift: int = 0,
        mask: int = 0,
        add: float = 0,
        multiply: float = 1,
        divide: float = 1,
        most: float = ...,
        wraps: int = 0,
        words: dict[int, Any] | None = None,
        otherwise: Any = None,
        instead: dict[int, Any] | None = None,
        constant: Any = None,
        source: str = "",
        fixed: int = -1,
        digits: int = 0,
        decimals: int = -1,
        prefix: str = "",
        suffix: str = "",
        parts: list[Field] | None = None,
        join: str = "",
        base: int = 0,
        fields: list[Field] | None = None,
        when: list[tuple[int, int, int]] | None = None,
    ) -> None: ...

class Frame:
    def __init__(
        self,
        ports: list[int] | None,
        length: int,
        when: list[tuple[int, int, int]] | None,
        fields: list[Field],
        error: str | None = None,
    ) -> None: ...

class Layout:
    def __init__(self, frames: list[Frame]) -> None: ...
    def decode(self, f_port: int, payload: bytes) -> dict[str, Any]: ...

class Channel:
    def __init__(self, size: int, fields: list[Field], into: str | None = None) -> None: ...

class Channels:
    def __init__(self, table: dict[int, Channel], refused: list[int]) -> None: ...
    def decode(self, f_port: int, payload: bytes) -> dict[str, Any]: ...
