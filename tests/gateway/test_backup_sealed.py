"""A sealed file: opened by its passphrase alone, and by nothing that was changed in it."""

import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backup import sealed
from gateway.errors import BackupError

PASSPHRASE = "brave new köcher"
SALT = bytes(range(16))
SMALL = 4  # log2 N: these tests are not about guessing


def seal(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = BytesIO()
    sealer = sealed.Sealer(file, passphrase, SALT, SMALL)
    sealer.write(content)
    sealer.close()
    return file.getvalue()


def unseal(file: bytes, passphrase: str = PASSPHRASE) -> bytes:
    opener = sealed.Opener(BytesIO(file), passphrase)
    pieces = []
    while piece := opener.read(100_000):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize(
    "size", [0, 1, sealed.CHUNK - 4, sealed.CHUNK, sealed.CHUNK + 1, 2_500_000]
)
def test_what_was_sealed_is_opened(size: int) -> None:
    content = bytes(size)
    assert unseal(seal(content)) == content


def test_content_is_not_in_the_file() -> None:
    assert b"NwkKey" not in seal(b"NwkKey" * 100)


def test_wrong_passphrase_is_called_so() -> None:
    with pytest.raises(BackupError, match="passphrase is wrong"):
        unseal(seal(b"x"), "another one")


def test_umlaut_is_the_same_from_every_keyboard() -> None:
    assert unseal(seal(b"x", "ko\u0308cher 123"), "k\u00f6cher 123") == b"x"


CONTENT = bytes(range(256)) * 20
FILE = seal(CONTENT)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(FILE) * 8 - 1))
def test_no_flipped_bit_goes_unnoticed(bit: int) -> None:
    changed = bytearray(FILE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BackupError, match=r"damaged|no backup of Kogge's|newer Kogge|cut off"):
        unseal(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(FILE) - 1))
def test_a_file_that_is_cut_off_is_called_so(size: int) -> None:
    said = "cut off" if size >= 12 else "no backup" if size else "is empty"
    for refuses in (unseal, lambda file: sealed.check(BytesIO(file))):
        with pytest.raises(BackupError, match=said):
            refuses(FILE[:size])


def test_what_can_be_seen_without_the_passphrase_is_checked() -> None:
    sealed.check(BytesIO(FILE))
    for wrong, said in ((b"PK" + FILE, "no backup"), (FILE + b"x", "cut off"),
                        (FILE[:13] + b"\x00" + FILE[14:], "damaged")):  # fmt: skip
        with pytest.raises(BackupError, match=said):
            sealed.check(BytesIO(wrong))


def test_a_file_cut_between_two_chunks_or_with_one_left_out_is_refused() -> None:
    big = seal(bytes(3 * sealed.CHUNK + 5))
    chunk, head = sealed.CHUNK + sealed.TAG, len(FILE) - len(CONTENT) - sealed.TAG - len(sealed.END)
    with pytest.raises(BackupError, match="cut off"):
        unseal(big[: head + chunk])
    with pytest.raises(BackupError, match="damaged"):
        unseal(big[: head + chunk] + sealed.END)
    with pytest.raises(BackupError, match="damaged"):
        unseal(big[: head + chunk] + big[head + 2 * chunk :])


def test_a_head_that_asks_for_all_memory_is_refused_before_it_is_given() -> None:
    file = BytesIO()
    head = sealed._HEAD.pack(sealed.MAGIC, 1, 24, 255, 1, SALT, bytes(16))
    file.write(head + sealed._CRC.pack(zlib.crc32(head)) + bytes(100))
    with pytest.raises(BackupError, match="damaged"):
        unseal(file.getvalue())


def test_a_file_of_a_newer_format_is_refused_by_name() -> None:
    newer = bytearray(FILE)
    newer[12] = sealed.VERSION + 1
    with pytest.raises(BackupError, match="newer Kogge"):
        unseal(bytes(newer))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_strangers_bytes_are_refused(file: bytes) -> None:
    with pytest.raises(BackupError):
        unseal(sealed.MAGIC + file)
    with pytest.raises(BackupError):
        unseal(file)
