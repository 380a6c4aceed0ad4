"""Join and rejoin of LoRaWAN 1.1: Rejoin-Requests, Join-Accept, keys (LoRaWAN 1.1 §6.1–6.2).

Rejoin-Request 0, 2 = MHDR(1) ‖ type(1) ‖ NetID(3) ‖ DevEUI(8) ‖ RJcount0(2) ‖ MIC(4)
Rejoin-Request 1    = MHDR(1) ‖ type(1) ‖ JoinEUI(8) ‖ DevEUI(8) ‖ RJcount1(2) ‖ MIC(4)

The Join-Request is that of 1.0.x, signed with NwkKey; so are the keys of a 1.1 device that meets
a 1.0.x network (`join`). Here OptNeg, bit 7 of DLSettings, is set. Rules: as in `join`.
"""

from native.crypto import aes_decrypt, aes_encrypt, cmac

JOIN_ACCEPT = b"\x20"
REJOIN_REQUEST = 0xC0
MHDR_KNOWN_BITS = 0xE3  # MType and Major; between them RFU
SIZES = {0: 19, 1: 24, 2: 19}
OPT_NEG = 0x80


cdef bytes little_endian(number, int size, str what):
    if number >> 8 * size:  # -1 and below stay negative; 1 << 32 would be C's int, and 0
        raise ValueError(f"{what} {number} does not fit {8 * size} bits")
    return number.to_bytes(size, "little")


def parse_rejoin_request(bytes phy_payload not None):
    """(type, NetID or of type 1 JoinEUI, DevEUI, RJcount), or None when it is none."""
    if len(phy_payload) < 2 or phy_payload[0] & MHDR_KNOWN_BITS != REJOIN_REQUEST:
        return None
    if len(phy_payload) != SIZES.get(phy_payload[1]):
        return None
    numbers = phy_payload[2:-14], phy_payload[-14:-6], phy_payload[-6:-4]
    return (phy_payload[1], *(int.from_bytes(number, "little") for number in numbers))


def rejoin_request_mic_ok(bytes phy_payload not None, bytes key not None):
    """True for a Rejoin-Request signed with `key`: SNwkSIntKey, of type 1 JSIntKey."""
    if parse_rejoin_request(phy_payload) is None:
        return False
    return cmac(key, phy_payload[:-4])[:4] == phy_payload[-4:]


def join_accept(bytes key not None, bytes js_int_key not None, join_req_type, join_eui, dev_nonce,
                join_nonce, net_id, dev_addr, dl_settings, rx_delay, bytes cf_list not None=b""):
    """A whole Join-Accept PHYPayload with OptNeg set.

    `key` is NwkKey after a Join-Request (`join_req_type` 0xFF), JSEncKey after a Rejoin-Request
    (its type). `dev_nonce` is what the request carried: DevNonce or RJcount. (§6.2.3)
    """
    if len(cf_list) not in (0, 16):
        raise ValueError(f"CFList has 0 or 16 bytes, not {len(cf_list)}")
    content = (
        little_endian(join_nonce, 3, "JoinNonce") + little_endian(net_id, 3, "NetID")
        + little_endian(dev_addr, 4, "DevAddr")
        + little_endian(dl_settings | OPT_NEG, 1, "DLSettings")
        + little_endian(rx_delay, 1, "RxDelay") + cf_list
    )
    request = (
        little_endian(join_req_type, 1, "JoinReqType") + little_endian(join_eui, 8, "JoinEUI")
        + little_endian(dev_nonce, 2, "DevNonce")
    )
    mic = cmac(js_int_key, request + JOIN_ACCEPT + content)[:4]
    return JOIN_ACCEPT + aes_decrypt(key, content + mic)


def derive_session_keys(bytes nwk_key not None, bytes app_key not None, join_nonce, join_eui,
                        dev_nonce):
    """(FNwkSIntKey, SNwkSIntKey, NwkSEncKey, AppSKey) of a joined session (§6.2.5)."""
    seed = (
        little_endian(join_nonce, 3, "JoinNonce") + little_endian(join_eui, 8, "JoinEUI")
        + little_endian(dev_nonce, 2, "DevNonce") + bytes(2)
    )
    return (aes_encrypt(nwk_key, b"\x01" + seed), aes_encrypt(nwk_key, b"\x03" + seed),
            aes_encrypt(nwk_key, b"\x04" + seed), aes_encrypt(app_key, b"\x02" + seed))


def derive_join_keys(bytes nwk_key not None, dev_eui):
    """(JSIntKey, JSEncKey) of a device (§6.1.1.3)."""
    seed = little_endian(dev_eui, 8, "DevEUI") + bytes(7)
    return aes_encrypt(nwk_key, b"\x06" + seed), aes_encrypt(nwk_key, b"\x05" + seed)
