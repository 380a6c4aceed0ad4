"""docs/commands.md, made of the parser: `make commands` writes it anew."""

import argparse
from collections.abc import Iterator
from importlib import import_module

from kogge import HOUSE

from gateway.cli import VERBS
from gateway.cli.whole import actions_of, below, summaries, whole

FILE = HOUSE / "docs" / "commands.md"
HEAD = """# Every command

Made of the parser by `make commands`; a test holds it against that. What the commands mean and
when one needs them: the [README](../README.md) and its guides. Options may stand anywhere, before
the verb too; so may `--lang de|en` and `--help`. `A | B`: one of them, not both; in round brackets
one is needed. What `--json` prints: [interfaces.md](interfaces.md#command-line).
"""


def reference() -> str:
    """What docs/commands.md has to say."""
    parser = whole()
    parts = [HEAD, "| verb | |", "|---|---|"]
    parts += [f"| [`{name}`](#kogge-{name}) | {text} |" for name, text in VERBS.items()]
    for name, one in below(parser).items():
        parts += ["", f"## kogge {name}", "", import_module(f"gateway.cli.{name}").HELP]
        parts += _explained(one)
    return "\n".join(parts) + "\n"


def _explained(parser: argparse.ArgumentParser) -> Iterator[str]:
    inner, said = below(parser), summaries(parser)
    if not inner:
        yield from ("", f"`{' '.join([parser.prog, *_usages(parser)])}`", "")
        yield from _table(parser)
    for name, one in inner.items():
        yield from ("", f"### {one.prog}", "", said[name])
        yield from _explained(one)


def _table(parser: argparse.ArgumentParser) -> Iterator[str]:
    rows = [f"| `{_cell(_name(one))}` | {_cell(one.help or '')} |" for one in actions_of(parser)]
    if rows:
        yield from ("| argument | |", "|---|---|", *rows)


def _usages(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Each argument; those of which one alone is taken stand together."""
    groups = parser._mutually_exclusive_groups  # argparse has no public way
    for action in actions_of(parser):
        group = next((one for one in groups if action in one._group_actions), None)
        together = group._group_actions if group else [action]
        if action is together[0]:
            names = " | ".join(map(_name, together))
            needed = group.required if group else action.required
            inside = f"({names})" if needed and group else names
            yield inside if needed else f"[{names}]"


def _name(action: argparse.Action) -> str:
    """With its value, as one types it."""
    value = _value(action)
    if action.nargs == "+":
        value += "…"
    return " ".join(filter(None, [*action.option_strings[:1], value]))


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
