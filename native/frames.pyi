from typing import final

def uplink_dev_addr(phy_payload: bytes) -> int: ...
def parse(
    phy_payload: bytes,
) -> tuple[int, int, int, int, bytes, int | None, bytes] | None: ...

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
        self, phy_payload: bytes, f_cnt_up: int
    ) -> tuple[int, int, int, bytes, int, bytes] | None: ...
    def decode(
        self, phy_payload: bytes, f_cnt: int
    ) -> tuple[int, int, int, bytes, int, bytes] | None: ...
    def encode_downlink(
        self,
        m_type: int,
        f_ctrl: int,
        f_cnt: int,
        f_opts: bytes,
        f_port: int | None,
        frm_payload: bytes,
    ) -> bytes: ...
