"""The sentences that the command line says, read from its source, and the German that is there."""

import argparse
import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from kogge import HOUSE

from gateway.cli import VERBS
from gateway.cli.language import LOCALE, Catalogue
from gateway.cli.whole import below, summaries, whole

SAID_BY = {"_": 1, "mark": 1, "plural": 2}
ROOMS = (
    "gateway/backup", "gateway/cli", "gateway/demo", "gateway/diagnostics", "gateway/doctor",
    "gateway/report",
)  # fmt: skip


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


def text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def said() -> dict[str, str]:
    """Every marked sentence with its plural."""
    return {one: many for path in sources() for one, many in said_in(path)}


def helps() -> set[str]:
    """What `--help` says, of every verb: its formatter translates it."""
    found = {import_module(f"gateway.cli.{verb}").HELP for verb in VERBS}
    return found | {"usage: "} | set(_helps(whole()))


def _helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (group.title for group in parser._action_groups if group.title)
    yield from summaries(parser).values()
    inner = below(parser)
    yield from (action.help or f"no help: {parser.prog} {action.dest}" for action in
                parser._actions if not inner or action.option_strings)  # fmt: skip
    for one in inner.values():
        yield from _helps(one)


def german() -> Catalogue:
    return Catalogue((LOCALE / "de.po").read_text(encoding="utf-8"))
