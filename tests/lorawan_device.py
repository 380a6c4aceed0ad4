"""The far end of the air: an end device's side of LoRaWAN 1.0.x, on `cryptography` alone.

Written from TS001-1.0.4 §4 and §6; shares no code with the project. Numbers are little-endian on
the air.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC


def aes(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()[:4]


def _block(first: int, direction: int, dev_addr: int, f_cnt: int, last: int) -> bytes:
    address = dev_addr.to_bytes(4, "little") + f_cnt.to_bytes(4, "little")
    return bytes([first, 0, 0, 0, 0, direction]) + address + bytes([0, last])


def crypt(key: bytes, direction: int, dev_addr: int, f_cnt: int, data: bytes) -> bytes:
    stream = b"".join(
        aes(key, _block(1, direction, dev_addr, f_cnt, i))
        for i in range(1, (len(data) + 15) // 16 + 1)
    )
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))


@dataclass
class Downlink:
    """A data downlink as the device understood it."""

    f_ctrl: int
    f_cnt: int
    body: bytes


@dataclass
class Air:
    """One session as the device has it; 1.0.x has one network key."""

    dev_addr: int
    nwk_s_key: bytes
    app_s_key: bytes

    def uplink(
        self,
        f_cnt: int,
        payload: bytes = b"",
        f_port: int | None = 1,
        confirmed: bool = False,
        f_ctrl: int = 0,
        f_opts: bytes = b"",
    ) -> bytes:
        head = bytes([0x80 if confirmed else 0x40]) + self.dev_addr.to_bytes(4, "little")
        head += bytes([f_ctrl | len(f_opts)]) + (f_cnt & 0xFFFF).to_bytes(2, "little") + f_opts
        if f_port is not None:
            key = self.app_s_key if f_port else self.nwk_s_key
            head += bytes([f_port]) + crypt(key, 0, self.dev_addr, f_cnt, payload)
        return head + self._mic(0, f_cnt, head)

    def hears(self, phy: bytes, f_cnt: int) -> Downlink | None:
        """Open an unconfirmed downlink with this counter; None if it is not for this session."""
        head, mic = phy[:-4], phy[-4:]
        if head[0] != 0x60 or int.from_bytes(head[1:5], "little") != self.dev_addr:
            return None
        if head[6:8] != (f_cnt & 0xFFFF).to_bytes(2, "little") or mic != self._mic(1, f_cnt, head):
            return None
        return Downlink(head[5], f_cnt, head[8:])

    def _mic(self, direction: int, f_cnt: int, head: bytes) -> bytes:
        block = _block(0x49, direction, self.dev_addr, f_cnt, len(head))
        return cmac(self.nwk_s_key, block + head)


def join_request(app_key: bytes, join_eui: int, dev_eui: int, dev_nonce: int) -> bytes:
    head = b"\0" + join_eui.to_bytes(8, "little") + dev_eui.to_bytes(8, "little")
    head += dev_nonce.to_bytes(2, "little")
    return head + cmac(app_key, head)


@dataclass
class Accepted:
    """A Join-Accept as the device understood it, and the session it opens."""

    join_nonce: int
    net_id: int
    dl_settings: int
    rx_delay: int
    cf_list: bytes
    air: Air


def hears_join_accept(app_key: bytes, dev_nonce: int, phy: bytes) -> Accepted | None:
    """Open a Join-Accept; None if its MIC is wrong."""
    plain = phy[:1] + b"".join(aes(app_key, phy[i : i + 16]) for i in range(1, len(phy), 16))
    body, mic = plain[:-4], plain[-4:]
    if body[0] != 0x20 or mic != cmac(app_key, body):
        return None
    seed = body[1:7] + dev_nonce.to_bytes(2, "little") + bytes(7)
    nwk_s_key, app_s_key = aes(app_key, b"\x01" + seed), aes(app_key, b"\x02" + seed)
    number = [int.from_bytes(part, "little") for part in (body[1:4], body[4:7], body[7:11])]
    air = Air(number[2], nwk_s_key, app_s_key)
    return Accepted(number[0], number[1], body[11], body[12], body[13:], air)
