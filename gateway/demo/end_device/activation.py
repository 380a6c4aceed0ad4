"""A device's keys, its session, and the data frames of that session, 1.0.x and 1.1.

- In 1.0.x one NwkSKey does everything for the network; 1.1 has three, and two counters downwards:
  AFCntDown for an application's frames, NFCntDown for the others (1.1 §4.3.1.5).
- A counter of 16 bits on the air stands for the next higher one of 32 bits.
"""

from dataclasses import dataclass, field
from typing import Literal

from gateway.demo import frames
from gateway.demo.end_device.windows import Heard
from gateway.demo.frames import DOWN, UP, MType

Version = Literal["1.0.2", "1.0.3", "1.0.4", "1.1"]
OPT_NEG = 0x80
ACK, F_PENDING = 0x20, 0x10
JOINING = 0xFF
"""JoinReqType of a plain Join-Request; Rejoin-Requests have 0, 1 and 2."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a device has of the factory: OTAA has `app_key` (1.1: and `nwk_key`), ABP the session.

    In 1.1 `nwk_s_key` is FNwkSIntKey, and ABP has the other two beside it.
    """

    dev_eui: int
    join_eui: int = 0
    app_key: bytes = field(default=b"", repr=False)
    dev_addr: int = 0
    nwk_s_key: bytes = field(default=b"", repr=False)
    app_s_key: bytes = field(default=b"", repr=False)
    nwk_key: bytes = field(default=b"", repr=False)
    s_nwk_s_int_key: bytes = field(default=b"", repr=False)
    nwk_s_enc_key: bytes = field(default=b"", repr=False)
    lorawan: Version = "1.0.4"

    @property
    def otaa(self) -> bool:
        return bool(self.app_key)

    @property
    def root_key(self) -> bytes:
        """The key of Join-Requests: NwkKey in 1.1, AppKey before."""
        return self.nwk_key if self.lorawan == "1.1" else self.app_key


@dataclass(frozen=True, slots=True)
class Frame:
    """A data frame in the clear; `f_port` None has no payload either."""

    m_type: int
    f_ctrl: int
    f_cnt: int
    f_opts: bytes
    f_port: int | None
    payload: bytes


def faults(frame: Frame, expects_ack: bool, room: int) -> list[str]:
    """What an authentic downlink may not be; `room` is what its data rate carries."""
    found = []
    if frame.f_port == 0 and frame.f_opts:
        found.append("MAC commands stand in FOpts and on FPort 0")
    if frame.f_ctrl & ACK and not expects_ack:
        found.append("an ACK of nothing that was confirmed")
    if len(frame.payload) + len(frame.f_opts) > room:
        found.append(f"a downlink of more than {room} bytes")
    return found


