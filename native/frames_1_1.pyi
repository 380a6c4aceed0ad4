from typing import final

@final
class SessionKeys:
    @property
    def dev_addr(self) -> int: ...
    def __init__(
        self,
        dev_addr: int,
        f_nwk_s_int_key: bytes,
        s_nwk_s_int_key: bytes,
        nwk_s_enc_key: bytes,
        app_s_key: bytes,
    ) -> None: ...
    def decode_uplink(
        self, phy_payload: bytes, f_cnt_up: int, tx_dr: int, tx_ch: int, conf_f_cnt: int
    ) -> tuple[int, int, int, bytes, int, bytes] | None: ...
    def encode_downlink(
        self,
        m_type: int,
        f_ctrl: int,
        f_cnt: int,
        f_opts: bytes,
        f_port: int | None,
        frm_payload: bytes,
        conf_f_cnt: int = 0,
    ) -> bytes: ...
