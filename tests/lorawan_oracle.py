"""LoRaWAN 1.0.x a second time, in plain Python on `cryptography`: what native/ is judged by.

Written from TS001-1.0.4 with its formulas in its order; it shares nothing with native/.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

UP, DOWN = 0, 1


def aes(key: bytes, blocks: bytes) -> bytes:
    encryptor = Cipher(AES(key), modes.ECB()).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def aes_inverse(key: bytes, blocks: bytes) -> bytes:
    decryptor = Cipher(AES(key), modes.ECB()).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()


def cmac(key: bytes, message: bytes) -> bytes:
    signer = CMAC(AES(key))
    signer.update(message)
    return signer.finalize()


def little(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")


def crypt_frm_payload(
    key: bytes, direction: int, dev_addr: int, f_cnt: int, payload: bytes
) -> bytes:
    """FRMPayload encrypted, or decrypted: S = aes(K, A1) ‖ aes(K, A2) ‖ … (§4.3.3)."""
    stream = b""
    for i in range(1, (len(payload) + 15) // 16 + 1):
        head = b"\x01" + bytes(4) + bytes([direction])
        stream += aes(key, head + little(dev_addr, 4) + little(f_cnt, 4) + b"\x00" + bytes([i]))
    return bytes(a ^ b for a, b in zip(payload, stream, strict=False))


def data_mic(key: bytes, direction: int, dev_addr: int, f_cnt: int, message: bytes) -> bytes:
    """MIC = cmac(NwkSKey, B0 ‖ msg)[0..3] (§4.4)."""
    head = b"\x49" + bytes(4) + bytes([direction])
    b0 = head + little(dev_addr, 4) + little(f_cnt, 4) + b"\x00" + bytes([len(message)])
    return cmac(key, b0 + message)[:4]


def data_frame(
    *,
    m_type: int,
    dev_addr: int,
    f_ctrl: int,
    f_cnt: int,
    f_opts: bytes,
    f_port: int | None,
    frm_payload: bytes,
    nwk_s_key: bytes,
    app_s_key: bytes,
) -> bytes:
    """A whole data PHYPayload; FOptsLen is put into `f_ctrl`, `f_cnt` is the 32-bit counter."""
    direction = DOWN if m_type in (3, 5) else UP
    message = bytes([m_type << 5]) + little(dev_addr, 4)
    message += bytes([f_ctrl & 0xF0 | len(f_opts)]) + little(f_cnt & 0xFFFF, 2) + f_opts
    if f_port is not None:
        key = nwk_s_key if f_port == 0 else app_s_key
        message += bytes([f_port])
        message += crypt_frm_payload(key, direction, dev_addr, f_cnt, frm_payload)
    return message + data_mic(nwk_s_key, direction, dev_addr, f_cnt, message)


def join_request(app_key: bytes, join_eui: int, dev_eui: int, dev_nonce: int) -> bytes:
    message = b"\x00" + little(join_eui, 8) + little(dev_eui, 8) + little(dev_nonce, 2)
    return message + cmac(app_key, message)[:4]


def open_join_accept(app_key: bytes, phy_payload: bytes) -> bytes:
    """MHDR ‖ JoinNonce … CFList of a Join-Accept as a device sees it; its MIC must be right."""
    clear = phy_payload[:1] + aes(app_key, phy_payload[1:])
    assert cmac(app_key, clear[:-4])[:4] == clear[-4:]
    return clear[:-4]


def session_keys(
    app_key: bytes, join_nonce: int, net_id: int, dev_nonce: int
) -> tuple[bytes, bytes]:
    """(NwkSKey, AppSKey) (§6.2.6)."""
    nonces = (little(join_nonce, 3) + little(net_id, 3) + little(dev_nonce, 2)).ljust(15, b"\x00")
    return aes(app_key, b"\x01" + nonces), aes(app_key, b"\x02" + nonces)
