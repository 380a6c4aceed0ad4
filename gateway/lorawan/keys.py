"""The keys of joined sessions, as they follow from a device's root keys and the nonces of its join.

Up to 1.0.4 there is AppKey and one network key; in 1.1 NwkKey and AppKey, and three network keys.
"""

from gateway.lorawan.device import Device
from gateway.lorawan.session import Session
from native import join, join_1_1

Keys = tuple[bytes, bytes, bytes, bytes]
"""FNwkSIntKey, SNwkSIntKey, NwkSEncKey, AppSKey."""


def joined_keys(device: Device, net_id: int, join_nonce: int, nonce: int) -> Keys:
    """`nonce` is the request's DevNonce, or a rejoin's RJcount. The device is an OTAA one."""
    assert device.app_key is not None
    assert device.join_eui is not None
    if device.nwk_key is not None:
        return join_1_1.derive_session_keys(
            device.nwk_key, device.app_key, join_nonce, device.join_eui, nonce
        )
    nwk_s_key, app_s_key = join.derive_session_keys(device.app_key, join_nonce, net_id, nonce)
    return nwk_s_key, nwk_s_key, nwk_s_key, app_s_key


def fits_root_keys(session: Session, device: Device) -> bool:
    """Whether a session was joined with the root keys that the device has now."""
    join_nonce, nonce = (int.from_bytes(part, "big") for part in (session.id[:3], session.id[3:]))
    return keys_of(session) == joined_keys(device, session.net_id, join_nonce, nonce)


def keys_of(session: Session) -> Keys:
    return (
        session.f_nwk_s_int_key,
        session.s_nwk_s_int_key,
        session.nwk_s_enc_key,
        session.app_s_key,
    )
