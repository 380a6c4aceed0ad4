"""The boundary to the hardware: what the gateway asks of any concentrator, and the errors it gets.

A concentrator has a free-running 32-bit microsecond counter. Its values mean something only
inside one `chip_session`: a chip that was started anew counts from anew, and a transmission that
was planned against the old counter is refused.

Errors::

    DriverError
    ├── LinkLost         the port is gone, or can no longer be trusted
    ├── McuError         a bad or late answer of the board's microcontroller
    ├── ChipError        wrong chip, firmware refused, verification failed
    └── CounterUnknown   no packet has told the counter yet: only `send` immediately
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple, Protocol

COUNTER_MODULUS = 1 << 32


class DriverError(Exception):
    """Something is wrong with the concentrator or the way to it."""


class LinkLost(DriverError):
    """The port is gone, or what it delivers can no longer be trusted: open it anew."""


class McuError(DriverError):
    """The board's microcontroller answered wrongly or not at all."""


class ChipError(DriverError):
    """The concentrator chip is not what it should be: wrong id, firmware refused, verify failed."""


class CounterUnknown(DriverError):
    """Nothing has told the chip's counter yet; receiving and immediate sending go on."""


class Modulation(StrEnum):
    LORA = "LORA"
    FSK = "FSK"


class Crc(Enum):
    """The payload CRC as the modem saw it."""

    OK = "ok"
    BAD = "bad"
    NONE = "none"


class TxStatus(StrEnum):
    """What became of a transmission; ChirpStack's words."""

    OK = "OK"
    TOO_LATE = "TOO_LATE"
    TOO_EARLY = "TOO_EARLY"
    COLLISION_PACKET = "COLLISION_PACKET"
    TX_FREQ = "TX_FREQ"
    TX_POWER = "TX_POWER"
    QUEUE_FULL = "QUEUE_FULL"
    DUTY_CYCLE_OVERFLOW = "DUTY_CYCLE_OVERFLOW"


class Counter(NamedTuple):
    """The chip's counter in µs, modulo 2^32, and the chip session it counts in."""

    us: int
    chip_session: int


@dataclass(frozen=True, slots=True)
class RxPacket:
    """One packet off the air.

    `counter_us` is the end of the packet; `frequency` and `bandwidth` are in Hz, `rssi` in dBm,
    `snr` in dB (none for FSK); `coding_rate` 1…4 stands for 4/5…4/8; `frequency_offset` in Hz.
    FSK packets have `sf` 0 and their bit rate in `bit_rate`. `ended_at` is the end of the packet in
    seconds of this machine's monotonic clock, as well as it can be told; None: nobody can.
    """

    payload: bytes
    counter_us: int
    chip_session: int
    frequency: int
    bandwidth: int
    sf: int
    coding_rate: int
    rssi: float
    snr: float | None
    crc: Crc
    modulation: Modulation = Modulation.LORA
    bit_rate: int = 0
    frequency_offset: int = 0
    chain: int = 0
    modem: int = 0
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class TxPacket:
    """One packet to send: at `counter_us` of `chip_session`, or immediately where that is None.

    `power` in dBm as the antenna radiates it: at the board's connector it is lower by the antenna
    gain (dBi) that the concentrator was told of, and the same where it was told of none. `inverted`
    is the polarity of downlinks to devices; `preamble` in symbols; `crc` is off for LoRaWAN
    downlinks.
    """

    payload: bytes
    counter_us: int | None
    chip_session: int
    frequency: int
    sf: int
    bandwidth: int = 125_000
    coding_rate: int = 1
    power: int = 14
    inverted: bool = True
    crc: bool = False
    preamble: int = 8
    modulation: Modulation = Modulation.LORA


@dataclass(slots=True)
class ConcentratorStatus:
    """What a concentrator knows about itself.

    `drops` counts by reason what was damaged or was not sent as planned. `pulses` are the different
    pulses per second that were seen in this session; 0 is a board without a GPS.
    """

    eui: int | None = None
    model: str = ""
    firmware: str = ""
    temperature: float | None = None
    chip_session: int = 0
    drops: dict[str, int] = field(default_factory=dict)
    pulses: int = 0


class Concentrator(Protocol):
    """Few verbs. Each may raise a `DriverError`; after that only `start` and `stop` make sense.

    That of `counter` alone may be `CounterUnknown`, which ends nothing.
    """

    @property
    def lead_us(self) -> int:
        """How long before its time a packet is best handed to `send`, in µs."""
        ...

    async def start(self) -> None:
        """Open the port and bring the chip to receiving; opens a new chip session."""

    async def receive(self) -> list[RxPacket]:
        """Wait for packets, about a second at most; an empty list when nothing came."""
        ...

    async def send(self, packet: TxPacket) -> TxStatus:
        """Program one transmission; OK means that the chip has it, not that it was on the air."""
        ...

    async def counter(self) -> Counter:
        """The chip's counter now."""
        ...

    def status(self) -> ConcentratorStatus:
        """What is known without asking the hardware."""
        ...

    async def stop(self) -> None:
        """End transmissions and close the port; safe at any time, also twice."""
