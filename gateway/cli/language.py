"""The two languages of the command line, and how numbers and times look in them.

- `--lang de|en` chooses, else LC_ALL, LC_MESSAGES, LANG; who speaks neither reads English.
- English stands in the source, marked by `_`, `plural` or `mark`. German stands in
  `gateway/locale/de.po`, which is read as it is, and only when German is spoken: nothing is
  compiled, so nothing is stale. A sentence stands on one line there: it is read in 3 ms.
- A sentence has its values as `{name}`: `_("disk {percent} %", percent=61)`.
- PLAIN is for programs (`--json`): English, decimal points, times in UTC as RFC 3339.
"""

import gettext
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError

LOCALE: Final = Path(__file__).resolve().parents[1] / "locale"
LANGUAGES: Final = ("en", "de")
PLAIN: Final = "plain"
HEARD: Final = "heard"
NO_BREAK: Final = "\u00a0"
MINUTE, HOUR, DAY = 60, 3600, 86400
_ENTRY: Final = re.compile(
    r'^(?:msgctxt "(\w+)"\n)?msgid "(.*)"\n'
    r'(?:msgid_plural ".*"\nmsgstr\[0\] "(.*)"\nmsgstr\[1\]|msgstr) "(.*)"$',
    re.MULTILINE,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]


class UnknownLanguage(GatewayError):
    """Of `--lang`."""


