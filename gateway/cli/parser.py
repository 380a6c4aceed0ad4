"""What was typed, taken apart: argparse, with its words in any order and its errors in ours.

- Options may stand anywhere: before the action, between arguments, behind them. argparse wants the
  action first and arguments together, so the words are put in that order before it sees them.
- What is mistyped is named, with what is nearest to it, or with all that there is.
- Help and errors are in the language that is spoken; wrong usage is sysexits' 64.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, Final, NoReturn

from gateway.cli.heard import heard
from gateway.cli.language import _

EX_USAGE: Final = 64
WIDTH: Final = 80
ARGUMENT: Final = "argument "  # so begins what argparse has to say of one
HELP: Final = ("-h", "--help")
_NUMBER: Final = re.compile(r"-\.?\d")

Options = Mapping[str, argparse.Action]


class Narrow(argparse.HelpFormatter):
    """Help in the language that is spoken. Asked for the terminal's width, argparse would import
    shutil at each start: 8 ms.
    """

    def __init__(self, prog: str, indent: int = 2, position: int = 24, width: int = WIDTH) -> None:
        super().__init__(prog, indent, position, width)

    def _get_help_string(self, action: argparse.Action) -> str:
        return _(action.help or "")

    def start_section(self, heading: str | None) -> None:
        super().start_section(_(heading or ""))

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)


class NarrowAsItIs(Narrow, argparse.RawDescriptionHelpFormatter):
    """The listing of verbs."""


class Actions(argparse._SubParsersAction):  # type: ignore[type-arg] # noqa: SLF001 # no other name
    """The actions of a verb: what the verb's help says of one, its own help says too."""

    def add_parser(self, name: str, **how: Any) -> Any:
        return super().add_parser(name, **{"description": _(how.get("help", "")), **how})


class Parser(argparse.ArgumentParser):
    """argparse's, as the head of this file has it."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**{"formatter_class": Narrow, **how})
        self.register("action", "parsers", Actions)
        self.actions: dict[str, Parser] = {}

    def add_subparsers(self, **how: Any) -> Any:
        found = super().add_subparsers(**how)
        self.actions = found.choices
        return found

    def parse_known_args(  # type: ignore[override] # nobody brings a namespace of another type
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Nothing is left over: it is an error of whose words it is among."""
        options = self.options()
        words = in_order(sys.argv[1:] if args is None else args, options, bool(self.actions))
        if words[:1] and words[0] not in self.actions:  # else the action knows better
            self._refuse_unknown(words, options)
        if self.actions and (not words or (_is_option(words[0]) and words[0] not in HELP)):
            self.error(_("say which: {names}", names=", ".join(self.actions)))
        found, left = super().parse_known_args(words, namespace)
        if left:
            self.mistyped(_("{words}: nothing more is expected here", words=" ".join(left)))
        return found, left

    def options(self) -> dict[str, argparse.Action]:
        """By their names; those of its actions too."""
        found: dict[str, argparse.Action] = {}
        for one in (self, *self.actions.values()):
            found |= one._option_string_actions  # noqa: SLF001 # argparse has no public way
        return found

    def _refuse_unknown(self, words: Sequence[str], options: Options) -> None:
        for word in takewhile(lambda one: one != "--", words):
            name = word.partition("=")[0]
            if _is_option(word) and not _meant(name, options):
                known = [one for one in options if one.startswith("--")]
                near = hint(name, known)
                self.mistyped(_("there is no option {word}; {hint}", word=name, hint=near))

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """What raises ValueError are numbers; a type of ours says itself what it wants."""
        kind = self._registry_get("type", action.type, action.type)
        try:
            return kind(arg_string)
        except ValueError:
            raise argparse.ArgumentError(
                action, _("{text} is no number", text=repr(arg_string))
            ) from None
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(action, str(error)) from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        names = [str(one) for one in action.choices]
        where = f"{'/'.join(action.option_strings)}: " if action.option_strings else ""
        said = _("there is no {word} here; {hint}", word=repr(value), hint=hint(str(value), names))
        self.mistyped(where + said)

    def error(self, message: str) -> NoReturn:
        """What is needed is seen in the usage; what is wrong with one argument, in its words."""
        said = heard(message)
        if not message.startswith(ARGUMENT):
            with suppress(OSError):  # where it cannot be heard, the exit code says it
                self.print_usage(sys.stderr)
        self.mistyped(said.removeprefix(ARGUMENT))

    def mistyped(self, said: str) -> NoReturn:
        from gateway.cli.screen import tell  # for mistakes alone: memory

        explained = _("{verb} --help explains it.", verb=self.prog)
        with suppress(OSError):
            tell(f"{self.prog}: {said}\n{explained}", sys.stderr)
        self.exit(EX_USAGE)


def up_to(most: float) -> Callable[[str], float]:
    """A type for `add_argument`: a number above 0."""

    def number(text: str) -> float:
        with suppress(ValueError):
            if 0 < float(text) <= most:
                return float(text)
        raise argparse.ArgumentTypeError(f"{text!r}: give a number above 0, at most {most}")

    return number


def hint(word: str, names: Sequence[str]) -> str:
    """What is meant perhaps, else all that is known."""
    import difflib  # for mistakes alone: memory

    for name in difflib.get_close_matches(word, names, 1):
        return _("did you mean {name}?", name=name)
    return _("there are: {names}", names=", ".join(names))


def in_order(words: Sequence[str], options: Options, has_actions: bool) -> list[str]:
    """The same words: an action in front of everything, else arguments behind all options."""
    front: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            others += [word, *rest]
        elif not _is_option(word):
            others.append(word)
        else:
            front.append(word)
            if _takes_value(word, options):
                front += [one for one in (next(rest, None),) if one is not None]
        if has_actions and others:
            return [others[0], *front, *others[1:], *rest]
    return front + others


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-" and not _NUMBER.match(word)


def _takes_value(word: str, options: Options) -> bool:
    meant = _meant(word, options)
    return bool(meant) and all(action.nargs is None for action in meant)


def _meant(word: str, options: Options) -> list[argparse.Action]:
    """By an option as it is typed, which may be its beginning alone."""
    if word in options:
        return [options[word]]
    return [one for name, one in options.items() if word[:2] == "--" and name.startswith(word)]
