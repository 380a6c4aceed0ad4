"""One frame as its device meant it: what an answer, and every verdict on it, refers to."""

from dataclasses import dataclass, replace

from gateway.demo.end_device.activation import JOINING
from gateway.simulation.population import EndDevice

Key = tuple[int, bytes, int]
"""DevEUI, session and FCnt of a data frame."""
Nonce = tuple[str, int, int | bytes, int]
"""What kind, DevEUI, JoinEUI or session, and the number."""
NOTHING = -1
"""Stands for the FCnt of what was not said: the network speaks unasked (class C)."""


@dataclass(frozen=True, slots=True)
class Said:
    """`key` is None for a request to join."""

    one: EndDevice
    phy_payload: bytes
    key: Key | None
    f_port: int = 0
    payload: bytes = b""
    join_type: int = JOINING
    nonce: int = 0
    session: bytes = b""

    @property
    def spends(self) -> Nonce:
        """What a request to join uses up: RJcount0 in its session, the others for ever."""
        keys = self.one.mac.keys
        match self.join_type:
            case 0 | 2:
                return "RJcount0", keys.dev_eui, self.session, self.nonce
            case 1:
                return "RJcount1", keys.dev_eui, keys.join_eui, self.nonce
        return "DevNonce", keys.dev_eui, keys.join_eui, self.nonce

    @property
    def unasked(self) -> bool:
        """Whether the device has said nothing."""
        return self.key is not None and self.key[2] == NOTHING

    def again(self, phy_payload: bytes) -> "Said":
        """The same once more; a 1.1 frame is signed anew."""
        return replace(self, phy_payload=phy_payload)


def nothing_said(one: EndDevice, session: bytes) -> Said:
    """What a downlink outside of all windows answers."""
    return Said(one, b"", (one.dev_eui, session, NOTHING))
