"""A virtual end device of class A or C: a LoRaWAN MAC of 1.0.2 to 1.1, after the specification.

It shares no code with `gateway.lorawan`, only AES and CMAC: what two independent readings of the
specification agree on is worth more than what one says to itself. No IO and no clock: times are
values of the concentrator's 32-bit µs counter, as the air tells them.

Rules:

- An uplink opens RX1 on its own channel and RX2 on RX2's (L2 1.0.4 §3.3). What arrives outside of
  a window, on another frequency or data rate, or not inverted is not heard, as on a real radio.
- RX1 that delivered something keeps RX2 shut.
- An uplink is repeated, as it was and with the same FCnt, until something is heard (confirmed:
  until its ACK), NbTrans times; a confirmed one of 1.0.2 and 1.0.3 eight times, slower and slower.
- FCntDown only rises; what repeats or goes back is refused.
- After a power cycle a device that joins has lost its session. It has kept nothing up to 1.0.3,
  DevNonce and JoinNonce in 1.0.4, and RJcount1 in 1.1. ABP goes on: in 1.0.4 with its
  counters and settings, in 1.1 with its counters and a ResetInd, before with nothing.
- `violations` are what no network may do to this device: an authentic downlink outside its window,
  a counter or nonce once more, a MAC command that it cannot follow.
"""

from dataclasses import dataclass, field, replace
from random import Random

from gateway.demo.end_device.activation import (
    ACK,
    F_PENDING,
    Activation,
    Frame,
    Keys,
    faults,
)
from gateway.demo.end_device.commands import DEVICE_MODE, DEVICE_TIME, REKEY, RESET, Commands
from gateway.demo.end_device.joining import FORGETFUL, JOIN_ACCEPT_SIZES, Joining, Request
from gateway.demo.end_device.plan import EU868, Plan
from gateway.demo.end_device.sending import Sending, Uplink
from gateway.demo.end_device.settings import Settings
from gateway.demo.end_device.windows import (
    COUNTER_MODULUS,
    WINDOW_US,
    Downlink,
    Heard,
    Window,
    missed,
    mistuned,
)
from gateway.demo.frames import MType

__all__ = [
    "COUNTER_MODULUS",
    "WINDOW_US",
    "Activation",
    "Device",
    "Downlink",
    "Heard",
    "Keys",
    "Uplink",
]

JOIN_ACCEPT_DELAY1_US, SECOND_US = 5_000_000, 1_000_000
ADR, ADR_ACK_REQ, F_OPTS_ROOM = 0x80, 0x40, 15
CLASS_C, KEEPS_RADIO = 2, 2
SMALLEST = 12  # MHDR, FHDR without FOpts, MIC


