"""Keys of virtual end devices, and what the network says to one."""

from typing import Any

import lorawan_1_1_oracle as oracle_1_1
import lorawan_oracle as oracle

from gateway.demo.device import Device, Downlink, Heard, Keys
from gateway.demo.end_device.activation import Version

DEV_EUI, JOIN_EUI, DEV_ADDR = 0x70B3D57ED0000001, 0x70B3D57ED0010000, 0x26011BDA
K = [bytes([n]) * 16 for n in range(1, 7)]
ABP_1_0 = Keys(DEV_EUI, dev_addr=DEV_ADDR, nwk_s_key=K[0], app_s_key=K[3])
KEYS_1_1 = oracle_1_1.Keys(K[0], K[1], K[2], K[3])
ABP_1_1 = Keys(
    DEV_EUI, dev_addr=DEV_ADDR, nwk_s_key=K[0], s_nwk_s_int_key=K[1], nwk_s_enc_key=K[2],
    app_s_key=K[3], lorawan="1.1",
)  # fmt: skip
OTAA_1_1 = Keys(DEV_EUI, JOIN_EUI, app_key=K[4], nwk_key=K[5], lorawan="1.1")


def down(
    device: Device, commands: bytes, *, confirmed: bool = False, f_cnt: int = 0, **fields: Any
) -> Heard:
    """In RX1 of an uplink that the device has just sent."""
    rx1, _ = device.sent(0)
    body = {
        "m_type": 5 if confirmed else 3,
        "dev_addr": DEV_ADDR,
        "f_ctrl": len(commands),
        "f_cnt": f_cnt,
        "f_opts": commands,
        "f_port": None,
        "frm_payload": b"",
    } | fields
    if device.keys.lorawan == "1.1":
        phy_payload = oracle_1_1.data_frame(KEYS_1_1, **body)
    else:
        phy_payload = oracle.data_frame(**body, nwk_s_key=K[0], app_s_key=K[3])
    return device.hear(
        Downlink(phy_payload, rx1.opens_us, 0, rx1.frequency, rx1.sf, True, rx1.bandwidth, 7.4)
    )


def vars_of(keys: Keys, version: Version) -> dict[str, Any]:
    return {name: getattr(keys, name) for name in Keys.__slots__} | {"lorawan": version}
