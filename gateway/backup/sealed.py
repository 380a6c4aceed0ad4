"""A sealed file: a head, then the content in chunks of AES-256-GCM under a key from a passphrase.

    head   "KOGGE BACKUP", version, log2 N, r, p, salt (16), check (16), CRC-32 of all before
    chunk  1 MiB of the content and its tag (16); the last is shorter, or empty
    end    "KOGGE END"

- The key and the check are scrypt's (RFC 7914) of the passphrase and the salt: the check tells a
  wrong passphrase from a damaged file.
- A chunk's nonce is its number and whether it is the last; the head is associated data of each. So
  no chunk can be changed, left out, moved, or taken from another file, and none can be cut off: the
  whole is authentic once the last chunk was read. The salt is new in each file, and so is the key.
- The end is not sealed. It only tells a file that was cut off from one that was changed.
"""

import hashlib
import os
import struct
import unicodedata
import zlib
from typing import BinaryIO, Final

from gateway.errors import BackupError
from native import crypto

MAGIC: Final = b"KOGGE BACKUP"
END: Final = b"KOGGE END"
VERSION: Final = 1
CHUNK: Final = 1 << 20
LOG2_N, R, P = 16, 8, 2  # 64 MiB for half a second to two; a Raspberry Pi has that
MOST_MEMORY: Final = 256 << 20
SALT: Final = 16
TAG: Final = 16
_KEY: Final = 32
_CHECK: Final = 16
_CUT_OFF: Final = "the file is cut off: its end is missing. Copy it anew, or take another backup"
_HEAD: Final = struct.Struct(">12sBBBB16s16s")
_CRC: Final = struct.Struct(">I")


class Sealer:
    """Writes one file; `close` ends it. `salt` is random, 16 bytes."""

    def __init__(self, file: BinaryIO, passphrase: str, salt: bytes, log2_n: int = LOG2_N) -> None:
        self._key, check = _derive(passphrase, salt, log2_n, R, P)
        head = _HEAD.pack(MAGIC, VERSION, log2_n, R, P, salt, check)
        self._head = head + _CRC.pack(zlib.crc32(head))
        self._file, self._number, self._waiting = file, 0, bytearray()
        file.write(self._head)

    def write(self, content: bytes) -> int:
        self._waiting += content
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(content)

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)
        self._file.write(END)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        nonce = _nonce(self._number, last=last)
        self._file.write(crypto.seal(self._key, nonce, plain, self._head))
        self._number += 1


class Opener:
    """Reads one file. BackupError names what is wrong with it, at once or with the chunk."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        head = file.read(_HEAD.size + _CRC.size)
        log2_n, r, p, salt, check = _parse(head)
        self._key, ours = _derive(passphrase, salt, log2_n, r, p)
        if ours != check:
            raise BackupError("the passphrase is wrong: type the one that the backup was made with")
        self._file, self._head, self._number = file, head, 0
        self._next, self._plain, self._is_last = file.read(CHUNK + TAG), bytearray(), False

    def read(self, size: int) -> bytes:
        """Fewer bytes than asked for only at the end."""
        while len(self._plain) < size and not self._is_last:
            self._open_next()
        found = bytes(self._plain[:size])
        del self._plain[:size]
        return found

    def _open_next(self) -> None:
        sealed, self._next = self._next, self._file.read(CHUNK + TAG)
        if len(self._next) <= len(END):
            sealed += self._next
            if not sealed.endswith(END):
                raise BackupError(_CUT_OFF)
            sealed, self._is_last = sealed.removesuffix(END), True
        nonce = _nonce(self._number, last=self._is_last)
        plain = crypto.open_sealed(self._key, nonce, sealed, self._head)
        if plain is None:
            raise BackupError(
                f"the file is damaged or was changed, in its part {self._number + 1}: nothing of it"
                " is used. Copy it anew, or take another backup"
            )
        self._plain += plain
        self._number += 1


def check(file: BinaryIO) -> None:
    """As far as that goes without a passphrase. Raises BackupError."""
    _parse(file.read(_HEAD.size + _CRC.size))
    file.seek(-len(END), os.SEEK_END)
    if file.read() != END:
        raise BackupError(_CUT_OFF)


def looks_like_one(file: BinaryIO) -> bool:
    return file.read(len(MAGIC)) == MAGIC


def _parse(head: bytes) -> tuple[int, int, int, bytes, bytes]:
    """log2 N, r, p, salt, check."""
    if not head:
        raise BackupError("the file is empty: take another backup")
    if head[: len(MAGIC)] != MAGIC:
        raise BackupError("this is no backup of Kogge's: it begins with other bytes")
    if len(head) < _HEAD.size + _CRC.size:
        raise BackupError(_CUT_OFF)
    _, version, log2_n, r, p, salt, check = _HEAD.unpack_from(head)
    if version > VERSION:
        raise BackupError(
            f"a newer Kogge has made this backup (format {version}; this one knows {VERSION}):"
            " install that one, or a newer"
        )
    (crc,) = _CRC.unpack_from(head, _HEAD.size)
    if crc != zlib.crc32(head[: _HEAD.size]) or not _is_bearable(log2_n, r, p):
        raise BackupError("the file is damaged, in its first bytes: nothing of it is used")
    return log2_n, r, p, salt, check


def _is_bearable(log2_n: int, r: int, p: int) -> bool:
    """Nobody knows yet who wrote this: it must not take the machine's memory."""
    return 1 <= log2_n <= 24 and 1 <= p <= 16 and 0 < (128 * r << log2_n) <= MOST_MEMORY


def _derive(passphrase: str, salt: bytes, log2_n: int, r: int, p: int) -> tuple[bytes, bytes]:
    """The key and the check. An umlaut is one however the keyboard makes it."""
    known = unicodedata.normalize("NFC", passphrase).encode()
    memory = 2 * MOST_MEMORY
    derived = hashlib.scrypt(
        known, salt=salt, n=1 << log2_n, r=r, p=p, maxmem=memory, dklen=_KEY + _CHECK
    )
    return derived[:_KEY], derived[_KEY:]


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))
