"""What LoRaWAN 1.1 does otherwise, in plain Python: what native/*_1_1 is judged by.

Written from LoRaWAN 1.1 §4.3, §4.4, §6.1, §6.2 and its FOpts errata; shares nothing with native/.
"""

from dataclasses import dataclass

from lorawan_oracle import DOWN, UP, aes, cmac, crypt_frm_payload, little


@dataclass(frozen=True)
class Keys:
    f_nwk_s_int: bytes
    s_nwk_s_int: bytes
    nwk_s_enc: bytes
    app_s: bytes


def _block(
    first: int, second: bytes, direction: int, dev_addr: int, f_cnt: int, last: int
) -> bytes:
    head = bytes([first]) + second + bytes([direction])
    return head + little(dev_addr, 4) + little(f_cnt, 4) + b"\x00" + bytes([last])


def crypt_f_opts(
    key: bytes, direction: int, dev_addr: int, f_cnt: int, f_opts: bytes, *, a_f_cnt_down: bool
) -> bytes:
    second = b"\x00\x00\x00" + (b"\x02" if a_f_cnt_down else b"\x01")
    stream = aes(key, _block(0x01, second, direction, dev_addr, f_cnt, 1))
    return bytes(a ^ b for a, b in zip(f_opts, stream, strict=False))


def data_frame(
    keys: Keys,
    *,
    m_type: int,
    dev_addr: int,
    f_ctrl: int,
    f_cnt: int,
    f_opts: bytes,
    f_port: int | None,
    frm_payload: bytes,
    tx_dr: int = 0,
    tx_ch: int = 0,
    conf_f_cnt: int = 0,
) -> bytes:
    """A whole data PHYPayload; FOptsLen is put into `f_ctrl`, `f_cnt` is the 32-bit counter."""
    direction = DOWN if m_type in (3, 5) else UP
    a_f_cnt_down = direction == DOWN and bool(f_port)
    message = bytes([m_type << 5]) + little(dev_addr, 4)
    message += bytes([f_ctrl & 0xF0 | len(f_opts)]) + little(f_cnt & 0xFFFF, 2)
    message += crypt_f_opts(
        keys.nwk_s_enc, direction, dev_addr, f_cnt, f_opts, a_f_cnt_down=a_f_cnt_down
    )
    if f_port is not None:
        key = keys.app_s if f_port else keys.nwk_s_enc
        message += bytes([f_port])
        message += crypt_frm_payload(key, direction, dev_addr, f_cnt, frm_payload)
    acknowledged = little(conf_f_cnt & 0xFFFF, 2) if f_ctrl & 0x20 else b"\x00\x00"
    size = len(message)
    if direction == DOWN:
        b0 = _block(0x49, acknowledged + b"\x00\x00", DOWN, dev_addr, f_cnt, size)
        return message + cmac(keys.s_nwk_s_int, b0 + message)[:4]
    b0 = _block(0x49, bytes(4), UP, dev_addr, f_cnt, size)
    b1 = _block(0x49, acknowledged + bytes([tx_dr, tx_ch]), UP, dev_addr, f_cnt, size)
    cmac_s = cmac(keys.s_nwk_s_int, b1 + message)
    return message + cmac_s[:2] + cmac(keys.f_nwk_s_int, b0 + message)[:2]


def rejoin_request(key: bytes, kind: int, eui: int, dev_eui: int, count: int) -> bytes:
    """`eui` is the NetID (types 0, 2) or the JoinEUI (type 1)."""
    message = b"\xc0" + bytes([kind]) + little(eui, 8 if kind == 1 else 3)
    message += little(dev_eui, 8) + little(count, 2)
    return message + cmac(key, message)[:4]


def open_join_accept(
    key: bytes, js_int_key: bytes, join_req_type: int, join_eui: int, nonce: int, phy_payload: bytes
) -> bytes:
    """MHDR ‖ JoinNonce … CFList of a Join-Accept as a device sees it; its MIC must be right."""
    clear = phy_payload[:1] + aes(key, phy_payload[1:])
    request = bytes([join_req_type]) + little(join_eui, 8) + little(nonce, 2)
    assert cmac(js_int_key, request + clear[:-4])[:4] == clear[-4:]
    return clear[:-4]


def session_keys(
    nwk_key: bytes, app_key: bytes, join_nonce: int, join_eui: int, nonce: int
) -> Keys:
    seed = (little(join_nonce, 3) + little(join_eui, 8) + little(nonce, 2)).ljust(15, b"\x00")
    return Keys(
        aes(nwk_key, b"\x01" + seed),
        aes(nwk_key, b"\x03" + seed),
        aes(nwk_key, b"\x04" + seed),
        aes(app_key, b"\x02" + seed),
    )