class Catalogue(gettext.NullTranslations):
    """The sentences of one .po file; what it does not have stays English. `heard` are those that
    are found again in what others have said (gateway.cli.heard).
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sentences: dict[tuple[str, int], str] = {}
        self.heard: dict[str, str] = {}
        for context, message, form, german in _sentences(text):
            if context == HEARD:
                self.heard[message] = german
            else:
                self.sentences[message, form] = german

    def gettext(self, message: str) -> str:
        return self.sentences.get((message, 0), message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        found = self.sentences.get((msgid1, int(n != 1)))
        return (msgid1 if n == 1 else msgid2) if found is None else found


class _Spoken:
    """What `speak` has chosen; one for the process, as its locale is."""

    name: str = "en"
    catalogue: gettext.NullTranslations = gettext.NullTranslations()


def taken(arguments: list[str], env: Mapping[str, str]) -> tuple[str, list[str]]:
    """The language that is asked for, and the arguments without it. Raises UnknownLanguage."""
    left = list(arguments)
    for at, argument in enumerate(arguments):
        if argument == "--lang" or argument.startswith("--lang="):
            _, equals, name = argument.partition("=")
            name = name if equals else "".join(arguments[at + 1 : at + 2])
            if name not in LANGUAGES:
                known = " or ".join(LANGUAGES)
                raise UnknownLanguage(f"--lang {name}: there is no such language here; say {known}")
            del left[at : at + (1 if equals else 2)]
            return name, left
    return of_environment(env), left


def of_environment(env: Mapping[str, str]) -> str:
    """As locale(7) has it: the first of them that is set decides."""
    said = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "de" if said.lower().startswith(("de_", "de.", "de@")) or said == "de" else "en"


def speak(name: str) -> None:
    """From now on `_` answers in this language."""
    _Spoken.name = name
    _Spoken.catalogue = gettext.NullTranslations()
    file = LOCALE / f"{name}.po"
    if name not in ("en", PLAIN):
        _Spoken.catalogue = Catalogue(file.read_text(encoding="utf-8"))


def spoken() -> str:
    return _Spoken.name


def heard_sentences() -> Mapping[str, str]:
    """Those of others, and how they are said in the language that is spoken."""
    return getattr(_Spoken.catalogue, HEARD, {})


def mark(message: str) -> str:
    """A sentence that stands in a table, and is translated where it is said."""
    return message


def _(message: str, **values: object) -> str:
    """The sentence in the language that is spoken, with its values."""
    found = _Spoken.catalogue.gettext(message)
    return found.format(**values) if values else found


def plural(one: str, many: str, n: int, **values: object) -> str:
    """The sentence for so many; `{n}` is the number as it is written here."""
    found = _Spoken.catalogue.ngettext(one, many, n)
    return found.format(n=number(n), **values)


def number(value: float, digits: int = 0) -> str:
    """4211.5 is 4 211,5 in German and 4 211.5 in English; programs get 4211.5."""
    plain = f"{value:,.{digits}f}"
    if _Spoken.name == PLAIN:
        return plain.replace(",", "")
    point = "," if _Spoken.name == "de" else "."
    return plain.replace(".", "\0").replace(",", NO_BREAK).replace("\0", point)


def size(count: float) -> str:
    """Bytes as a person says them."""
    unit = min(3, max(0, len(str(int(count))) - 1) // 3)
    told = number(count / 1000**unit, 1 if unit == 3 else 0)
    return f"{told}{NO_BREAK}{('B', 'kB', 'MB', 'GB')[unit]}"


def moment(at: float) -> str:
    """Unix seconds: 22.11.2026 14:03, 22 Nov 2026 14:03, both in local time; RFC 3339 in UTC."""
    if _Spoken.name == PLAIN:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    there = time.localtime(at)
    clock = f"{there.tm_hour:02}:{there.tm_min:02}"
    if _Spoken.name == "de":
        return f"{there.tm_mday:02}.{there.tm_mon:02}.{there.tm_year}{NO_BREAK}{clock}"
    return NO_BREAK.join((f"{there.tm_mday}", _MONTHS[there.tm_mon - 1], f"{there.tm_year}", clock))


def instant(at: float) -> str:
    """As `moment`, to the millisecond: 22.11.2026 14:03:07,250."""
    whole, thousandths = divmod(round(at * 1000), 1000)
    if _Spoken.name == PLAIN:
        return f"{moment(whole)[:-1]}.{thousandths:03}Z"
    point = "," if _Spoken.name == "de" else "."
    return f"{moment(whole)}:{time.localtime(whole).tm_sec:02}{point}{thousandths:03}"


def day(at: float) -> str:
    """22.11., 22 Nov, 2026-11-22: the day of `moment`."""
    if _Spoken.name == PLAIN:
        return time.strftime("%Y-%m-%d", time.gmtime(at))
    there = time.localtime(at)
    if _Spoken.name == "de":
        return f"{there.tm_mday:02}.{there.tm_mon:02}."
    return f"{there.tm_mday}{NO_BREAK}{_MONTHS[there.tm_mon - 1]}"


def midnight(at: float, later: int = 0) -> float:
    """At which the day of `at` began, or one so many days later."""
    if _Spoken.name == PLAIN:
        return at // DAY * DAY + later * DAY
    there = time.localtime(at)
    return time.mktime((there.tm_year, there.tm_mon, there.tm_mday + later, 0, 0, 0, 0, 0, -1))


def span(seconds: float) -> str:
    """A length of time in its two largest units: 3 h 12 min; below a second in tenths."""
    if 0.05 <= seconds < 1:
        return f"{number(seconds, 1)}{NO_BREAK}s"
    whole = int(seconds)
    if whole < 2 * MINUTE:
        parts = [(whole, "s")]
    elif whole < HOUR:
        parts = [(whole // MINUTE, "min")]
    elif whole < DAY:
        parts = [(whole // HOUR, "h"), (whole % HOUR // MINUTE, "min")]
    else:
        parts = [(whole // DAY, _("d")), (whole % DAY // HOUR, "h")]
    told = [f"{number(count)}{NO_BREAK}{unit}" for count, unit in parts if count]
    return NO_BREAK.join(told) or f"0{NO_BREAK}s"


def _sentences(text: str) -> Iterator[tuple[str, str, int, str]]:
    """msgctxt, msgid, plural form, translation."""
    for context, message, one, other in _ENTRY.findall(text):
        if message:
            yield context, _unquoted(message), 0, _unquoted(one or other)
        if one:
            yield context, _unquoted(message), 1, _unquoted(other)


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