@dataclass(slots=True)
class Device:
    """One end device's MAC. `activation` is None until it has joined."""

    keys: Keys
    plan: Plan = EU868
    adr: bool = False
    device_class: str = "A"
    random: Random = field(default_factory=lambda: Random(1))
    activation: Activation | None = None
    acked: bool = False
    more_waits: bool = False
    received: list[tuple[int, bytes]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    settings: Settings = field(init=False)
    commands: Commands = field(init=False)
    joining: Joining = field(init=False)
    adr_ack_count: int = 0
    _sending: Sending | None = None
    _windows: tuple[Window, ...] = ()
    _answered: bool = False
    _owes_ack: int | None = None

    def __post_init__(self) -> None:
        self.joining = Joining(self.keys, self.random)
        self._begin(None if self.keys.otaa else Activation.by_personalization(self.keys))

    @property
    def channels(self) -> list[int]:
        """The frequencies that it sends on."""
        return [self.settings.channels[i].frequency for i in sorted(self.settings.enabled)]

    @property
    def wants_to_speak(self) -> bool:
        """Whether the network has more, or waits for this device's ACK."""
        return self.more_waits or self._owes_ack is not None

    @property
    def listens_always(self) -> bool:
        """Whether it hears the network outside of its windows: class C, known to the network."""
        if self.device_class != "C" or self.activation is None:
            return False
        return not self.activation.minor or self.commands.class_c

    def join_state(self) -> bool:
        """Whether it has to join: 1.1 also gives up a session whose RekeyInd nobody confirms
        (1.1 §5.10)."""
        session = self.activation
        unconfirmed = self.keys.otaa and REKEY in self.commands.announces
        if session and unconfirmed and session.f_cnt_up >= self.settings.adr_ack_limit:
            self._begin(None)
        return self.activation is None

    def ask_time(self) -> None:
        """DeviceTimeReq with the next uplink."""
        self.commands.ask(DEVICE_TIME)

    def power_cycle(self) -> None:
        """Switched off and on again: all is lost that is not in its flash."""
        session, settings = self.activation, self.settings
        if self.keys.lorawan in FORGETFUL:
            session = Activation.by_personalization(self.keys)
        self.joining.power_cycle()
        self._begin(None if self.keys.otaa else session)
        if not self.keys.otaa and self.keys.lorawan == "1.0.4":
            self.settings = self.commands.settings = settings

    def join_request(self) -> Uplink:
        """A Join-Request, each second one slower."""
        self._begin(None)
        settings, drs = self.settings, [dr for dr in self.plan.rx1 if self.settings.usable(dr)]
        settings.dr = drs[-1 - self.joining.attempts // 2 % len(drs)]
        return self._send(Sending(self.joining.request()))

    def rejoin_request(self, kind: int) -> Uplink:
        """A Rejoin-Request of 1.1, out of the session that holds."""
        return self._send(Sending(self.joining.rejoin(kind, self._session())))

    def uplink(self, f_port: int | None, payload: bytes, confirmed: bool = False) -> Uplink:
        """A data uplink with the next FCntUp; the device must be activated."""
        session = self._session()
        f_cnt = session.f_cnt_up
        session.f_cnt_up += 1
        ask = self._count_unanswered()
        room = self.plan.uplink_room(self.settings.dr) - len(payload)
        self.commands.asked.clear()
        frame = Frame(
            m_type=MType.CONFIRMED_UP if confirmed else MType.UNCONFIRMED_UP,
            f_ctrl=ADR * self.adr | ADR_ACK_REQ * ask | ACK * (self._owes_ack is not None),
            f_cnt=f_cnt,
            f_opts=self.commands.collect(min(F_OPTS_ROOM, room)) if f_port != 0 else b"",
            f_port=f_port,
            payload=payload,
        )
        acked_f_cnt, self._owes_ack = self._owes_ack or 0, None
        return self._send(Sending(frame, acked_f_cnt=acked_f_cnt))

    def repetition(self) -> Uplink | None:
        """The last uplink once more, as long as it is to be repeated."""
        sending = self._sending
        if sending is None or sending.frame is None or self.activation is None:
            return None
        if self.acked if sending.confirmed else self._answered:
            return None
        version = self.keys.lorawan
        if not sending.may_repeat(version, self.settings.nb_trans):
            return None
        if sending.is_patient(version) and self.adr and sending.trials % 2 == 0:
            self._slow_down(len(sending.frame.payload) + len(sending.frame.f_opts))
        return self._send(sending)

    def ack_timeout_s(self) -> float:
        """How long to wait after RX2 before a repetition (RP002-1.0.4 §2.3)."""
        return self.random.uniform(1, 3)

    def sent(
        self,
        end_us: int,
        frequency: int | None = None,
        sf: int | None = None,
        bandwidth: int = 125_000,
    ) -> tuple[Window, ...]:
        """The uplink left the antenna at counter value `end_us`: open RX1 and RX2.

        `frequency` and `sf` where it was not sent as `Uplink` says.
        """
        sending, settings, plan = self._sending, self.settings, self.plan
        assert sending is not None, "nothing was sent"
        channel = settings.channels.get(sending.channel)
        dr = sending.dr if sf is None else plan.dr(sf, bandwidth)
        assert dr is not None
        assert channel is not None
        if frequency is not None and not plan.fixed and frequency != channel.frequency:
            rx1_frequency = frequency
        else:
            rx1_frequency = channel.rx1_frequency
        delay = JOIN_ACCEPT_DELAY1_US if sending.request else settings.rx_delay_s * SECOND_US
        self._windows = settings.windows(end_us + delay, dr, rx1_frequency)
        return self._windows

    def hear(self, downlink: Downlink) -> Heard:
        """Take a downlink off the air, or say why this device's radio or MAC does not."""
        why = missed(downlink, self._windows)
        class_a = why is None
        if not class_a and self.listens_always:
            why = mistuned(downlink, self.settings.rx2(0))
        if why is not None:
            if self._is_ours(downlink.phy_payload):
                self.violations.append(f"a downlink of ours came with {why}")
            return why
        phy_payload = downlink.phy_payload
        m_type = phy_payload[0] >> 5 if len(phy_payload) >= SMALLEST else None
        if m_type == MType.JOIN_ACCEPT:
            heard = self._join_accept(phy_payload)
        elif m_type in (MType.UNCONFIRMED_DOWN, MType.CONFIRMED_DOWN):
            heard = self._data(downlink, class_a)
        else:
            heard = Heard.MALFORMED
        if class_a and heard in (Heard.JOINED, Heard.ACCEPTED):
            self._windows = ()
        return heard

    def reads(self, phy_payload: bytes) -> Frame | None:
        """What a data downlink would say to this device, that has not heard it."""
        if self.activation is None:
            return None
        frame = replace(self.activation).downlink(phy_payload, self._confirmed_f_cnt())
        return frame if isinstance(frame, Frame) else None

    def _begin(self, session: Activation | None) -> None:
        """Everything that belongs to a session starts anew."""
        self.activation, self.settings = session, Settings(self.plan)
        self.commands = Commands(self.plan, self.keys.lorawan, self.settings, self.adr)
        self._sending, self._windows, self._owes_ack = None, (), None
        self.acked = self.more_waits = self._answered = False
        self.adr_ack_count = 0
        if session is not None and session.minor:
            self._announce(REKEY if self.keys.otaa else RESET)

    def _announce(self, cid: int) -> None:
        self.commands.announce(cid)
        if self.device_class == "C":
            self.commands.announce(DEVICE_MODE, CLASS_C)

    def _session(self) -> Activation:
        assert self.activation is not None, "join first"
        return self.activation

    def _count_unanswered(self) -> bool:
        """One uplink more: ADR back-off, and whether to ask for a sign of life (§4.3.1.1)."""
        if not self.adr:
            return False
        asks = self.adr_ack_count >= self.settings.adr_ack_limit
        self.settings.back_off(self.adr_ack_count)
        self.adr_ack_count += 1
        return asks

    def _slow_down(self, size: int) -> None:
        dr = self.settings.dr - 1
        if self.settings.usable(dr) and self.plan.uplink_room(dr) >= size:
            self.settings.dr = dr

    def _send(self, sending: Sending) -> Uplink:
        """Draw a channel, and sign: a 1.1 frame is signed for its channel and data rate."""
        settings = self.settings
        sending.dr = settings.dr
        sending.channel = self.random.choice(settings.usable(sending.dr) or [0])
        sending.trials += 1
        what = sending.what
        if isinstance(what, Request):
            phy_payload, f_cnt = what.phy_payload, None
        else:
            phy_payload, f_cnt = self._signed(what, sending), what.f_cnt
        self._sending, self._windows = sending, ()
        self.acked = self._answered = self.more_waits = False
        return Uplink(
            phy_payload,
            f_cnt,
            sending.confirmed,
            settings.channels[sending.channel].frequency,
            self.plan.rates[sending.dr],
            settings.tx_power,
        )

    def _signed(self, frame: Frame, sending: Sending) -> bytes:
        return self._session().uplink(frame, sending.dr, sending.channel, sending.acked_f_cnt)

    def _is_ours(self, phy_payload: bytes) -> bool:
        """Whether a downlink that was missed was meant for this device."""
        if len(phy_payload) < SMALLEST:
            return False
        m_type = phy_payload[0] >> 5
        if m_type == MType.JOIN_ACCEPT:
            return self._opened(phy_payload) is not None
        if m_type not in (MType.UNCONFIRMED_DOWN, MType.CONFIRMED_DOWN):
            return False
        return self.reads(phy_payload) is not None

    def _opened(self, phy_payload: bytes) -> bytes | None:
        """The body of a Join-Accept to what was asked last."""
        request = self._sending.request if self._sending else None
        return None if request is None else self.joining.opened(phy_payload, request)

    def _join_accept(self, phy_payload: bytes) -> Heard:
        sending = self._sending
        if sending is None or sending.request is None:
            return Heard.NOT_OURS
        if len(phy_payload) not in JOIN_ACCEPT_SIZES:
            return Heard.MALFORMED
        body = self._opened(phy_payload)
        if body is None:
            return Heard.BAD_MIC
        join_nonce, last = int.from_bytes(body[0:3], "little"), self.joining.join_nonce
        if not self.joining.takes(join_nonce):
            self.violations.append(f"JoinNonce {join_nonce} came after {last}")
            return Heard.NONCE_REUSED
        self._activate(body, sending.request, sending.dr)
        return Heard.JOINED

    def _activate(self, body: bytes, request: Request, dr: int) -> None:
        """A rejoin of type 2 keeps the radio as it is (1.1 §6.2.4.2)."""
        before = self.settings
        self._begin(Activation.by_join(self.keys, body, request.nonce))
        if request.kind == KEEPS_RADIO:
            self.settings = self.commands.settings = before
        else:
            self.settings.dr = dr
            self.settings.join_accept(body[10] & 0x7F, body[11], body[12:])
        self.commands.version = self.keys.lorawan
        if self.keys.lorawan == "1.1" and not self._session().minor:
            self.commands.version = "1.0.3"

    def _data(self, downlink: Downlink, class_a: bool) -> Heard:
        session = self.activation
        if session is None:
            return Heard.NOT_OURS
        frame = session.downlink(downlink.phy_payload, self._confirmed_f_cnt())
        if isinstance(frame, Heard):
            if frame is Heard.REPLAYED:
                self.violations.append("FCntDown was used before")
            return frame
        confirmed = self._sending is not None and self._sending.confirmed
        room = self.plan.room(downlink.sf, downlink.bandwidth)
        self.violations += faults(frame, confirmed, room)
        self.adr_ack_count = 0
        if class_a:
            self._answered = True
            self.commands.heard_class_a()
        self.acked = self.acked or bool(frame.f_ctrl & ACK)
        self.more_waits = bool(frame.f_ctrl & F_PENDING)
        if frame.m_type == MType.CONFIRMED_DOWN:
            self._owes_ack = frame.f_cnt
        refused = len(self.commands.refused)
        self.commands.take(frame.payload if frame.f_port == 0 else frame.f_opts, downlink.snr)
        self.violations += self.commands.refused[refused:]
        if frame.f_port is not None and frame.f_port != 0:
            self.received.append((frame.f_port, frame.payload))
        return Heard.ACCEPTED

    def _confirmed_f_cnt(self) -> int:
        """FCnt of the uplink that an ACK would be for."""
        frame = self._sending.frame if self._sending else None
        return frame.f_cnt if frame is not None else 0
