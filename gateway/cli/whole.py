"""All verbs as one parser: for completion and for the reference, which want to know them all."""

import argparse
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from gateway.cli import VERBS, top
from gateway.cli.language import _
from gateway.cli.parser import Parser


def whole() -> Parser:
    parser = top()
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in VERBS.items():
        verb = import_module(f"gateway.cli.{name}")
        verb.arguments(verbs.add_parser(name, help=_(text), description=_(verb.HELP)))
    return parser


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Its arguments and options, in their order, `--help` left out."""
    found: list[argparse.Action] = parser._actions  # noqa: SLF001 # argparse has no public way
    return [one for one in found if one.dest != "help"]


def below(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The parsers of its verbs or actions, by name."""
    for action in actions_of(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 # likewise
            return dict(action.choices)
    return {}


def summaries(parser: argparse.ArgumentParser) -> dict[str, str]:
    """What each of those is, in a few words."""
    for action in actions_of(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 # likewise
            return {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
    return {}


def leaves(parser: argparse.ArgumentParser, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb, or where it has actions every action, as ("config", "set"), and its parser."""
    inner = below(parser)
    if not inner:
        yield words, parser
    for name, one in inner.items():
        yield from leaves(one, *words, name)
