"""What certificates say of themselves: whose they are, who vouches for them, and until when.

Just enough DER (X.690) of X.509 (RFC 5280 §4.1) for that. Nothing is verified here: OpenSSL does
that, and says neither this of a file.
"""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
VERSION: Final = 0xA0  # [0]; absent in version 1
SOON_DAYS: Final = 30  # before its end somebody should care for a new one
_END: Final = "-----END CERTIFICATE-----"


class Certificate(NamedTuple):
    """`subject` and `issuer` are names in DER, to be compared; `until` in Unix seconds."""

    subject: bytes
    issuer: bytes
    until: float


def in_pem(text: str) -> list[Certificate]:
    """Those of a file, in its order. Raises ValueError: it has none, or one that cannot be read."""
    found = [parsed(ssl.PEM_cert_to_DER_cert(one)) for one in _blocks(text)]
    if not found:
        raise ValueError("no certificate is in it")
    return found


def end_of(pem: bytes) -> float | None:
    """Unix time from which not all of a file's are valid any more; None where it has none, or one
    that cannot be read here.
    """
    try:
        return min(one.until for one in in_pem(pem.decode("ascii", "replace")))
    except ValueError:
        return None


def _blocks(text: str) -> Iterator[str]:
    for block in text.split(_END)[:-1]:
        _, begin, body = block.partition("-----BEGIN CERTIFICATE-----")
        yield f"{begin}{body}{_END}"


def parsed(der: bytes) -> Certificate:
    """Raises ValueError."""
    ((_, certificate),) = _items(der)
    (_, signed), *_rest = _items(certificate)
    parts = [one for one in _items(signed) if one[0] != VERSION]
    if len(parts) < 5:
        raise ValueError("it is no certificate: parts of it are missing")
    _serial, _algorithm, (_, issuer), (_, validity), (_, subject), *_rest = parts
    _since, until = _items(validity)
    return Certificate(subject, issuer, _seconds(*until))


def _items(der: bytes) -> list[tuple[int, bytes]]:
    """Tags of one byte, and contents."""
    found = []
    while der:
        if len(der) < 2:
            raise ValueError("it is no certificate: it is cut off")
        tag, size, at = der[0], der[1], 2
        if size & 0x80:
            at += size & 0x7F
            size = int.from_bytes(der[2:at], "big")
        if len(der) < at + size:
            raise ValueError("it is no certificate: it is cut off")
        found.append((tag, der[at : at + size]))
        der = der[at + size :]
    return found


def _seconds(tag: int, text: bytes) -> float:
    """Unix time. Years of two digits are of 1950 to 2049 (RFC 5280 §4.1.2.5.1)."""
    said = text.decode("ascii", "replace")
    if tag == UTC_TIME:
        said = ("20" if said < "50" else "19") + said
    elif tag != GENERALIZED_TIME:
        raise ValueError("it is no certificate: it has no time where its end should be")
    moment = datetime.fromisoformat(f"{said[:8]}T{said[8:]}")  # strptime costs 0.3 MiB
    if moment.tzinfo is not UTC:
        raise ValueError("it is no certificate: its end is not in UTC")
    return moment.timestamp()
