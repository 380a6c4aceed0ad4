"""JSON as people write it by hand: comments, 0x1F, 'texts', keys without quotes, a comma too many.

Strings in double quotes are those of JSON; each other piece is made JSON, and JSON's own reader
judges the whole. What is not closed is taken to the end: no text is looked at twice.
"""

import json
import re
from typing import Any, Final

_PIECE: Final = re.compile(
    r"""
    (?P<text> "(?:[^"\\\n]|\\.)*+"? )
  | (?P<single> '(?:[^'\\\n]|\\.)*+' )
  | (?P<open> ' .* )
  | (?P<comment> //[^\n]* | /\*(?:.*?\*/|.*) )
  | (?P<key> [A-Za-z_$][\w$]{0,99}+ (?= \s*: ) )
  | (?P<word> [A-Za-z_$][\w$]*+ )
  | (?P<hex> -?0[xX][0-9a-fA-F]{1,16} \b )
  | (?P<comma> , (?= (?: \s | //[^\n]*(?:\n|$) | /\*.*?\*/ )* [\]}] ) )
    """,
    re.VERBOSE | re.DOTALL,
)


_ESCAPED: Final = re.compile(r'\\.|"')


def load(text: str) -> Any:
    """Raises ValueError."""
    try:
        return json.loads(_PIECE.sub(_as_json, text), parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _as_json(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "single":
            return f'"{_ESCAPED.sub(_in_double_quotes, piece[0][1:-1])}"'
        case "text" | "word" | "open":
            return piece[0]
        case "key":
            return f'"{piece[0]}"'
        case "hex":
            return str(int(piece[0], 16))
        case _:
            return " "


def _in_double_quotes(piece: re.Match[str]) -> str:
    return {"\\'": "'", '"': '\\"'}.get(piece[0], piece[0])


def _no_number(said: str) -> float:
    raise ValueError(f"{said} is no number of JSON")
