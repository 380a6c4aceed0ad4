"""Nothing secret leaves: all text of a report passes here, however little of it can be secret.

- Secrets that are known (keys of devices.toml, the broker's password, the sealing key) go in every
  writing: as they are, in any case, in hex, in base64, quoted as in a URL.
- What looks like a secret goes too, known or not: 16 bytes and more in hex, padded base64, what
  follows a word like "password", credentials in a URL, private keys. EUIs, of 8 bytes, stay.

So a name or an id may go that was none: better that than the other way round. Pure.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

REMOVED: Final = "[removed]"
SHORTEST: Final = 6  # characters of a known secret that is looked for; a shorter one is a word

_WORDS: Final = (
    r"\w*(?:passw(?:or)?d|passwort|passphrase|secret|token|credential|api_?key|app_?key|nwk_?key"
    r"|app_?s_?key|nwk_?s_?key|s_?int_?key|s_?enc_?key|private_?key)"
)
_PRIVATE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL
)
_IN_URL: Final = re.compile(r"(\w[\w+.-]*://)[^\s\"'<>]*@")
_NAMED: Final = re.compile(
    rf"\b({_WORDS})([\"']?\s*[=:]\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&]+)", re.IGNORECASE
)
_AUTHORIZATION: Final = re.compile(r"\b(basic|bearer)\s+[\w+/=.~-]{6,}", re.IGNORECASE)
_HEX: Final = re.compile(
    r"[0-9a-f]{32,}"
    r"|(?<![0-9a-z])(?:[0-9a-f]{2}[ :-]?){15,}[0-9a-f]{2}(?![0-9a-z])"
    r"|(?:\\?0?x[0-9a-f]{2}[, ]*){16,}",
    re.IGNORECASE,
)
_BASE64: Final = re.compile(r"(?<![\w+/-])[\w+/-]{16,}={1,2}(?![\w=])")
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?")
_TOKEN: Final = re.compile(r"[\w+/-]{8,}")


class Scrubber:
    """Knows some secrets, as bytes."""

    def __init__(self, known: Iterable[bytes]) -> None:
        secrets = {one for one in known if len(one) >= SHORTEST}
        literal = sorted({form for one in secrets for form in _spelled(one)}, key=len, reverse=True)
        self._literal = (
            re.compile("|".join(map(re.escape, literal)), re.IGNORECASE) if literal else None
        )
        self._coded = {form for one in secrets for form in _coded(one)}

    def text(self, text: str) -> str:
        """The same without secrets."""
        if self._literal is not None:
            text = self._literal.sub(REMOVED, text)
        text = _TOKEN.sub(self._unless_coded, text)
        text = _PRIVATE.sub(REMOVED, text)
        text = _IN_URL.sub(rf"\1{REMOVED}@", text)
        text = _NAMED.sub(rf"\1\2{REMOVED}", text)
        for shape in (_AUTHORIZATION, _JWT, _HEX, _BASE64):
            text = shape.sub(REMOVED, text)
        return text

    def value(self, value: Any) -> Any:
        """JSON, each text in it by itself: what encloses it is none of it."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(key)): self.value(one) for key, one in value.items()}
            case list() | tuple():
                return [self.value(one) for one in value]
        return value

    def _unless_coded(self, found: re.Match[str]) -> str:
        token = found[0]
        return REMOVED if token in self._coded or token.lower() in self._coded else token


def _spelled(secret: bytes) -> Iterator[str]:
    """A text that may stand inside of another. Few secrets are: of keys in hex the shape is enough,
    and thousands of texts would take hours to look for.
    """
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    if not text.isprintable() or _HEX.fullmatch(text):
        return
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    yield from (text, text.upper(), text.lower(), escaped, quote(text, safe=""), quote_plus(text))
    yield secret.hex()
    yield from _in_base64(secret)


def _coded(secret: bytes) -> Iterator[str]:
    """Words of their own, too many to be looked for one by one."""
    yield secret.hex()
    yield secret[::-1].hex()
    yield from _in_base64(secret)


def _in_base64(secret: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")
