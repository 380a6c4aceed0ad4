"""A virtual class A end device: a LoRaWAN 1.0.3/1.0.4 MAC, written from the specification.

It shares no code with `gateway.lorawan`, only AES and CMAC: what two independent readings of the
specification agree on is worth more than what one says to itself. No IO and no clock: times are
values of the concentrator's 32-bit µs counter, as the air tells them.

Rules:

- An uplink opens RX1 on its own channel and RX2 on RX2's (L2 1.0.4 §3.3). What arrives outside of
  a window, on another frequency or data rate, or not inverted is not heard, as on a real radio.
- RX1 that delivered something keeps RX2 shut.
- A confirmed uplink without ACK is sent again as it was, with the same FCnt (L2 1.0.4 §4.3.1.1).
- A DevNonce is used once, and rises (L2 1.0.4 §6.2.5).
- FCntDown only rises; what repeats or goes back is refused.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.demo import frames
from gateway.demo.frames import MType

COUNTER_MODULUS = 1 << 32
DEFAULT_CHANNELS = (868_100_000, 868_300_000, 868_500_000)  # RP002-1.0.4 §2.4.2
RX2_FREQUENCY, RX2_SF = 869_525_000, 12  # RP002-1.0.4 §2.4.7
JOIN_ACCEPT_DELAY1_US, SECOND_US = 5_000_000, 1_000_000
WINDOW_US = 1_000
"""How far from a window's opening a downlink's first symbol may be and still be caught: a device
opens its receiver for some symbols of 1 ms (SF7) or more."""


class Heard(StrEnum):
    """What a downlink on the air was to this device."""

    JOINED = "joined"
    ACCEPTED = "accepted"
    NO_WINDOW = "no window open then"
    WRONG_FREQUENCY = "another frequency"
    WRONG_SF = "another data rate"
    WRONG_POLARITY = "polarity of an uplink"
    MALFORMED = "not a downlink"
    NOT_OURS = "another device's"
    BAD_MIC = "wrong MIC"
    REPLAYED = "FCntDown did not rise"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a device has of the factory: OTAA has `app_key`, ABP the three others."""

    dev_eui: int
    join_eui: int = 0
    app_key: bytes = field(default=b"", repr=False)
    dev_addr: int = 0
    nwk_s_key: bytes = field(default=b"", repr=False)
    app_s_key: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Activation:
    """A session as the device knows it; `id` is the gateway's: JoinNonce ‖ DevNonce, or ABP's."""

    id: bytes
    dev_addr: int
    nwk_s_key: bytes = field(repr=False)
    app_s_key: bytes = field(repr=False)
    f_cnt_up: int = 0
    f_cnt_down: int = -1


@dataclass(frozen=True, slots=True)
class Uplink:
    """A PHYPayload to put on the air; `f_cnt` is None for a Join-Request."""

    phy_payload: bytes
    f_cnt: int | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Downlink:
    """What the air carried down: counter values in µs, frequency in Hz."""

    phy_payload: bytes
    counter_us: int
    end_us: int
    frequency: int
    sf: int
    inverted: bool


@dataclass(frozen=True, slots=True)
class Window:
    opens_us: int
    frequency: int
    sf: int