@dataclass(slots=True)
class Activation:
    """A session as the device knows it; `id` is the gateway's: JoinNonce ‖ DevNonce, or ABP's.

    `f_cnt_up` is the next to use, the others the last heard. `minor` is 1 for LoRaWAN 1.1.
    """

    id: bytes
    dev_addr: int
    nwk_s_key: bytes = field(repr=False)
    app_s_key: bytes = field(repr=False)
    f_cnt_up: int = 0
    f_cnt_down: int = -1
    a_f_cnt_down: int = -1
    s_nwk_s_int_key: bytes = field(default=b"", repr=False)
    nwk_s_enc_key: bytes = field(default=b"", repr=False)
    net_id: int = 0
    minor: int = 0

    @classmethod
    def by_personalization(cls, keys: Keys) -> "Activation":
        return cls(
            id=keys.dev_addr.to_bytes(4, "big") + b"\0",
            dev_addr=keys.dev_addr,
            nwk_s_key=keys.nwk_s_key,
            app_s_key=keys.app_s_key,
            s_nwk_s_int_key=keys.s_nwk_s_int_key,
            nwk_s_enc_key=keys.nwk_s_enc_key,
            minor=int(keys.lorawan == "1.1"),
        )

    @classmethod
    def by_join(cls, keys: Keys, body: bytes, nonce: int) -> "Activation":
        """The session of a Join-Accept: JoinNonce 3, NetID 3, DevAddr 4, DLSettings 1, …

        With OptNeg unset a 1.1 device falls back to 1.0.x, with NwkKey in AppKey's place.
        """
        minor = body[10] >> 7
        if minor:
            f_int, s_int, enc, app_s_key = _session_keys_1_1(keys, body, nonce)
        else:
            f_int, app_s_key = (
                frames.session_key(keys.root_key, kind, body, nonce) for kind in (1, 2)
            )
            s_int = enc = f_int
        return cls(
            id=body[0:3][::-1] + nonce.to_bytes(2, "big"),
            dev_addr=int.from_bytes(body[6:10], "little"),
            nwk_s_key=f_int,
            app_s_key=app_s_key,
            s_nwk_s_int_key=s_int,
            nwk_s_enc_key=enc,
            net_id=int.from_bytes(body[3:6], "little"),
            minor=minor,
        )

    def uplink(self, frame: Frame, dr: int, channel: int, acked_f_cnt: int) -> bytes:
        """PHYPayload of an uplink; data rate, channel and `acked_f_cnt` (with ACK) are 1.1's."""
        f_opts, f_cnt = frame.f_opts, frame.f_cnt
        if self.minor and f_opts:
            f_opts = frames.encrypt_f_opts(
                self.nwk_s_enc_key, UP, self.dev_addr, f_cnt, f_opts, a_f_cnt_down=False
            )
        message = (
            bytes([frame.m_type << 5])
            + self.dev_addr.to_bytes(4, "little")
            + bytes([frame.f_ctrl | len(f_opts)])
            + (f_cnt & 0xFFFF).to_bytes(2, "little")
            + f_opts
        )
        if frame.f_port is not None:
            key = self._payload_key(frame.f_port)
            message += bytes([frame.f_port])
            message += frames.encrypt(key, UP, self.dev_addr, f_cnt, frame.payload)
        mic = frames.data_mic(self.nwk_s_key, UP, self.dev_addr, f_cnt, message)
        if not self.minor:
            return message + mic
        acked = acked_f_cnt & 0xFFFF if frame.f_ctrl & ACK else 0
        more = acked.to_bytes(2, "little") + bytes([dr, channel])
        serving = frames.data_mic(self.s_nwk_s_int_key, UP, self.dev_addr, f_cnt, message, more)
        return message + serving[:2] + mic[:2]

    def downlink(self, phy_payload: bytes, confirmed_f_cnt: int) -> Frame | Heard:
        """The frame in the clear, its counter taken; or why it is refused.

        FHDR = DevAddr 4, FCtrl 1, FCnt 2, FOpts 0…15; then FPort, FRMPayload (§4.3).
        `confirmed_f_cnt` is that of the confirmed uplink an ACK would be for.
        """
        if int.from_bytes(phy_payload[1:5], "little") != self.dev_addr:
            return Heard.NOT_OURS
        message, mic = phy_payload[:-4], phy_payload[-4:]
        f_port_at = 8 + (message[5] & 15)
        if len(message) < f_port_at:
            return Heard.MALFORMED
        f_port = message[f_port_at] if len(message) > f_port_at else None
        more = bytes(4)
        if self.minor and message[5] & ACK:
            more = (confirmed_f_cnt & 0xFFFF).to_bytes(2, "little") + bytes(2)
        key = self.s_nwk_s_int_key if self.minor else self.nwk_s_key
        last, low = self._last_down(f_port), int.from_bytes(message[6:8], "little")
        f_cnt = frames.unfold(last, low)
        if frames.data_mic(key, DOWN, self.dev_addr, f_cnt, message, more) != mic:
            stale = frames.folded(last, low)
            same = frames.data_mic(key, DOWN, self.dev_addr, stale, message, more) == mic
            return Heard.REPLAYED if same else Heard.BAD_MIC
        self._take(f_port, f_cnt)
        return self._clear(message, f_cnt, f_port, f_port_at)

    def _clear(self, message: bytes, f_cnt: int, f_port: int | None, f_port_at: int) -> Frame:
        f_opts, payload = message[8:f_port_at], message[f_port_at + 1 :]
        if self.minor and f_opts:
            f_opts = frames.encrypt_f_opts(
                self.nwk_s_enc_key, DOWN, self.dev_addr, f_cnt, f_opts, a_f_cnt_down=bool(f_port)
            )
        if f_port is not None:
            key = self._payload_key(f_port)
            payload = frames.encrypt(key, DOWN, self.dev_addr, f_cnt, payload)
        return Frame(MType(message[0] >> 5), message[5], f_cnt, f_opts, f_port, payload)

    def _payload_key(self, f_port: int) -> bytes:
        if f_port:
            return self.app_s_key
        return self.nwk_s_enc_key if self.minor else self.nwk_s_key

    def _last_down(self, f_port: int | None) -> int:
        return self.a_f_cnt_down if self.minor and f_port else self.f_cnt_down

    def _take(self, f_port: int | None, f_cnt: int) -> None:
        if self.minor and f_port:
            self.a_f_cnt_down = f_cnt
        else:
            self.f_cnt_down = f_cnt


def _session_keys_1_1(keys: Keys, body: bytes, nonce: int) -> tuple[bytes, bytes, bytes, bytes]:
    """FNwkSIntKey, SNwkSIntKey, NwkSEncKey and AppSKey."""
    numbers = ((keys.nwk_key, 1), (keys.nwk_key, 3), (keys.nwk_key, 4), (keys.app_key, 2))
    f_int, s_int, enc, app = (
        frames.session_key_1_1(key, kind, body, keys.join_eui, nonce) for key, kind in numbers
    )
    return f_int, s_int, enc, app


def open_join_accept(keys: Keys, phy_payload: bytes, kind: int, nonce: int) -> bytes | None:
    """The body of a Join-Accept to what was asked, or None for a wrong MIC.

    `kind` is JOINING or a Rejoin-Request's type, `nonce` the DevNonce or RJcount.
    """
    if keys.lorawan != "1.1":
        return frames.join_accept(keys.app_key, phy_payload)
    seed = keys.dev_eui.to_bytes(8, "little")
    key = keys.nwk_key if kind == JOINING else frames.derived(keys.nwk_key, 5, seed)
    js_int_key = frames.derived(keys.nwk_key, 6, seed)
    body = frames.join_accept_1_1(key, js_int_key, kind, keys.join_eui, nonce, phy_payload)
    if body is not None:
        return body if body[10] & OPT_NEG else None
    body = frames.join_accept(keys.nwk_key, phy_payload) if kind == JOINING else None
    return None if body is None or body[10] & OPT_NEG else body
