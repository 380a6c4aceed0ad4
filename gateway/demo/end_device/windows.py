"""What a device hears of the air: receive windows, and why a downlink falls outside them.

Times are the concentrator's 32-bit µs counter, as the air tells them.

- RX1 and RX2 are where and when they were opened; what arrives outside of a window, on another
  frequency or data rate, or not inverted is not heard, as on a real radio.
- A class C device listens with RX2's parameters whenever it neither sends nor has RX1 open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

COUNTER_MODULUS = 1 << 32
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
    NONCE_REUSED = "JoinNonce did not rise"


@dataclass(frozen=True, slots=True)
class Downlink:
    """What the air carried down: counter values in µs, frequency and bandwidth in Hz, SNR in dB."""

    phy_payload: bytes
    counter_us: int
    end_us: int
    frequency: int
    sf: int
    inverted: bool
    bandwidth: int = 125_000
    snr: float = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    opens_us: int
    frequency: int
    sf: int
    bandwidth: int = 125_000


def missed(downlink: Downlink, windows: Sequence[Window]) -> Heard | None:
    """Why the radio does not catch it, or None: the window closest in time says so."""
    if not windows:
        return Heard.NO_WINDOW
    window = min(windows, key=lambda one: apart_us(one.opens_us, downlink.counter_us))
    if apart_us(window.opens_us, downlink.counter_us) > WINDOW_US:
        return Heard.NO_WINDOW
    return mistuned(downlink, window)


def mistuned(downlink: Downlink, window: Window) -> Heard | None:
    """Why a receiver that is set so does not catch it."""
    if downlink.frequency != window.frequency:
        return Heard.WRONG_FREQUENCY
    if (downlink.sf, downlink.bandwidth) != (window.sf, window.bandwidth):
        return Heard.WRONG_SF
    return None if downlink.inverted else Heard.WRONG_POLARITY


def apart_us(a: int, b: int) -> int:
    """The distance of two counter values, across the wrap too."""
    forward = (a - b) % COUNTER_MODULUS
    return min(forward, COUNTER_MODULUS - forward)
