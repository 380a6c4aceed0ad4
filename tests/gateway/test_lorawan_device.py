from gateway.lorawan.device import Device


def test_repr_shows_no_key() -> None:
    device = Device(1, "bin", join_eui=2, app_key=b"\xab" * 16, app_s_key=b"\xab" * 16)
    assert "name='bin'" in repr(device)
    assert "key" not in repr(device)
