"""What strangers send on the air, by LoRaWAN frame and by payload (see targets.py)."""

from collections.abc import Callable
from dataclasses import replace

from lorawan_1_1_device import Air as Air11
from lorawan_1_1_oracle import Keys
from lorawan_device import Air
from lorawan_network import ABP, AIR, network, otaa, packet, uplink

from gateway import files
from gateway.codecs.catalogue import Catalogue
from gateway.lorawan.device import Device
from gateway.lorawan.mac_uplink import parse_uplink
from gateway.lorawan.outcome import Drop
from gateway.lorawan.session import KnownState
from native import frames, frames_1_1, join, join_1_1

NWK_S_KEY = b"N" * 16
KEYS = frames.SessionKeys(AIR.dev_addr, NWK_S_KEY, NWK_S_KEY, NWK_S_KEY, b"A" * 16)
KEYS_1_1 = Keys(b"f" * 16, b"s" * 16, b"e" * 16, b"a" * 16)
NATIVE_1_1 = frames_1_1.SessionKeys(
    AIR.dev_addr, KEYS_1_1.f_nwk_s_int, KEYS_1_1.s_nwk_s_int, KEYS_1_1.nwk_s_enc, KEYS_1_1.app_s
)
ABP_1_1 = Device(
    ABP.dev_eui,
    "pump",
    lorawan="1.1",
    dev_addr=AIR.dev_addr,
    f_nwk_s_int_key=KEYS_1_1.f_nwk_s_int,
    s_nwk_s_int_key=KEYS_1_1.s_nwk_s_int,
    nwk_s_enc_key=KEYS_1_1.nwk_s_enc,
    app_s_key=KEYS_1_1.app_s,
)
CATALOGUE = Catalogue.load(files.shipped())
CODECS = [CATALOGUE.codec(name) for name in CATALOGUE.names()]
STRANGERS_NETWORK = network([ABP, otaa()])


def lorawan_1_0_frame(data: bytes) -> None:
    """native/frames.pyx"""
    frames.parse(data)
    assert KEYS.decode_uplink(data, 0) is None
    assert KEYS.decode(data, 1) is None
    frames.uplink_dev_addr(data)


def lorawan_1_1_frame(data: bytes) -> None:
    """native/frames_1_1.pyx"""
    assert NATIVE_1_1.decode_uplink(data, 0, 3, 1, 0) is None


def join_request(data: bytes) -> None:
    """native/join.pyx"""
    join.parse_join_request(data)
    assert not join.join_request_mic_ok(data, NWK_S_KEY)
    join.open_join_accept(data, NWK_S_KEY)


def rejoin_request(data: bytes) -> None:
    """native/join_1_1.pyx"""
    if join_1_1.parse_rejoin_request(data) is not None:
        assert not join_1_1.rejoin_request_mic_ok(data, NWK_S_KEY)


def mac_commands(data: bytes) -> None:
    """gateway/lorawan/mac_uplink.py"""
    for version in ("1.0", "1.1"):
        parse_uplink(data, version)


def packet_off_the_air(data: bytes) -> None:
    """gateway/lorawan/network.py: all that strangers can do there is to be dropped."""
    assert isinstance(STRANGERS_NETWORK.receive(packet(data)), Drop)


def authentic_uplinks(data: bytes) -> None:
    """gateway/lorawan/network.py: a device with good keys that says anything, and a restart."""
    _device_says(ABP, AIR, data)


def authentic_uplinks_1_1(data: bytes) -> None:
    """gateway/lorawan/network.py: the same in LoRaWAN 1.1."""
    _device_says(ABP_1_1, Air11(AIR.dev_addr, KEYS_1_1), data)


def _device_says(device: Device, air: Air | Air11, data: bytes) -> None:
    net, f_cnt = network([device]), 0
    while data:
        f_ctrl, size, data = data[0] & 0xE0, data[0] & 15, data[1:]
        said, data = data[:size], data[size:]
        f_cnt += 1
        on_port_0 = size == 15
        frame = air.uplink(
            f_cnt,
            said if on_port_0 else b"x",
            0 if on_port_0 else 1,
            f_ctrl=f_ctrl & ~0x20,
            f_opts=b"" if on_port_0 else said,
            confirmed=bool(f_ctrl & 0x20),
        )
        got = uplink(net.receive(packet(frame)))
        if size == 14:
            got.session.mac.from_json(got.session.mac.to_json())
            net = network([device], KnownState((replace(got.session),)))


def payloads(data: bytes) -> None:
    """gateway/codecs/, native/*.pyx: the first byte is the port."""
    for codec in CODECS:
        codec.decode(data[0] if data else None, data[1:], 2.0)


TARGETS: tuple[Callable[[bytes], None], ...] = (
    lorawan_1_0_frame,
    lorawan_1_1_frame,
    join_request,
    rejoin_request,
    mac_commands,
    packet_off_the_air,
    authentic_uplinks,
    authentic_uplinks_1_1,
    payloads,
)
