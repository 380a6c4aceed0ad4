def parse_rejoin_request(phy_payload: bytes) -> tuple[int, int, int, int] | None: ...
def rejoin_request_mic_ok(phy_payload: bytes, key: bytes) -> bool: ...
def join_accept(
    key: bytes,
    js_int_key: bytes,
    join_req_type: int,
    join_eui: int,
    dev_nonce: int,
    join_nonce: int,
    net_id: int,
    dev_addr: int,
    dl_settings: int,
    rx_delay: int,
    cf_list: bytes = b"",
) -> bytes: ...
def derive_session_keys(
    nwk_key: bytes, app_key: bytes, join_nonce: int, join_eui: int, dev_nonce: int
) -> tuple[bytes, bytes, bytes, bytes]: ...
def derive_join_keys(nwk_key: bytes, dev_eui: int) -> tuple[bytes, bytes]: ...
