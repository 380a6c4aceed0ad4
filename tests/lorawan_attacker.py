"""An attacker and its victims: it hears everything, sends whatever it likes, and has no key.

Sources by their names:

- Tomasin 2017: Tomasin, Zulian, Vangelista, Security Analysis of LoRaWAN Join Procedure (WCNCW).
- Na 2017: Na, Hwang, Shin, Kim, Scenario and Countermeasure for Replay Attack Using Join Request
  Messages in LoRaWAN (ICOIN).
- Lee 2017: Lee, Hwang, Park, Kim, Risk Analysis and Countermeasure for Bit-Flipping Attack in
  LoRaWAN (ICOIN).
- Yang 2018: Yang, Karampatzakis, Doerr, Kuipers, Security Vulnerabilities in LoRaWAN (IoTDI).
- Avoine 2018: Avoine, Ferreira, Rescuing LoRaWAN 1.0 (Financial Cryptography).
- van Es 2018: van Es, Vranken, Hommersom, Denial-of-Service Attacks on LoRaWAN (ARES).
- Dönmez 2018: Dönmez, Nigussie, Security of LoRaWAN v1.1 in Backward Compatibility Scenarios
  (Procedia Computer Science 134).
- Butun 2019: Butun, Pereira, Gidlund, Security Risk Analysis of LoRaWAN and Future Directions
  (Future Internet 11).
- Hessel 2020: Hessel, Almon, Álvarez, ChirpOTLE (WiSec).
"""

from dataclasses import replace

import lorawan_1_1_device
from lorawan_device import Air, hears_join_accept, join_request
from lorawan_network import (
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    joined,
    otaa,
    packet,
    uplink,
)

from drivers.concentrator import RxPacket
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Joined

NWK_KEY = b"n" * 16
DEVICE_1_1 = replace(otaa("1.1"), nwk_key=NWK_KEY)


def request(dev_nonce: int, key: bytes = APP_KEY, dev_eui: int = DEV_EUI) -> RxPacket:
    return packet(join_request(key, JOIN_EUI, dev_eui, dev_nonce))


def again(heard: RxPacket, seconds: float = 30.0) -> RxPacket:
    """The same bytes, sent once more by somebody else: later, and louder."""
    later = (heard.counter_us + round(seconds * 1e6)) % 2**32
    return replace(heard, counter_us=later, rssi=-30.0, snr=12.0)


def joined_air(net: Network, dev_nonce: int) -> Air:
    got = joined(net.receive(request(dev_nonce)))
    return hears_join_accept(APP_KEY, dev_nonce, got.answer.phy_payload).air


def joined_1_1(net: Network, dev_nonce: int) -> tuple[Joined, lorawan_1_1_device.Air]:
    got = joined(net.receive(request(dev_nonce, NWK_KEY)))
    accept = lorawan_1_1_device.hears_join_accept(
        NWK_KEY, APP_KEY, DEV_EUI, JOIN_EUI, dev_nonce, got.answer.phy_payload
    )
    uplink(net.receive(packet(accept.air.uplink(0, f_opts=b"\x0b\x01"))))
    return got, accept.air


def answer_of(outcome: object) -> bytes:
    got = uplink(outcome)
    assert got.answer is not None
    return got.answer.phy_payload
