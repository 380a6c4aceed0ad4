"""udp:// as it stands in kogge.toml."""

import pytest

from drivers.semtech_udp.address import Address


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("udp://127.0.0.1:1700", Address("127.0.0.1", 1700), "udp://127.0.0.1:1700"),
        ("udp://localhost:1680", Address("localhost", 1680), "udp://localhost:1680"),
        ("udp://[::1]:1700", Address("::1", 1700), "udp://[::1]:1700"),
        (
            "udp://0.0.0.0:1700?eui=0016C001f0000001",
            Address("0.0.0.0", 1700, 0x0016C001F0000001),
            "udp://0.0.0.0:1700",
        ),
    ],
)
def test_address_is_read_and_shown(url: str, address: Address, shown: str) -> None:
    assert Address.from_url(url) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    "url",
    [
        "udp://",
        "udp://127.0.0.1",
        "udp://:1700",
        "udp://127.0.0.1:0",
        "udp://127.0.0.1:70000",
        "udp://127.0.0.1:port",
        "udp://[::1:1700",
        "udp://127.0.0.1:1700/tty",
        "udp://me@127.0.0.1:1700",
        "udp://127.0.0.1:1700?eui=16c001",
        "udp://127.0.0.1:1700?uei=0016c001f0000001",
        "tcp://127.0.0.1:1700",
    ],
)
def test_anything_else_says_what_is_allowed(url: str) -> None:
    with pytest.raises(ValueError, match="write udp://HOST:PORT"):
        Address.from_url(url)
