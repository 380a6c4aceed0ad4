"""The secrets that this user can read here, so that a report can be searched for them.

What cannot be read cannot be looked for: then its shape alone betrays it (scrubbing.py).
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from gateway import files
from gateway.errors import ConfigError
from gateway.store import sealing

NAMED: Final = re.compile(r"passw|secret|token|_key$|credential|passphrase", re.IGNORECASE)
_LINE: Final = re.compile(r"""^[ \t]*(\w+)[ \t]*=[ \t]*["']([^"'\n]*)""", re.MULTILINE)
CREDENTIALS: Final = Path("/run/credentials/kogge.service")
IN_MQTT: Final = ("username",)  # of some brokers it is the token
FILES_IN_MQTT: Final = ("password_file", "key_file")


def known(
    file: Path, env: Mapping[str, str] = os.environ, credentials: Path = CREDENTIALS
) -> Iterator[bytes]:
    """Of the configuration in `file`, of all files that it names, of systemd's credentials, and of
    the environment.
    """
    tables = _tables(file)
    for secret in (*_named(tables), *(text for name, text in env.items() if NAMED.search(name))):
        yield from _written(secret)
    base, gateway = file.absolute().parent, _table(tables, "gateway")
    for secret in _named(_tables(base / _text(gateway, "devices", files.DEFAULT_DEVICES))):
        yield from _written(secret)
    yield from _of_mqtt(_table(tables, "mqtt"), base)
    for credential in sorted(credentials.glob("*")):
        yield from _lines_of(credential)
    with suppress(ConfigError, OSError):
        yield from sealing.read_keys(base / _text(gateway, "state_dir", files.DEFAULT_STATE_DIR))


def _of_mqtt(mqtt: dict[str, Any], base: Path) -> Iterator[bytes]:
    for name in IN_MQTT:
        yield _text(mqtt, name, "").encode()
    for url in (mqtt.get("url"), *(mqtt.get("fallback_urls") or ())):
        with suppress(ValueError):
            parts = urlsplit(str(url))
            yield from (unquote(part).encode() for part in (parts.username, parts.password) if part)
    for name in FILES_IN_MQTT:
        if path := _text(mqtt, name, ""):
            yield from _lines_of(base / path)


def _lines_of(file: Path) -> Iterator[bytes]:
    """And all of it, which may be a key's bytes; nothing where this user may not read."""
    with suppress(OSError):
        content = file.read_bytes()
        yield from (content, *content.splitlines())


def _named(value: Any, name: str = "") -> Iterator[str]:
    """Texts anywhere in the tables whose key is called as secrets are."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _named(one, str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _named(one, name)
    elif NAMED.search(name) and not name.endswith("_file"):
        yield str(value)


def _written(secret: str) -> Iterator[bytes]:
    """As it is, and the bytes that it says in hex."""
    yield secret.encode()
    with suppress(ValueError):
        yield bytes.fromhex(secret)


def _tables(file: Path) -> dict[str, Any]:
    try:
        return files.read_toml(file)
    except ConfigError:
        return _lines(file)
    except PermissionError:
        return {}


def _lines(file: Path) -> dict[str, Any]:
    """What still looks like keys and values in a file that is no TOML."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = _LINE.findall(text)
    return {"gateway": dict(found), "mqtt": dict(found), "lines": [dict([one]) for one in found]}


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.get(name)
    return found if isinstance(found, dict) else {}


def _text(table: dict[str, Any], name: str, default: str) -> str:
    found = table.get(name, default)
    return found if isinstance(found, str) else default
