"""One session of one device: its address, keys and counters, and what an uplink changes on disk.

Rules:

- DevEUI, JoinEUI, DevAddr and nonces are integers here; their byte order on the air is decided in
  `native/` alone, and in text they are hex, most significant byte first.
- `f_cnt_up` is the last accepted 32-bit counter, -1 before the first; it only rises.
- `f_cnt_down` is the next to use. It is used only below `f_cnt_down_reserved`, and what is
  reserved is on disk before it is used: after a crash the counter goes on at the reservation.
- With the disk dead nothing can be reserved: `reserved_on_disk` is how far counters may go then.
- LoRaWAN 1.1 has two downlink counters: `f_cnt_down` is NFCntDown there, for frames without an
  application's payload, `a_f_cnt_down` is AFCntDown. Up to 1.0.4 there is one for all.
- A session that was joined stays `pending` until its first uplink: the device may never have
  heard the Join-Accept, and then goes on speaking in the session before it.
"""

from dataclasses import dataclass, field
from typing import Literal

from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.mac_state import FACTORY, Mac
from gateway.lorawan.order import Queued

RESERVED_AHEAD = 16


@dataclass(slots=True)
class Session:
    """State of one activation. `id` is D2's session: JoinNonce ‖ DevNonce, or DevAddr ‖ resets.

    `net_id` went into the keys of a 1.0.x join. `rj_count_0` is the last RJcount0 of a
    Rejoin-Request made in this session, -1 before the first.
    """

    dev_eui: int
    id: bytes
    dev_addr: int
    f_nwk_s_int_key: bytes = field(repr=False)
    s_nwk_s_int_key: bytes = field(repr=False)
    nwk_s_enc_key: bytes = field(repr=False)
    app_s_key: bytes = field(repr=False)
    f_cnt_up: int = -1
    f_cnt_down: int = 0
    f_cnt_down_reserved: int = 0
    pending: bool = False
    version: Literal["1.0", "1.1"] = "1.0"
    a_f_cnt_down: int = 0
    a_f_cnt_down_reserved: int = 0
    net_id: int = 0
    rj_count_0: int = -1
    mac: Mac = FACTORY
    reserved_on_disk: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)

    @property
    def is_within_reserved(self) -> bool:
        """Every downlink counter that was taken lies below what is reserved on disk by now."""
        n, a = self.reserved_on_disk
        return self.f_cnt_down <= n and self.a_f_cnt_down <= a

    def is_on_disk(self, written: "Session") -> None:
        """This copy of it has been written, or read."""
        self.reserved_on_disk = (written.f_cnt_down_reserved, written.a_f_cnt_down_reserved)

    def next_f_cnt_down(self, f_port: int | None) -> int:
        """The counter that the next downlink on `f_port` takes."""
        return self.a_f_cnt_down if self.version == "1.1" and f_port else self.f_cnt_down

    def take_f_cnt_down(self, f_port: int | None = None) -> int:
        """The next counter for a downlink on `f_port`. The caller commits this session before it
        is on the air.
        """
        f_cnt = self.next_f_cnt_down(f_port)
        if self.version == "1.1" and f_port:
            self.a_f_cnt_down += 1
            self.a_f_cnt_down_reserved = _reserved(self.a_f_cnt_down, self.a_f_cnt_down_reserved)
        else:
            self.f_cnt_down += 1
            self.f_cnt_down_reserved = _reserved(self.f_cnt_down, self.f_cnt_down_reserved)
        return f_cnt

    def skip_reserved(self) -> None:
        """After a start: what lies below the reservations may have been on the air."""
        self.f_cnt_down = self.f_cnt_down_reserved
        self.a_f_cnt_down = self.a_f_cnt_down_reserved


def _reserved(following: int, reserved: int) -> int:
    return reserved if following <= reserved else following + RESERVED_AHEAD


@dataclass(frozen=True, slots=True)
class Join:
    """What an accepted Join-Request leaves behind for ever: its nonces are spent."""

    dev_eui: int
    join_eui: int
    dev_nonce: int
    join_nonce: int


@dataclass(frozen=True, slots=True)
class Rejoin:
    """What an accepted Rejoin-Request leaves behind for ever: the last RJcount1, and JoinNonce."""

    dev_eui: int
    join_eui: int
    rj_count_1: int
    join_nonce: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What one uplink changed, to be committed in one transaction with its reading (D1a).

    `sessions` and `downlinks` are written whole, `ended` are (DevEUI, session id) to delete.
    """

    sessions: tuple[Session, ...] = ()
    ended: tuple[tuple[int, bytes], ...] = ()
    joins: tuple[Join, ...] = ()
    rejoins: tuple[Rejoin, ...] = ()
    downlinks: tuple[Queued, ...] = ()


NO_CHANGES = Changes()


@dataclass(frozen=True, slots=True)
class KnownState:
    """What the store knows at start: live sessions, joins and rejoins, airtime that may count, and
    downlinks, the last that are done among them.
    """

    sessions: tuple[Session, ...] = ()
    joins: tuple[Join, ...] = ()
    airtime: tuple[Spent, ...] = ()
    rejoins: tuple[Rejoin, ...] = ()
    downlinks: tuple[Queued, ...] = ()
