"""What the network answers an uplink with, and when the device listens for it.

A class A device listens twice after each uplink: RX1 at a frequency and data rate that follow
the uplink's, RX2 at the region's fixed frequency and data rate. An answer goes out in one of them.
RX1 is left out where it cannot be served: an uplink in FSK, at an unknown data rate, or on a
frequency that may not be transmitted on. Where nothing may be sent there is no window at all.
"""

from dataclasses import dataclass
from typing import Literal

from drivers.concentrator import RxPacket
from gateway.lorawan.frame import FCtrl, MType
from gateway.lorawan.region import Region
from gateway.lorawan.session import Session
from native.frames import SessionKeys

DEFAULT_RX1_DR_OFFSET = 0


@dataclass(frozen=True, slots=True)
class Window:
    """RX1 or RX2: µs from the uplink's end to the downlink's first symbol, Hz, and dBm e.i.r.p."""

    number: Literal[1, 2]
    delay_us: int
    frequency: int
    sf: int
    bandwidth: int
    power: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One downlink, ready to be sent in the first of `windows` that is in time and free."""

    phy_payload: bytes
    windows: tuple[Window, ...]


def data_windows(region: Region, uplink: RxPacket) -> tuple[Window, ...]:
    """RX1 and RX2 after a data uplink."""
    delays = region.receive_delay1_us, region.receive_delay2_us
    return _windows(region, uplink, *delays)


def join_windows(region: Region, uplink: RxPacket) -> tuple[Window, ...]:
    """RX1 and RX2 after a Join-Request."""
    delays = region.join_accept_delay1_us, region.join_accept_delay2_us
    return _windows(region, uplink, *delays)


def _windows(region: Region, uplink: RxPacket, delay1: int, delay2: int) -> tuple[Window, ...]:
    data_rate = region.data_rate(uplink.sf, uplink.bandwidth)
    rx1_frequency = region.rx1_frequency(uplink.frequency)
    rx2 = _window(region, 2, delay2, region.rx2_frequency, region.rx2_data_rate)
    if data_rate is None or rx1_frequency is None:
        return rx2
    rx1_data_rate = region.rx1_data_rate(data_rate, DEFAULT_RX1_DR_OFFSET)
    return _window(region, 1, delay1, rx1_frequency, rx1_data_rate) + rx2


def _window(
    region: Region, number: Literal[1, 2], delay_us: int, frequency: int, data_rate: int
) -> tuple[Window, ...]:
    power = region.power(frequency)
    if power is None:
        return ()
    rate = region.rate(data_rate)
    return (Window(number, delay_us, frequency, rate.sf, rate.bandwidth, power),)


def empty_downlink(session: Session, keys: SessionKeys, ack: bool) -> bytes:
    """An unconfirmed data downlink without port and payload; takes one f_cnt_down."""
    f_ctrl = FCtrl.ACK if ack else 0
    f_cnt = session.take_f_cnt_down()
    return keys.encode_downlink(MType.UNCONFIRMED_DATA_DOWN, f_ctrl, f_cnt, b"", None, b"")
