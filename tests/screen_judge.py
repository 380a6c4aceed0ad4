"""The judge of German screens of 80 columns: what no line of one may have.

It knows German by what is none: words that only English has, points where German has commas, times
as programs write them, "1 Tage". What a maker, a file or a command is called is no sentence.
"""

import re
from collections.abc import Iterator
from typing import Final

import catalogue

from gateway.cli.codes import DROPS, SENT

WIDTH: Final = 80
ENGLISH: Final = re.compile(
    r"(?<![-\w/.'])(the|and|is|are|of|with|cannot|its|this|that|from|has|have|there|which|where|"
    r"nothing|but|by|be|been|not|to|it|for|would|should|does|did)(?![-\w/='])"
)
POINT: Final = re.compile(
    r"(?<![\w.,-])-?\d+\.\d+(?![\w.:]|,\d)(?= ?(?:°C|dBm?|M?Hz|k?B|MB|GB|s|ms|m|%)\b)"
)
ISO: Final = re.compile(r"\b\d{4}-\d\d-\d\d\b")
BRACKETS: Final = re.compile(r"\([^()]*\)|'[^']*'|\"[^\"]*\"")
CONTROL: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CODES: Final = re.compile(
    rf"(?<![\w(])({'|'.join(sorted({*DROPS, *SENT} - {'replay', 'duplicate', 'OK'}))})(?![\w)])"
)


def shown(out: str) -> list[str]:
    """The lines that stay on a terminal: what was drawn over is gone."""
    lines = CONTROL.sub("", out.replace("\r\n", "\n")).replace("\u00a0", " ").split("\n")
    return [line.rpartition("\r")[2].rstrip() for line in lines]


def faults(out: str, place: str) -> Iterator[str]:
    """What is wrong with it, a line each; `place` is where the test is, and long."""
    for line in shown(out.replace(place, "/t")):
        for what in _faults_of(line):
            yield f"{what}: {line}"


def _faults_of(line: str) -> Iterator[str]:
    bare = BRACKETS.sub("()", line)
    if len(line) > WIDTH:
        yield f"{len(line)} columns"
    if found := ENGLISH.search(bare):
        yield f"English {found[0]!r}"
    if POINT.search(bare):
        yield "a point"
    if ISO.search(bare):
        yield "a program's time"
    if found := CODES.search(line):
        yield f"the code {found[0]} without words"
    if found := PLURALS.search(bare):
        yield f"plural {found[0]!r}"


def _plurals() -> re.Pattern[str]:
    """ "1 Tage": the first words behind a number that are otherwise when it is one."""
    said, german = catalogue.said(), catalogue.german().sentences
    pairs = ((german[one, 0], german[one, 1]) for one, many in said.items() if many)
    words = {
        many.split()[1]
        for one, many in pairs
        if one.startswith("{n} ") and many.startswith("{n} ") and one.split()[1] != many.split()[1]
    }
    plain = sorted(word.strip(",.;:") for word in words if "{" not in word)
    return re.compile(rf"(?<![\d.,\w])1 ({'|'.join(map(re.escape, plain))})(?!\w)")


PLURALS: Final = _plurals()
