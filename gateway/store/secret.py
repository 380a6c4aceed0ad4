"""A secret of this gateway's own: random bytes that are made once, and sealed in a note.

It goes into a backup with the database, and is sealed again when the key that seals is another.
One that no key opens is lost: a new one takes its place, and `Store.salvages` says so.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from gateway.store.database import Store

SIZE: Final = 32


async def secret(
    store: Store, name: str, random_bytes: Callable[[int], bytes] = os.urandom
) -> bytes:
    """On disk when this returns, or when the disk is back. Raises StoreError."""
    await store.demand_key()
    note = await store.recall(name)
    plain, sealed = await store.inspect(partial(_opened, name, note))
    if plain is None:
        if note is not None:
            store.salvages.append(
                f"no key opens the {name} of {store.path} any more: a new one is made, and whatever"
                " was named by the old one has another name from now on. A backup of before brings"
                " the old one back"
            )
        plain = random_bytes(SIZE)
        sealed = await store.inspect(partial(_sealed, name, plain))
    if sealed != note:
        await store.remember(name, sealed)
    return plain


def _opened(
    name: str, note: str | None, connection: sqlite3.Connection
) -> tuple[bytes | None, str]:
    """The secret, and its note under the key that seals now."""
    found = b""
    with suppress(ValueError):  # a card flips bits
        found = bytes.fromhex(note or "")
    asked = (found, name) * 2
    plain, sealed = connection.execute("SELECT opened(?, ?), resealed(?, ?)", asked).fetchone()
    return plain, sealed.hex()


def _sealed(name: str, plain: bytes, connection: sqlite3.Connection) -> str:
    (sealed,) = connection.execute("SELECT sealed(?, ?)", (plain, name)).fetchone()
    return str(sealed.hex())
