"""The far end of the air: an end device's side of LoRaWAN 1.0.x, made with `lorawan_oracle`."""

from dataclasses import dataclass

from lorawan_oracle import (
    DOWN,
    crypt_frm_payload,
    data_frame,
    data_mic,
    join_request,
    open_join_accept,
    session_keys,
)

__all__ = ["Accepted", "Air", "Downlink", "hears_join_accept", "join_request"]


@dataclass
class Downlink:
    """A data downlink as the device understood it; `body` is what follows its FCnt.

    `commands` are the MAC commands, from FOpts or FPort 0.
    """

    f_ctrl: int
    body: bytes
    f_port: int | None = None
    frm_payload: bytes = b""
    commands: bytes = b""


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
        """A PHYPayload under the 32-bit `f_cnt`."""
        return data_frame(
            m_type=4 if confirmed else 2,
            dev_addr=self.dev_addr,
            f_ctrl=f_ctrl,
            f_cnt=f_cnt,
            f_opts=f_opts,
            f_port=f_port,
            frm_payload=payload,
            nwk_s_key=self.nwk_s_key,
            app_s_key=self.app_s_key,
        )

    def hears(self, phy_payload: bytes, f_cnt: int) -> Downlink | None:
        """Open an unconfirmed downlink of this counter; None if it is not for this session."""
        head, mic = phy_payload[:-4], phy_payload[-4:]
        address = self.dev_addr.to_bytes(4, "little")
        if (head[:5], head[6:8]) != (b"\x60" + address, (f_cnt & 0xFFFF).to_bytes(2, "little")):
            return None
        if mic != data_mic(self.nwk_s_key, DOWN, self.dev_addr, f_cnt, head):
            return None
        f_opts, rest = head[8 : 8 + (head[5] & 15)], head[8 + (head[5] & 15) :]
        if not rest:
            return Downlink(head[5], head[8:], commands=f_opts)
        key = self.app_s_key if rest[0] else self.nwk_s_key
        clear = crypt_frm_payload(key, DOWN, self.dev_addr, f_cnt, rest[1:])
        return Downlink(head[5], head[8:], rest[0], clear, f_opts if rest[0] else f_opts + clear)


@dataclass
class Accepted:
    """A Join-Accept as the device understood it, and the session it opens."""

    join_nonce: int
    net_id: int
    dl_settings: int
    rx_delay: int
    cf_list: bytes
    air: Air


def hears_join_accept(app_key: bytes, dev_nonce: int, phy_payload: bytes) -> Accepted:
    """Open a Join-Accept; its MIC must be right."""
    body = open_join_accept(app_key, phy_payload)
    join_nonce, net_id, dev_addr = (
        int.from_bytes(part, "little") for part in (body[1:4], body[4:7], body[7:11])
    )
    air = Air(dev_addr, *session_keys(app_key, join_nonce, net_id, dev_nonce))
    return Accepted(join_nonce, net_id, body[11], body[12], body[13:], air)
