"""A screen of 80 columns made of rows, for a terminal, a pipe or a screen reader.

Each row says its level as a word: a colour repeats it, and never tells anything alone. Not on a
terminal, or with `--plain`, a row is one line of plain text, however long.
"""

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TextIO, TypeAlias

from gateway.cli.language import PLAIN, _, mark, spoken

Level: TypeAlias = Literal["ok", "note", "bad", "unknown"]

WIDTH: Final = 80
LEVEL_WORDS: Final[Mapping[Level, str]] = {
    "ok": mark("ok"), "note": mark("NOTE"), "bad": mark("FAULT"), "unknown": "?",
}  # fmt: skip
COLOURS: Final[Mapping[Level, str]] = {"ok": "32", "note": "33", "bad": "1;31", "unknown": "36"}
_MARK, _NAME = 7, 16  # columns of the level's word and of the name
_BEGINS: Final = re.compile(r" *(?:kogge: |\d+\. |-> |- )?")  # a line: what stands before its text
_CELL: Final = re.compile(r"  +(?=\S)")
_CELLS: Final = 40  # columns in which the last cell of a row may begin


class Row(NamedTuple):
    """One thing, how it is, and what is to be said of it; `more` are further lines, which begin
    under the name if they are `wide`.
    """

    level: Level
    name: str
    text: str
    more: tuple[str, ...] = ()
    wide: bool = False


class Style(NamedTuple):
    """How a screen is drawn; `width` None: a line is as long as it is."""

    width: int | None = None
    colour: bool = False


def style_for(stream: TextIO, env: Mapping[str, str] = os.environ, plain: bool = False) -> Style:
    """NO_COLOR (no-color.org) and a dumb terminal have no colours."""
    if plain or not stream.isatty():
        return Style()
    return Style(WIDTH, not env.get("NO_COLOR") and env.get("TERM") != "dumb")


def heading(text: str, level: Level, style: Style) -> Iterator[str]:
    """What is read first."""
    lines = [text] if style.width is None else _wrapped(text, style.width)
    yield from (_coloured(line, level, style) for line in lines)


def rows(found: Iterable[Row], style: Style) -> Iterator[str]:
    for row in found:
        yield from _plain(row) if style.width is None else _drawn(row, style, style.width)


def worst(levels: Iterable[Level]) -> Level:
    """What is not known is no fault."""
    said = set(levels)
    return "bad" if "bad" in said else "note" if "note" in said else "ok"


def tell(text: str, stream: TextIO | None = None, *, flush: bool = False) -> None:
    """On stdout, or another stream: folded on a terminal; for a pipe or a program as it is."""
    stream = stream or sys.stdout
    if stream.isatty() and spoken() != PLAIN:
        text = "\n".join(folded(text))
    print(text, file=stream, flush=flush)


def folded(text: str, width: int = WIDTH) -> list[str]:
    """Lines no wider than this, unless one word is; what goes on stands below what it belongs to:
    the last cell of a row, or what follows a number or "kogge: ".
    """
    return [part for line in text.split("\n") for part in _folded(line, width)]


def _folded(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    begins = _BEGINS.match(line)
    begin = begins[0] if begins else ""
    cells = [cell.end() for cell in _CELL.finditer(line, 1) if cell.end() <= _CELLS]
    indent = " " * max([len(begin) + (2 if begin.isspace() else 0), *cells])
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _plain(row: Row) -> Iterator[str]:
    yield f"{row.name}: {_(LEVEL_WORDS[row.level])}: {row.text}"
    yield from (f"  {line}" for line in row.more)


def _drawn(row: Row, style: Style, width: int) -> Iterator[str]:
    word = _coloured(f"{_(LEVEL_WORDS[row.level]):{_MARK}}", row.level, style)
    indent = " " * (_MARK + _NAME)
    first, *others = _wrapped(row.text, width - len(indent)) or [""]
    yield f"{word}{row.name:{_NAME}}{first}".rstrip()
    yield from (indent + line for line in others)
    indent = " " * _MARK if row.wide else indent
    for more in row.more:
        yield from (indent + line for line in _wrapped(more, width - len(indent)))


def _wrapped(text: str, width: int) -> list[str]:
    """Commands and addresses are not broken at their hyphens."""
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _coloured(text: str, level: Level, style: Style) -> str:
    return f"\x1b[{COLOURS[level]}m{text}\x1b[0m" if style.colour else text
