"""The sentences that the command line says, read from its source, and the German that is there."""

import ast
from collections.abc import Iterator
from pathlib import Path

from kogge import HOUSE

from gateway.cli.language import LOCALE, Catalogue

SAID_BY = {"_": 1, "mark": 1, "plural": 2}
ROOMS = ("gateway/cli", "gateway/doctor", "gateway/diagnostics")


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((HOUSE / room).rglob("*.py"))]


def said_in(path: Path) -> Iterator[tuple[str, str]]:
    """(sentence, its plural or "") of each marked sentence in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            wanted = SAID_BY.get(node.func.id, 0)
            texts = [text(argument) for argument in node.args[:wanted]]
            if texts and all(texts):
                yield texts[0], "".join(texts[1:])


def helps_in(path: Path) -> Iterator[str]:
    """What `--help` says: its formatter translates it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "help" and text(node.value):
            yield text(node.value)


def text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def said() -> dict[str, str]:
    """Every marked sentence with its plural."""
    return {one: many for path in sources() for one, many in said_in(path)}


def helps() -> set[str]:
    return {words for path in (HOUSE / "gateway" / "cli").glob("*.py") for words in helps_in(path)}


def german() -> Catalogue:
    return Catalogue((LOCALE / "de.po").read_text(encoding="utf-8"))