@dataclass(slots=True)
class Device:
    """One end device's MAC. `activation` is None until it has joined."""

    keys: Keys
    dev_nonce: int = 0
    activation: Activation | None = None
    channels: list[int] = field(default_factory=lambda: list(DEFAULT_CHANNELS))
    rx2_sf: int = RX2_SF
    rx1_dr_offset: int = 0
    rx_delay_us: int = SECOND_US
    acked: bool = False
    received: list[tuple[int, bytes]] = field(default_factory=list)
    _pending: Uplink | None = None
    _windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        if not self.keys.app_key:
            session = self.keys.dev_addr.to_bytes(4, "big") + b"\0"
            self.activation = Activation(
                session, self.keys.dev_addr, self.keys.nwk_s_key, self.keys.app_s_key
            )

    def join_request(self) -> Uplink:
        """A Join-Request with the next DevNonce (L2 1.0.4 §6.2.5)."""
        self.dev_nonce += 1
        keys = self.keys
        request = frames.join_request(keys.app_key, keys.join_eui, keys.dev_eui, self.dev_nonce)
        return self._take(Uplink(request, None, False))

    def uplink(self, f_port: int, payload: bytes, confirmed: bool = False) -> Uplink:
        """A data uplink with the next FCntUp; the device must be activated."""
        session = self._session()
        f_cnt = session.f_cnt_up
        session.f_cnt_up += 1
        m_type = MType.CONFIRMED_UP if confirmed else MType.UNCONFIRMED_UP
        message = (
            bytes([m_type << 5])
            + session.dev_addr.to_bytes(4, "little")
            + b"\0"  # FCtrl: no ADR, no FOpts
            + (f_cnt & 0xFFFF).to_bytes(2, "little")
            + bytes([f_port])
            + frames.encrypt(session.app_s_key, 0, session.dev_addr, f_cnt, payload)
        )
        mic = frames.data_mic(session.nwk_s_key, 0, session.dev_addr, f_cnt, message)
        return self._take(Uplink(message + mic, f_cnt, confirmed))

    def sent(self, end_us: int, frequency: int, sf: int) -> tuple[Window, ...]:
        """The pending uplink left the antenna at counter value `end_us`: open RX1 and RX2."""
        assert self._pending is not None, "nothing was sent"
        joining = self._pending.f_cnt is None
        delay = JOIN_ACCEPT_DELAY1_US if joining else self.rx_delay_us
        rx1_sf = sf if joining else min(12, sf + self.rx1_dr_offset)
        self._windows = (
            Window((end_us + delay) % COUNTER_MODULUS, frequency, rx1_sf),
            Window(
                (end_us + delay + SECOND_US) % COUNTER_MODULUS,
                RX2_FREQUENCY,
                RX2_SF if joining else self.rx2_sf,
            ),
        )
        return self._windows

    def hear(self, downlink: Downlink) -> Heard:
        """Take a downlink off the air, or say why this device's radio or MAC does not."""
        missed = self._missed(downlink)
        if missed is not None:
            return missed
        m_type = downlink.phy_payload[0] >> 5 if len(downlink.phy_payload) >= 12 else None
        if m_type == MType.JOIN_ACCEPT:
            heard = self._join_accept(downlink.phy_payload)
        elif m_type in (MType.UNCONFIRMED_DOWN, MType.CONFIRMED_DOWN):
            heard = self._data(downlink.phy_payload)
        else:
            heard = Heard.MALFORMED
        if heard in (Heard.JOINED, Heard.ACCEPTED):
            self._windows = ()
        return heard

    def _take(self, uplink: Uplink) -> Uplink:
        self._pending, self._windows, self.acked = uplink, (), False
        return uplink

    def _session(self) -> Activation:
        assert self.activation is not None, "join first"
        return self.activation

    def _missed(self, downlink: Downlink) -> Heard | None:
        """Why the radio does not catch it, or None: the window closest in time says so."""
        if not self._windows:
            return Heard.NO_WINDOW
        window = min(self._windows, key=lambda w: _apart(w.opens_us, downlink.counter_us))
        if _apart(window.opens_us, downlink.counter_us) > WINDOW_US:
            return Heard.NO_WINDOW
        if downlink.frequency != window.frequency:
            return Heard.WRONG_FREQUENCY
        if downlink.sf != window.sf:
            return Heard.WRONG_SF
        return None if downlink.inverted else Heard.WRONG_POLARITY

    def _join_accept(self, phy_payload: bytes) -> Heard:
        if self._pending is None or self._pending.f_cnt is not None:
            return Heard.NOT_OURS
        if len(phy_payload) not in (17, 33):
            return Heard.MALFORMED
        body = frames.join_accept(self.keys.app_key, phy_payload)
        if body is None:
            return Heard.BAD_MIC
        self._activate(body)
        return Heard.JOINED

    def _activate(self, body: bytes) -> None:
        """JoinNonce 3, NetID 3, DevAddr 4, DLSettings 1, RxDelay 1, CFList 0 or 16 bytes."""
        self.activation = Activation(
            id=body[0:3][::-1] + self.dev_nonce.to_bytes(2, "big"),
            dev_addr=int.from_bytes(body[6:10], "little"),
            nwk_s_key=frames.session_key(self.keys.app_key, 1, body, self.dev_nonce),
            app_s_key=frames.session_key(self.keys.app_key, 2, body, self.dev_nonce),
        )
        self.rx1_dr_offset, self.rx2_sf = body[10] >> 4 & 7, 12 - (body[10] & 15)
        self.rx_delay_us = max(1, body[11] & 15) * SECOND_US
        self.channels = [*DEFAULT_CHANNELS, *frames.cf_list(body[12:])]

    def _data(self, phy_payload: bytes) -> Heard:
        """L2 1.0.4 §4.3: FHDR = DevAddr 4, FCtrl 1, FCnt 2, FOpts 0…15; then FPort, FRMPayload."""
        session = self.activation
        if session is None or int.from_bytes(phy_payload[1:5], "little") != session.dev_addr:
            return Heard.NOT_OURS
        message, mic = phy_payload[:-4], phy_payload[-4:]
        low = int.from_bytes(message[6:8], "little")
        f_cnt = frames.unfold(session.f_cnt_down, low)
        if frames.data_mic(session.nwk_s_key, 1, session.dev_addr, f_cnt, message) != mic:
            stale = frames.folded(session.f_cnt_down, low)
            same = frames.data_mic(session.nwk_s_key, 1, session.dev_addr, stale, message) == mic
            return Heard.REPLAYED if same else Heard.BAD_MIC
        session.f_cnt_down = f_cnt
        self.acked = bool(message[5] & 0x20)
        f_port_at = 8 + (message[5] & 15)
        if len(message) > f_port_at:
            f_port = message[f_port_at]
            key = session.app_s_key if f_port else session.nwk_s_key
            payload = frames.encrypt(key, 1, session.dev_addr, f_cnt, message[f_port_at + 1 :])
            self.received.append((f_port, payload))
        return Heard.ACCEPTED


def _apart(a: int, b: int) -> int:
    """The distance of two counter values, across the wrap too."""
    forward = (a - b) % COUNTER_MODULUS
    return min(forward, COUNTER_MODULUS - forward)
