"""LoRaWAN frames as a device's MAC needs them: bytes in, bytes out.

Byte order is little-endian on the air; EUIs, addresses and counters are integers here.
Sources: TS001-1.0.4 §4 and §6.2; LoRaWAN 1.1 §4.4, §6.1, §6.2 and the FOpts errata.
"""

from enum import IntEnum

from native.crypto import aes_encrypt, cmac

UP, DOWN = 0, 1


class MType(IntEnum):
    """MHDR's upper three bits (L2 1.0.4 §4.2.1)."""

    JOIN_REQUEST = 0
    JOIN_ACCEPT = 1
    UNCONFIRMED_UP = 2
    UNCONFIRMED_DOWN = 3
    CONFIRMED_UP = 4
    CONFIRMED_DOWN = 5
    REJOIN_REQUEST = 6


def join_request(app_key: bytes, join_eui: int, dev_eui: int, dev_nonce: int) -> bytes:
    """L2 1.0.4 §6.2.5: MHDR, JoinEUI 8, DevEUI 8, DevNonce 2, MIC 4. In 1.1 `app_key` is NwkKey."""
    message = (
        bytes([MType.JOIN_REQUEST << 5])
        + join_eui.to_bytes(8, "little")
        + dev_eui.to_bytes(8, "little")
        + dev_nonce.to_bytes(2, "little")
    )
    return message + cmac(app_key, message)[:4]


def rejoin_request(key: bytes, kind: int, eui: int, dev_eui: int, count: int) -> bytes:
    """1.1 §6.2.4: type 0 and 2 carry the NetID (3 bytes), type 1 the JoinEUI (8), as `eui`."""
    message = (
        bytes([MType.REJOIN_REQUEST << 5, kind])
        + eui.to_bytes(8 if kind == 1 else 3, "little")
        + dev_eui.to_bytes(8, "little")
        + count.to_bytes(2, "little")
    )
    return message + cmac(key, message)[:4]


def join_accept(app_key: bytes, phy_payload: bytes) -> bytes | None:
    """The plain body of a 1.0.x Join-Accept, or None where its MIC is wrong.

    It was encrypted with AES *decrypt*, so that a device needs encrypt only (L2 1.0.4 §6.2.6).
    """
    plain = aes_encrypt(app_key, phy_payload[1:])
    body, mic = plain[:-4], plain[-4:]
    return body if cmac(app_key, phy_payload[:1] + body)[:4] == mic else None


def join_accept_1_1(
    key: bytes, js_int_key: bytes, kind: int, join_eui: int, nonce: int, phy_payload: bytes
) -> bytes | None:
    """The plain body of a Join-Accept with OptNeg set (1.1 §6.2.3); None where its MIC is wrong.

    `key` is NwkKey after a Join-Request (`kind` 0xFF) and JSEncKey after a Rejoin-Request.
    """
    plain = aes_encrypt(key, phy_payload[1:])
    body, mic = plain[:-4], plain[-4:]
    asked = bytes([kind]) + join_eui.to_bytes(8, "little") + nonce.to_bytes(2, "little")
    return body if cmac(js_int_key, asked + phy_payload[:1] + body)[:4] == mic else None


def session_key(app_key: bytes, kind: int, body: bytes, dev_nonce: int) -> bytes:
    """NwkSKey (kind 1) or AppSKey (kind 2) from JoinNonce and NetID, the body's first 6 bytes."""
    return derived(app_key, kind, body[0:6] + dev_nonce.to_bytes(2, "little"))


def session_key_1_1(key: bytes, kind: int, body: bytes, join_eui: int, nonce: int) -> bytes:
    """1 FNwkSIntKey, 2 AppSKey, 3 SNwkSIntKey, 4 NwkSEncKey (1.1 §6.2.3)."""
    return derived(
        key, kind, body[0:3] + join_eui.to_bytes(8, "little") + nonce.to_bytes(2, "little")
    )


def derived(key: bytes, kind: int, seed: bytes) -> bytes:
    """AES of a key's number and what it depends on; 5 and 6 of NwkKey and DevEUI: JSEnc, JSInt."""
    return aes_encrypt(key, (bytes([kind]) + seed).ljust(16, b"\0"))


def encrypt(key: bytes, direction: int, dev_addr: int, f_cnt: int, payload: bytes) -> bytes:
    """FRMPayload ⊕ AES(A_1) ‖ AES(A_2) …; its own inverse (L2 1.0.4 §4.3.3)."""
    count = -(-len(payload) // 16)
    head = _block(b"\x01\0\0\0\0", direction, dev_addr, f_cnt, 0)[:15]
    blocks = b"".join([head + bytes([i + 1]) for i in range(count)])
    return _xor(payload, aes_encrypt(key, blocks) if blocks else b"")


def encrypt_f_opts(
    key: bytes, direction: int, dev_addr: int, f_cnt: int, f_opts: bytes, *, a_f_cnt_down: bool
) -> bytes:
    """1.1: FOpts under NwkSEncKey; which counter was used is told apart (errata on §4.3.1.6)."""
    kind = b"\x01\0\0\0\x02" if a_f_cnt_down else b"\x01\0\0\0\x01"
    return _xor(f_opts, aes_encrypt(key, _block(kind, direction, dev_addr, f_cnt, 1)))


def data_mic(
    key: bytes, direction: int, dev_addr: int, f_cnt: int, message: bytes, more: bytes = bytes(4)
) -> bytes:
    """The first four bytes of CMAC over B_0 or B_1 ‖ message (L2 1.0.4 §4.4).

    `more` is 1.1's (§4.4): ConfFCnt 2, TxDr 1, TxCh 1.
    """
    block = _block(b"\x49" + more, direction, dev_addr, f_cnt, len(message))
    return cmac(key, block + message)[:4]


def _block(head: bytes, direction: int, dev_addr: int, f_cnt: int, last: int) -> bytes:
    return (
        head
        + bytes([direction])
        + dev_addr.to_bytes(4, "little")
        + f_cnt.to_bytes(4, "little")
        + bytes([0, last])
    )


def _xor(data: bytes, stream: bytes) -> bytes:
    size = len(data)
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream[:size], "little")
    return mixed.to_bytes(size, "little")


def unfold(last: int, low: int) -> int:
    """The smallest 32-bit counter above `last` that ends in these 16 bits."""
    return last + 1 + (low - (last + 1)) % 0x10000


def folded(last: int, low: int) -> int:
    """The largest counter up to `last` that ends in these 16 bits (0 where none is)."""
    return max(0, last - (last - low) % 0x10000)
