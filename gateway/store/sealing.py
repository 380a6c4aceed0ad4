"""Keys at rest: no session key is on disk but sealed (AES-256-GCM).

Rules:

- The keys that seal stand in the systemd credential `kogge-key`, else beside the database in
  `kogge.key`, which is made (0600, fsynced) before the first session is written. The first line
  seals, every line opens; where both are there the credential's lines come first.
- What is sealed is bound to its place: DevEUI, session and column are the associated data.
- A nonce is 96 random bits. A key is sealed once, with its session's first write, and not again
  with each counter: 2^32 seals under one key are never reached (SP 800-38D §8.3).
- What no line opens stays on disk as it is, and is not used: the right key may come back.
- What an older line opens is sealed again when the database is opened.
"""

import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.whole_file import replacing
from native import crypto

CREDENTIAL: Final = "kogge-key"
FILE: Final = "kogge.key"
SIZE: Final = 32
NONCE: Final = 12
_LINE = re.compile(rb"[0-9a-fA-F]{64}")


def read_keys(directory: Path) -> list[bytes]:
    """All keys that may open what `directory`'s database holds, first the one that seals.

    [] if there are none yet. Raises ConfigError, which never shows a key, and OSError.
    """
    files = [directory / FILE]
    if given := os.environ.get("CREDENTIALS_DIRECTORY"):
        files.insert(0, Path(given) / CREDENTIAL)
    return [key for file in files if file.exists() for key in _parse(file.read_bytes(), file)]


def _parse(content: bytes, file: Path) -> list[bytes]:
    """32 bytes, or lines of 64 hex digits."""
    if len(content) == SIZE:
        return [content]
    lines = content.split()
    if not lines or not all(map(_LINE.fullmatch, lines)):
        raise ConfigError(
            file,
            "",
            None,
            "holds no keys as they have to be: lines of 64 hex digits, or 32 bytes. Put the right"
            " file back from your copy. If there is none move this one away: a new key is made,"
            " and devices that joined over the air have to join again",
        )
    return [bytes.fromhex(line.decode()) for line in lines]


def make_key(file: Path) -> bytes:
    """A new key, on disk for good when this returns; root makes it for the directory's owner."""
    key = os.urandom(SIZE)
    with replacing(file) as sink:
        if os.geteuid() == 0:
            owner = file.parent.stat()
            os.fchown(sink.fileno(), owner.st_uid, owner.st_gid)
        sink.write(f"{key.hex()}\n".encode())
    return key


class Keyring:
    """The first key seals, all open. Whoever is about to seal calls `demand` before."""

    def __init__(
        self,
        keys: list[bytes],
        file: Path | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`file` is where a key is made if there is none."""
        self._keys, self._file, self._random_bytes = keys, file, random_bytes

    @classmethod
    def of(cls, database: Path) -> "Keyring":
        """Raises ConfigError, OSError."""
        return cls(read_keys(database.parent), database.with_name(FILE))

    @property
    def has_older(self) -> bool:
        return len(self._keys) > 1

    def demand(self) -> None:
        """There is a key to seal with: if there was none it is made. Raises OSError."""
        if not self._keys:
            assert self._file is not None
            self._keys = [make_key(self._file)]

    def seal(self, plain: bytes, whose: str) -> bytes:
        """nonce ‖ ciphertext ‖ tag."""
        nonce = self._random_bytes(NONCE)
        return nonce + crypto.seal(self._keys[0], nonce, plain, whose.encode())

    def open(self, sealed: bytes, whose: str) -> bytes | None:
        """None: no key of ours opens it, or it is another's, or it is damaged."""
        return self._open(self._keys, sealed, whose)

    def reseal(self, sealed: bytes, whose: str) -> bytes:
        """Under the first key, if only an older one opens it; else as it is."""
        if self._open(self._keys[:1], sealed, whose) is not None:
            return sealed
        plain = self.open(sealed, whose)
        return sealed if plain is None else self.seal(plain, whose)

    def _open(self, keys: list[bytes], sealed: bytes, whose: str) -> bytes | None:
        nonce, rest, associated = sealed[:NONCE], sealed[NONCE:], whose.encode()
        if len(nonce) < NONCE:
            return None
        for key in keys:
            plain = crypto.open_sealed(key, nonce, rest, associated)
            if plain is not None:
                return plain
        return None

    def serve(self, connection: sqlite3.Connection) -> None:
        """SQL may say sealed(plain, whose), opened(sealed, whose) and resealed(sealed, whose)."""
        for name, function in (
            ("sealed", self.seal),
            ("opened", self.open),
            ("resealed", self.reseal),
        ):
            connection.create_function(name, 2, function)
