"""LoRaWAN frames as a device's MAC needs them: bytes in, bytes out (L2 1.0.4 §4 and §6.2).

Byte order is little-endian on the air; EUIs, addresses and counters are integers here.
"""

from enum import IntEnum

from native.crypto import aes_encrypt, cmac


class MType(IntEnum):
    """MHDR's upper three bits (L2 1.0.4 §4.2.1)."""

    JOIN_REQUEST = 0
    JOIN_ACCEPT = 1
    UNCONFIRMED_UP = 2
    UNCONFIRMED_DOWN = 3
    CONFIRMED_UP = 4
    CONFIRMED_DOWN = 5


def join_request(app_key: bytes, join_eui: int, dev_eui: int, dev_nonce: int) -> bytes:
    """L2 1.0.4 §6.2.5: MHDR, JoinEUI 8, DevEUI 8, DevNonce 2, MIC 4."""
    message = (
        bytes([MType.JOIN_REQUEST << 5])
        + join_eui.to_bytes(8, "little")
        + dev_eui.to_bytes(8, "little")
        + dev_nonce.to_bytes(2, "little")
    )
    return message + cmac(app_key, message)[:4]


def join_accept(app_key: bytes, phy_payload: bytes) -> bytes | None:
    """The plain body of a Join-Accept, or None where its MIC is wrong.

    It was encrypted with AES *decrypt*, so that a device needs encrypt only (L2 1.0.4 §6.2.6).
    """
    plain = aes_encrypt(app_key, phy_payload[1:])
    body, mic = plain[:-4], plain[-4:]
    return body if cmac(app_key, phy_payload[:1] + body)[:4] == mic else None


def session_key(app_key: bytes, kind: int, body: bytes, dev_nonce: int) -> bytes:
    """NwkSKey (kind 1) or AppSKey (kind 2) from JoinNonce and NetID, the body's first 6 bytes."""
    seed = bytes([kind]) + body[0:6] + dev_nonce.to_bytes(2, "little")
    return aes_encrypt(app_key, seed.ljust(16, b"\0"))


def encrypt(key: bytes, direction: int, dev_addr: int, f_cnt: int, payload: bytes) -> bytes:
    """FRMPayload ⊕ AES(A_1) ‖ AES(A_2) …; its own inverse (L2 1.0.4 §4.3.3)."""
    count = -(-len(payload) // 16)
    blocks = b"".join(_block(1, direction, dev_addr, f_cnt, i + 1) for i in range(count))
    stream = aes_encrypt(key, blocks) if blocks else b""
    return bytes(a ^ b for a, b in zip(payload, stream, strict=False))


def data_mic(key: bytes, direction: int, dev_addr: int, f_cnt: int, message: bytes) -> bytes:
    """The first four bytes of CMAC over B_0 ‖ message (L2 1.0.4 §4.4)."""
    return cmac(key, _block(0x49, direction, dev_addr, f_cnt, len(message)) + message)[:4]


def _block(kind: int, direction: int, dev_addr: int, f_cnt: int, last: int) -> bytes:
    return (
        bytes([kind, 0, 0, 0, 0, direction])
        + dev_addr.to_bytes(4, "little")
        + f_cnt.to_bytes(4, "little")
        + bytes([0, last])
    )


def unfold(last: int, low: int) -> int:
    """The smallest 32-bit counter above `last` that ends in these 16 bits."""
    return last + 1 + (low - (last + 1)) % 0x10000


def folded(last: int, low: int) -> int:
    """The largest counter up to `last` that ends in these 16 bits (0 where none is)."""
    return max(0, last - (last - low) % 0x10000)


def cf_list(data: bytes) -> list[int]:
    """EU868's CFList type 0: five frequencies of three bytes, in units of 100 Hz."""
    if len(data) != 16 or data[15] != 0:
        return []
    steps = (int.from_bytes(data[i : i + 3], "little") for i in range(0, 15, 3))
    return [100 * step for step in steps if step]
