"""How a device joins: its nonces, its requests, and which Join-Accept answers one.

- A DevNonce is used once: random up to 1.0.3, rising since (L2 1.0.4 §6.2.5).
- JoinNonce rises since 1.0.4; a device of an older version forgets it, and so does not know.
- RJcount0 begins anew with each session, RJcount1 never does (1.1 §6.2.4).
"""

from dataclasses import dataclass, field
from random import Random

from gateway.demo import frames
from gateway.demo.end_device.activation import JOINING, Activation, Keys, open_join_accept

FORGETFUL = ("1.0.2", "1.0.3")
JOIN_ACCEPT_SIZES = (17, 33)


@dataclass(frozen=True, slots=True)
class Request:
    """A Join-Request, or a Rejoin-Request of its `kind` 0 … 2; `nonce`: DevNonce or RJcount."""

    phy_payload: bytes
    kind: int
    nonce: int


@dataclass(slots=True)
class Joining:
    """The nonces of one device; `attempts` since it last joined."""

    keys: Keys
    random: Random = field(repr=False)
    dev_nonce: int = 0
    join_nonce: int = -1
    rj_count0: int = 0
    rj_count1: int = 0
    attempts: int = 0

    def request(self) -> Request:
        """A Join-Request with the next DevNonce."""
        keys = self.keys
        if keys.lorawan in FORGETFUL:
            self.dev_nonce = self.random.randrange(0x10000)
        else:
            self.dev_nonce += 1
        self.attempts += 1
        request = frames.join_request(keys.root_key, keys.join_eui, keys.dev_eui, self.dev_nonce)
        return Request(request, JOINING, self.dev_nonce)

    def rejoin(self, kind: int, session: Activation) -> Request:
        """1.1 §6.2.4: type 0 and 2 in the session that holds, type 1 with the root key."""
        keys = self.keys
        if kind == 1:
            count, self.rj_count1 = self.rj_count1, self.rj_count1 + 1
            key = frames.derived(keys.nwk_key, 6, keys.dev_eui.to_bytes(8, "little"))
            eui = keys.join_eui
        else:
            count, self.rj_count0 = self.rj_count0, self.rj_count0 + 1
            key, eui = session.s_nwk_s_int_key, session.net_id
        return Request(frames.rejoin_request(key, kind, eui, keys.dev_eui, count), kind, count)

    def opened(self, phy_payload: bytes, request: Request) -> bytes | None:
        """The body of a Join-Accept to that request."""
        if len(phy_payload) not in JOIN_ACCEPT_SIZES:
            return None
        return open_join_accept(self.keys, phy_payload, request.kind, request.nonce)

    def takes(self, join_nonce: int) -> bool:
        """Whether a Join-Accept of this nonce opens a session; then it does."""
        if join_nonce <= self.join_nonce:
            return False
        self.join_nonce, self.rj_count0, self.attempts = join_nonce, 0, 0
        return True

    def power_cycle(self) -> None:
        """What is in the flash stays."""
        if self.keys.lorawan in FORGETFUL:
            self.join_nonce, self.dev_nonce = -1, 0
        self.attempts = 0
