"""YAML with the core schema of YAML 1.2.2 (§10.3): `on` and `2024-01-01` are texts.

PyYAML reads the form; what plain scalars mean is said here, for PyYAML's own rules are those of
YAML 1.1. Tags mean nothing. Values are counted where they are used: what an alias repeats counts
each time, so a few lines do not become gigabytes.
"""

import re
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST: Final = 200_000  # values
DEEPEST: Final = 64
_WORDS: Final = dict.fromkeys(("", "~", "null", "Null", "NULL"), None) | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,30}|0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def load(text: str) -> Any:
    """Raises ValueError."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return None if node is None else _Reader().value(node, 0)


class _Reader:
    def __init__(self) -> None:
        self._count = 0

    def value(self, node: Node, depth: int) -> Any:
        self._count += 1
        if self._count > MOST or depth > DEEPEST:
            raise ValueError(f"it has more than {MOST} values, or is nested deeper than {DEEPEST}")
        if isinstance(node, SequenceNode):
            return [self.value(one, depth + 1) for one in node.value]
        if isinstance(node, MappingNode):
            return {_key(key): self.value(one, depth + 1) for key, one in node.value}
        return _scalar(node)


def _key(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise ValueError("a key is no text")  # noqa: TRY004 # the content is wrong
    return str(node.value)


def _scalar(node: Node) -> Any:
    text = str(node.value)
    if node.style is not None:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, {"o": 8, "x": 16}.get(text[1:2], 10))
    return float(text) if _FLOAT.fullmatch(text) else text
