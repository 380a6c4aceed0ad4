"""OTAA of LoRaWAN 1.0.x: Join-Request, Join-Accept, session keys (TS001-1.0.4 §6.2).

Join-Request = MHDR(1) ‖ JoinEUI(8) ‖ DevEUI(8) ‖ DevNonce(2) ‖ MIC(4)
Join-Accept  = MHDR(1) ‖ encrypted: JoinNonce(3) ‖ NetID(3) ‖ DevAddr(4) ‖ DLSettings(1) ‖
               RxDelay(1) ‖ CFList(0 or 16) ‖ MIC(4)

Rules: numbers are little-endian on the air. Strangers' bytes never raise (None, False); arguments
that only we can get wrong raise ValueError. Joins are rare, so clarity goes before speed here.
"""

from native.crypto import aes_decrypt, aes_encrypt, cmac

JOIN_REQUEST = b"\x00"
JOIN_ACCEPT = b"\x20"
MHDR_KNOWN_BITS = 0xE3  # MType and Major; between them RFU


cdef bytes little_endian(number, int size, str what):
    if number >> 8 * size:  # -1 and below stay negative; 1 << 32 would be C's int, and 0
        raise ValueError(f"{what} {number} does not fit {8 * size} bits")
    return number.to_bytes(size, "little")


cdef bint is_join_request(bytes phy_payload):
    return len(phy_payload) == 23 and phy_payload[0] & MHDR_KNOWN_BITS == JOIN_REQUEST[0]


def parse_join_request(bytes phy_payload not None):
    """(join_eui, dev_eui, dev_nonce), or None when it is no Join-Request."""
    if not is_join_request(phy_payload):
        return None
    return (int.from_bytes(phy_payload[1:9], "little"), int.from_bytes(phy_payload[9:17], "little"),
            int.from_bytes(phy_payload[17:19], "little"))


def join_request_mic_ok(bytes phy_payload not None, bytes key not None):
    """True for a Join-Request signed with `key` (AppKey; §6.2.5)."""
    return is_join_request(phy_payload) and cmac(key, phy_payload[:19])[:4] == phy_payload[19:]


def join_accept(bytes key not None, join_nonce, net_id, dev_addr, dl_settings, rx_delay,
                bytes cf_list not None=b""):
    """A whole Join-Accept PHYPayload. Encrypted by AES *decrypt*: devices only encrypt (§6.2.6)."""
    if len(cf_list) not in (0, 16):
        raise ValueError(f"CFList has 0 or 16 bytes, not {len(cf_list)}")
    content = (
        little_endian(join_nonce, 3, "JoinNonce") + little_endian(net_id, 3, "NetID")
        + little_endian(dev_addr, 4, "DevAddr") + little_endian(dl_settings, 1, "DLSettings")
        + little_endian(rx_delay, 1, "RxDelay") + cf_list
    )
    return JOIN_ACCEPT + aes_decrypt(key, content + cmac(key, JOIN_ACCEPT + content)[:4])


def open_join_accept(bytes phy_payload not None, bytes key not None):
    """(join_nonce, net_id, dev_addr, dl_settings, rx_delay, cf_list), or None.

    None when it is no Join-Accept or was not made with `key`.
    """
    if len(phy_payload) not in (17, 33) or phy_payload[0] & MHDR_KNOWN_BITS != JOIN_ACCEPT[0]:
        return None
    clear = aes_encrypt(key, phy_payload[1:])
    content = clear[:-4]
    if cmac(key, phy_payload[:1] + content)[:4] != clear[-4:]:
        return None
    return (int.from_bytes(content[0:3], "little"), int.from_bytes(content[3:6], "little"),
            int.from_bytes(content[6:10], "little"), content[10], content[11], content[12:])


def derive_session_keys(bytes app_key not None, join_nonce, net_id, dev_nonce):
    """(nwk_s_key, app_s_key) of a joined session (§6.2.6)."""
    seed = (
        little_endian(join_nonce, 3, "JoinNonce") + little_endian(net_id, 3, "NetID")
        + little_endian(dev_nonce, 2, "DevNonce") + bytes(7)
    )
    return aes_encrypt(app_key, b"\x01" + seed), aes_encrypt(app_key, b"\x02" + seed)
