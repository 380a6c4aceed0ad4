"""What the network answers an uplink with, and when the device listens for it.

Rules:

- A class A device listens twice after each uplink: RX1 at a frequency and data rate that follow
  the uplink's, RX2 at a fixed frequency and data rate. An answer goes out in one of them.
- The windows are those that the device has confirmed (`gateway.lorawan.mac_state`), after a
  Join-Request the region's.
- RX1 is left out where it cannot be served: an uplink in FSK, at an unknown data rate, on a
  frequency that may not be transmitted on, or at a data rate that the dwell time forbids. Where
  nothing may be sent there is no window at all.
- Nobody knows beforehand which window it will be: a frame has to fit both.
- MAC commands go into FOpts, beside an application's payload if there is one. More than 15 bytes go
  into FPort 0 when there is no such payload; else what is left waits, and FPending says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from drivers.concentrator import RxPacket
from gateway.lorawan.activation import SessionKeys
from gateway.lorawan.frame import FCtrl, MType
from gateway.lorawan.mac_commands import MacCommand
from gateway.lorawan.mac_downlink import FOPTS_ROOM, Commands, fit
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.order import Queued
from gateway.lorawan.region import Region
from gateway.lorawan.session import Session
from native import frames

FHDR_SIZE = 7
FPORT_SIZE = 1
MAX_MAC_PAYLOAD = 250


@dataclass(frozen=True, slots=True)
class Window:
    """RX1 or RX2: µs from the uplink's end to the downlink's first symbol, Hz, and dBm e.i.r.p.

    `room` is the largest MACPayload in bytes that its data rate allows.
    """

    number: Literal[1, 2]
    delay_us: int
    frequency: int
    sf: int
    bandwidth: int
    power: int
    room: int = MAX_MAC_PAYLOAD


@dataclass(frozen=True, slots=True)
class Answer:
    """One downlink, ready to be sent in the first of `windows` that is in time and free.

    `downlink` is the number of the queued one that it carries; `dev_eui` the device's that it is
    for.
    """

    phy_payload: bytes
    windows: tuple[Window, ...]
    downlink: int | None = None
    dev_eui: int | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """An application's downlink: FPort 1 … 223, FRMPayload, and whether it wants an ACK."""

    f_port: int
    frm_payload: bytes
    confirmed: bool = False


def application_of(queued: Queued | None) -> Application | None:
    """What the city has sent, as it goes into a frame."""
    if queued is None:
        return None
    order = queued.order
    return Application(order.f_port, order.payload, order.confirmed)


@dataclass(frozen=True, slots=True)
class Composed:
    """A data downlink and what went in; `left` are the commands that did not."""

    phy_payload: bytes
    f_cnt: int
    commands: Commands
    left: Commands
    application: Application | None


def data_windows(region: Region, rx: RxParams, uplink: RxPacket) -> tuple[Window, ...]:
    """RX1 and RX2 after a data uplink of a device with these receive parameters."""
    delay = rx.rx1_delay * 1_000_000
    return _windows(region, rx, uplink, delay, delay + 1_000_000)


def join_windows(region: Region, rx: RxParams, uplink: RxPacket) -> tuple[Window, ...]:
    """RX1 and RX2 after a Join- or Rejoin-Request."""
    delays = region.join_accept_delay1_us, region.join_accept_delay2_us
    return _windows(region, rx, uplink, *delays)


def immediate_window(region: Region, rx: RxParams) -> tuple[Window, ...]:
    """Where a class C device listens all the time."""
    return _window(region, 2, 0, rx.rx2_frequency, rx.rx2_data_rate)


def largest_payload(region: Region) -> int:
    """FRMPayload in bytes at the region's best data rate."""
    rates = (region.max_mac_payload(dr) for dr in region.rx2_data_rates)
    return max(rates, default=0) - FHDR_SIZE - FPORT_SIZE


def payload_room(windows: Sequence[Window]) -> int:
    """The largest FRMPayload in bytes that fits one of these windows."""
    largest = max((window.room for window in windows), default=MAX_MAC_PAYLOAD)
    return max(0, largest - FHDR_SIZE - FPORT_SIZE)


