def parse_join_request(phy_payload: bytes) -> tuple[int, int, int] | None: ...
def join_request_mic_ok(phy_payload: bytes, key: bytes) -> bool: ...
def join_accept(
    key: bytes,
    join_nonce: int,
    net_id: int,
    dev_addr: int,
    dl_settings: int,
    rx_delay: int,
    cf_list: bytes = b"",
) -> bytes: ...
def open_join_accept(
    phy_payload: bytes, key: bytes
) -> tuple[int, int, int, int, int, bytes] | None: ...
def derive_session_keys(
    app_key: bytes, join_nonce: int, net_id: int, dev_nonce: int
) -> tuple[bytes, bytes]: ...
