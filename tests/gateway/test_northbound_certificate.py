"""What certificates say of themselves, held against the cryptography package."""

import datetime
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from certificates import DAY, Authority, now
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.certificate import end_of, in_pem, parsed

END_OF_TIME = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
EARLY = datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "until",
    [now() + DAY, now() - DAY, EARLY, EARLY + DAY, END_OF_TIME],
    ids=("tomorrow", "yesterday", "2049", "2050", "9999"),  # the same for every worker of pytest
)
def test_dates_and_names_are_those_that_another_reader_finds(
    tmp_path: Path, until: datetime.datetime
) -> None:
    authority = Authority(tmp_path, until=END_OF_TIME)
    file = Path(authority.issue("lamp", until=until)[0])
    text = file.read_text() + "a remark between them\n" + Path(authority.file).read_text()
    judged = x509.load_pem_x509_certificates(text.encode())
    leaf, ca = found = in_pem(text)
    assert [one.until for one in found] == [one.not_valid_after_utc.timestamp() for one in judged]
    assert leaf.issuer == ca.subject == ca.issuer != leaf.subject


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_system_s_authorities_are_read() -> None:
    file = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    if not file.exists():
        pytest.skip("this system has no file of certificate authorities")
    text = file.read_text()
    judged = x509.load_pem_x509_certificates(text.encode())
    assert [one.until for one in in_pem(text)] == [
        one.not_valid_after_utc.timestamp() for one in judged
    ]


@pytest.mark.parametrize("text", ["", "a letter", "-----END CERTIFICATE-----", "é" * 10])
def test_file_without_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        in_pem(text)
    assert end_of(text.encode()) is None


def test_file_ends_with_the_first_of_its_certificates(tmp_path: Path) -> None:
    """A remark in it may be in any encoding: OpenSSL passes over it."""
    authority = Authority(tmp_path, until=END_OF_TIME)
    cert, _ = authority.issue("lamp", until=EARLY)
    chain = Path(cert).read_bytes() + b"B\xfcrgeramt\n" + Path(authority.file).read_bytes()
    assert end_of(chain) == EARLY.timestamp()


@given(st.binary(max_size=80))
def test_strangers_bytes_are_refused_in_words(der: bytes) -> None:
    with suppress(ValueError):
        parsed(der)


@pytest.mark.parametrize("said", [b"4912312359+01", b"491231235959 ", b"491331235959Z"])
def test_end_that_is_no_time_in_utc_is_refused(tmp_path: Path, said: bytes) -> None:
    file = Path(Authority(tmp_path, until=EARLY).file)
    der = ssl.PEM_cert_to_DER_cert(file.read_text())
    with pytest.raises(ValueError, match=r"."):
        parsed(der.replace(b"491231235959Z", said))


def test_every_cut_and_every_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    der = ssl.PEM_cert_to_DER_cert(Path(Authority(tmp_path).file).read_text())
    for at in range(len(der)):
        with pytest.raises(ValueError, match=r"."):
            parsed(der[:at])
        for flip in (0x01, 0x80, 0xFF):
            with suppress(ValueError):
                parsed(der[:at] + bytes([der[at] ^ flip]) + der[at + 1 :])
