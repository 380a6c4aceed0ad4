"""A network with devices of LoRaWAN 1.1, OTAA and ABP, and its disk."""

from dataclasses import replace

from lorawan_1_1_device import Accepted, Air, Downlink, hears_join_accept, join_keys
from lorawan_1_1_oracle import Keys, rejoin_request
from lorawan_network import (
    DEV_EUI,
    JOIN_EUI,
    joined,
    network,
    packet,
    uplink,
)
from lorawan_oracle import join_request

from drivers.concentrator import RxPacket
from gateway.lorawan.device import Device
from gateway.lorawan.outcome import Drop, Joined, Uplink
from gateway.lorawan.session import Join, KnownState, Rejoin, Session

NWK_KEY, APP_KEY = b"n" * 16, b"a" * 16
DEVICE = Device(
    DEV_EUI, "meter", lorawan="1.1", join_eui=JOIN_EUI, app_key=APP_KEY, nwk_key=NWK_KEY
)
ABP_ADDR = 0x01AB12CD
ABP_KEYS = Keys(b"f" * 16, b"s" * 16, b"e" * 16, b"a" * 16)
ABP = Device(
    DEV_EUI + 1,
    "pump",
    lorawan="1.1",
    dev_addr=ABP_ADDR,
    f_nwk_s_int_key=ABP_KEYS.f_nwk_s_int,
    s_nwk_s_int_key=ABP_KEYS.s_nwk_s_int,
    nwk_s_enc_key=ABP_KEYS.nwk_s_enc,
    app_s_key=ABP_KEYS.app_s,
)
AIR = Air(ABP_ADDR, ABP_KEYS)
REKEY_IND = b"\x0b\x01"


class World:
    """A network and its disk, which knows what was committed, no more."""

    def __init__(self) -> None:
        self.sessions: dict[bytes, Session] = {}
        self.joins: tuple[Join, ...] = ()
        self.rejoins: dict[tuple[int, int], Rejoin] = {}
        self.restart()

    def restart(self) -> None:
        sessions = tuple(replace(one) for one in self.sessions.values())
        known = KnownState(sessions, self.joins, rejoins=tuple(self.rejoins.values()))
        self.net = network([DEVICE, ABP], known)

    def receive(self, payload: bytes | RxPacket) -> Joined | Uplink | Drop:
        heard = packet(payload) if isinstance(payload, bytes) else payload
        outcome = self.net.receive(heard)
        if not isinstance(outcome, Drop):
            for _, ended in outcome.changes.ended:
                del self.sessions[ended]
            self.sessions |= {one.id: replace(one) for one in outcome.changes.sessions}
            self.joins += outcome.changes.joins
            self.rejoins |= {(one.dev_eui, one.join_eui): one for one in outcome.changes.rejoins}
        return outcome

    def join(self, dev_nonce: int) -> Accepted:
        request = join_request(NWK_KEY, JOIN_EUI, DEV_EUI, dev_nonce)
        return accepted(joined(self.receive(request)), dev_nonce)

    def settled(self, dev_nonce: int) -> Accepted:
        accept = self.join(dev_nonce)
        uplink(self.receive(accept.air.uplink(0, f_opts=REKEY_IND)))
        return accept


def accepted(got: Joined, nonce: int, kind: int = 0xFF) -> Accepted:
    return hears_join_accept(
        NWK_KEY, APP_KEY, DEV_EUI, JOIN_EUI, nonce, got.answer.phy_payload, kind
    )


def answered(air: Air, outcome: object, f_cnt: int, conf_f_cnt: int = 0) -> Downlink:
    got = uplink(outcome)
    assert got.answer is not None
    heard = air.hears(got.answer.phy_payload, f_cnt, conf_f_cnt)
    assert heard is not None
    return heard


def rejoin(kind: int, air: Air, count: int, net_id: int = 0) -> bytes:
    if kind == 1:
        return rejoin_request(join_keys(NWK_KEY, DEV_EUI)[0], 1, JOIN_EUI, DEV_EUI, count)
    return rejoin_request(air.keys.s_nwk_s_int, kind, net_id, DEV_EUI, count)
