"""What a device sends, and how often.

A confirmed uplink of 1.0.2 and 1.0.3 is sent eight times at most, slower and slower (LoRaWAN 1.0.3
§18.4), every other one NbTrans times.
"""

from dataclasses import dataclass

from gateway.demo.end_device.activation import Frame
from gateway.demo.end_device.joining import FORGETFUL, Request
from gateway.demo.end_device.plan import Rate
from gateway.demo.frames import MType

CONFIRMED_TRIALS = 8


@dataclass(frozen=True, slots=True)
class Uplink:
    """A PHYPayload to put on the air; `f_cnt` is None for a Join- or Rejoin-Request.

    `frequency` (Hz) and `rate` are where the device would send it, `power` its TXPower index.
    """

    phy_payload: bytes
    f_cnt: int | None
    confirmed: bool
    frequency: int
    rate: Rate
    power: int = 0


@dataclass(slots=True)
class Sending:
    """What is being sent, a data frame or a request to join, and how often it was."""

    what: Frame | Request
    acked_f_cnt: int = 0
    channel: int = 0
    dr: int = 0
    trials: int = 0

    @property
    def frame(self) -> Frame | None:
        return self.what if isinstance(self.what, Frame) else None

    @property
    def request(self) -> Request | None:
        return self.what if isinstance(self.what, Request) else None

    @property
    def confirmed(self) -> bool:
        return self.frame is not None and self.frame.m_type == MType.CONFIRMED_UP

    def is_patient(self, lorawan: str) -> bool:
        """Whether it is sent eight times."""
        return self.confirmed and lorawan in FORGETFUL

    def may_repeat(self, lorawan: str, nb_trans: int) -> bool:
        return self.trials < (CONFIRMED_TRIALS if self.is_patient(lorawan) else nb_trans)