def windows_for(windows: Sequence[Window], frm_payload: bytes) -> tuple[Window, ...]:
    """Those of the windows that have room for it."""
    size = FHDR_SIZE + FPORT_SIZE + len(frm_payload)
    return tuple(window for window in windows if window.room >= size)


def room(windows: Sequence[Window]) -> int:
    """The largest MACPayload in bytes that fits all of these windows."""
    return min((window.room for window in windows), default=MAX_MAC_PAYLOAD)


def _windows(
    region: Region, rx: RxParams, uplink: RxPacket, delay1: int, delay2: int
) -> tuple[Window, ...]:
    data_rate = region.data_rate(uplink.sf, uplink.bandwidth)
    rx1_frequency = region.rx1_frequency(uplink.frequency)
    rx2 = _window(region, 2, delay2, rx.rx2_frequency, rx.rx2_data_rate)
    if data_rate is None or rx1_frequency is None:
        return rx2
    rx1_data_rate = region.rx1_data_rate(data_rate, rx.rx1_dr_offset)
    return _window(region, 1, delay1, rx1_frequency, rx1_data_rate) + rx2


def _window(
    region: Region, number: Literal[1, 2], delay_us: int, frequency: int, data_rate: int
) -> tuple[Window, ...]:
    power, room = region.power(frequency), region.max_mac_payload(data_rate)
    if power is None or not room:
        return ()
    rate = region.rate(data_rate)
    return (Window(number, delay_us, frequency, rate.sf, rate.bandwidth, power, room),)


class _Content(NamedTuple):
    """What a data downlink carries, in the order of `encode_downlink`."""

    f_opts: bytes
    f_port: int | None
    frm_payload: bytes


def compose(
    session: Session,
    keys: SessionKeys,
    *,
    ack: int | None,
    adr: bool,
    commands: Sequence[MacCommand],
    application: Application | None,
    room: int,
    more: bool = False,
) -> Composed:
    """One data downlink of at most `room` bytes of MACPayload; takes one downlink counter.

    `ack` is the FCnt of the confirmed uplink that it acknowledges; `adr`: the network controls the
    device's data rate; `more`: another one waits. An application's payload has to fit by itself;
    MAC commands take what is left beside it.
    """
    content, went, left = _laid_out(commands, application, room)
    f_ctrl = (
        FCtrl.ADR * adr | FCtrl.ACK * (ack is not None) | FCtrl.F_PENDING * (more or bool(left))
    )
    confirmed = application is not None and application.confirmed
    m_type = MType.CONFIRMED_DATA_DOWN if confirmed else MType.UNCONFIRMED_DATA_DOWN
    f_cnt = session.take_f_cnt_down(content.f_port)
    if confirmed:
        _await_ack(session, f_cnt)
    if isinstance(keys, frames.SessionKeys):
        phy_payload = keys.encode_downlink(m_type, f_ctrl, f_cnt, *content)
    else:
        phy_payload = keys.encode_downlink(m_type, f_ctrl, f_cnt, *content, ack or 0)
    return Composed(phy_payload, f_cnt, went, left, application)


def _laid_out(
    commands: Sequence[MacCommand], application: Application | None, room: int
) -> tuple[_Content, Commands, Commands]:
    """With the commands that went along, and those that are left."""
    on_port_0 = room - FHDR_SIZE - FPORT_SIZE
    if application is not None:
        space = min(FOPTS_ROOM, on_port_0 - len(application.frm_payload))
        went, left = fit(commands, space)
        return _Content(_bytes(went), application.f_port, application.frm_payload), went, left
    went, left = fit(commands, min(FOPTS_ROOM, room - FHDR_SIZE))
    if left and on_port_0 > FOPTS_ROOM:
        went, left = fit(commands, on_port_0)
        return _Content(b"", 0, _bytes(went)), went, left
    return _Content(_bytes(went), None, b""), went, left


def _await_ack(session: Session, f_cnt: int) -> None:
    before = session.mac.confirmed
    session.mac = replace(session.mac, confirmed=f_cnt, confirmed_before=before, awaits_ack=f_cnt)


def _bytes(commands: Commands) -> bytes:
    return b"".join(command.to_bytes() for command in commands)
