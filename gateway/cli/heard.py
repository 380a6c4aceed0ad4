"""What others have said in English, in the language that is spoken: errors, reasons, argparse.

- Whoever raises an error, and the daemon, which its journal and JSON quote, speak English. The
  sentence is found again by its fixed words: a field of the msgid stands for whatever was there.
  That with the most fixed words is tried first.
- `{why}`, `{why_2}` and `{what}` are sentences themselves; other fields are taken as they are, a
  plain number as it is written here, and hold no "; ", which parts sentences.
- What nobody knows stays English.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Final

from gateway.cli import language

SENTENCES: Final = ("why", "what")
_FIELD: Final = re.compile(r"\{(\w+)\}")
_DECIMAL: Final = re.compile(r"(-?\d+\.\d+)(%?)")

Template = tuple[str, tuple[str, ...], tuple[str, ...]]
"""The msgid; its fixed words, of which there is one more than of the fields; the fields."""


def heard(text: str) -> str:
    known = language.heard_sentences()
    if not known or text in known:
        return known.get(text, text)
    for template in _templates(tuple(known)):
        if (values := taken_apart(template, text)) is not None:
            return known[template[0]].format(**_said(values))
    return text


def taken_apart(template: Template, text: str) -> dict[str, str] | None:
    """What its fields hold; None: it is another sentence."""
    _, words, names = template
    if not (text.startswith(words[0]) and text.endswith(words[-1])):
        return None
    ends = list(_ends(words, text))
    if len(ends) < len(words) or ends[-1][0] < ends[-2][1]:
        return None
    held = [text[before[1] : after[0]] for before, after in pairwise(ends)]
    values = dict(zip(names, held, strict=True))
    if any("; " in value for name, value in values.items() if not _is_sentence(name)):
        return None
    return values


def _ends(words: tuple[str, ...], text: str) -> Iterator[tuple[int, int]]:
    """Where each of the fixed words begins and ends; ends early where one is missing."""
    at = 0
    for word in words[:-1]:
        begin = text.find(word, at)
        if begin < 0:
            return
        at = begin + len(word)
        yield begin, at
    yield len(text) - len(words[-1]), len(text)


def parsed(message: str) -> Template:
    parts = _FIELD.split(message)
    return message, tuple(parts[::2]), tuple(parts[1::2])


@lru_cache(maxsize=1)
def _templates(messages: tuple[str, ...]) -> list[Template]:
    found = [one for one in map(parsed, messages) if one[2]]
    return sorted(found, key=lambda one: -sum(map(len, one[1])))


def _said(values: Mapping[str, str]) -> dict[str, str]:
    return {
        name: heard(held) if _is_sentence(name) else _local(held) for name, held in values.items()
    }


def _is_sentence(name: str) -> bool:
    return name.removesuffix("_2") in SENTENCES


def _local(held: str) -> str:
    found = _DECIMAL.fullmatch(held)
    if not found:
        return held
    value, percent = found.groups()
    told = language.number(float(value), len(value.partition(".")[2]))
    return f"{told}{language.NO_BREAK}%" if percent else told
