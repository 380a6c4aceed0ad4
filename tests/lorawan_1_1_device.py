"""The far end of the air in LoRaWAN 1.1: an end device's side, made with `lorawan_1_1_oracle`."""

from dataclasses import dataclass

import lorawan_1_1_oracle as oracle
from lorawan_oracle import DOWN, aes, cmac, crypt_frm_payload, little

JOIN_REQUEST = 0xFF


@dataclass
class Downlink:
    f_ctrl: int
    f_port: int | None
    commands: bytes
    frm_payload: bytes
    confirmed: bool


@dataclass
class Air:
    """One 1.1 session as the device has it."""

    dev_addr: int
    keys: oracle.Keys

    def uplink(
        self,
        f_cnt: int,
        payload: bytes = b"",
        f_port: int | None = 1,
        *,
        confirmed: bool = False,
        f_ctrl: int = 0,
        f_opts: bytes = b"",
        tx_dr: int = 3,
        tx_ch: int = 1,
        conf_f_cnt: int = 0,
    ) -> bytes:
        return oracle.data_frame(
            self.keys,
            m_type=4 if confirmed else 2,
            dev_addr=self.dev_addr,
            f_ctrl=f_ctrl,
            f_cnt=f_cnt,
            f_opts=f_opts,
            f_port=f_port,
            frm_payload=payload,
            tx_dr=tx_dr,
            tx_ch=tx_ch,
            conf_f_cnt=conf_f_cnt,
        )

    def hears(self, phy_payload: bytes, f_cnt: int, conf_f_cnt: int = 0) -> Downlink | None:
        """Open a downlink of this counter; None if it is not for this session."""
        head, mic = phy_payload[:-4], phy_payload[-4:]
        if head[1:5] != little(self.dev_addr, 4) or head[6:8] != little(f_cnt & 0xFFFF, 2):
            return None
        acknowledged = little(conf_f_cnt & 0xFFFF, 2) if head[5] & 0x20 else b"\0\0"
        b0 = b"\x49" + acknowledged + b"\0\0" + b"\1" + little(self.dev_addr, 4)
        b0 += little(f_cnt, 4) + b"\0" + bytes([len(head)])
        if cmac(self.keys.s_nwk_s_int, b0 + head)[:4] != mic:
            return None
        end = 8 + (head[5] & 15)
        f_port = head[end] if len(head) > end else None
        commands = oracle.crypt_f_opts(
            self.keys.nwk_s_enc, DOWN, self.dev_addr, f_cnt, head[8:end], a_f_cnt_down=bool(f_port)
        )
        key = self.keys.app_s if f_port else self.keys.nwk_s_enc
        clear = crypt_frm_payload(key, DOWN, self.dev_addr, f_cnt, head[end + 1 :])
        confirmed = phy_payload[0] >> 5 == 5
        told = commands if f_port else commands + clear
        return Downlink(head[5], f_port, told, clear if f_port else b"", confirmed)


@dataclass
class Accepted:
    """A Join-Accept as a 1.1 device understood it."""

    join_nonce: int
    net_id: int
    dl_settings: int
    rx_delay: int
    cf_list: bytes
    air: Air


def join_keys(nwk_key: bytes, dev_eui: int) -> tuple[bytes, bytes]:
    """(JSIntKey, JSEncKey)."""
    seed = little(dev_eui, 8) + bytes(7)
    return aes(nwk_key, b"\x06" + seed), aes(nwk_key, b"\x05" + seed)


def hears_join_accept(
    nwk_key: bytes,
    app_key: bytes,
    dev_eui: int,
    join_eui: int,
    nonce: int,
    phy_payload: bytes,
    kind: int = JOIN_REQUEST,
) -> Accepted:
    """Open a Join-Accept to a Join-Request or a rejoin of type `kind`; its MIC must be right."""
    js_int_key, js_enc_key = join_keys(nwk_key, dev_eui)
    key = nwk_key if kind == JOIN_REQUEST else js_enc_key
    body = oracle.open_join_accept(key, js_int_key, kind, join_eui, nonce, phy_payload)
    join_nonce, net_id, dev_addr = (
        int.from_bytes(part, "little") for part in (body[1:4], body[4:7], body[7:11])
    )
    keys = oracle.session_keys(nwk_key, app_key, join_nonce, join_eui, nonce)
    return Accepted(join_nonce, net_id, body[11], body[12], body[13:], Air(dev_addr, keys))
