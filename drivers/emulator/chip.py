"""The SX1302 itself: an address space, the parts behind it, and its radios.

Source: docs/sx1302.md §2, §6, §9.
"""

from collections.abc import Callable

from drivers.emulator import chip_faults
from drivers.emulator.agenda import Agenda
from drivers.emulator.air import Flight
from drivers.emulator.clock import Counter
from drivers.emulator.cores import (
    AGC_CTRL,
    ARB_CTRL,
    ARB_GO,
    MAILBOX_WRITE_3,
    PROGRAM_SIZE,
    Agc,
    Arbiter,
    Core,
)
from drivers.emulator.demodulated import Demodulated
from drivers.emulator.faults import RESET, Fault, Faults
from drivers.emulator.fifo import Fifo, packet
from drivers.emulator.noise import LEVEL, SELECTED, Noise
from drivers.emulator.radio import Radio
from drivers.emulator.receiver import Chain, Receiver
from drivers.emulator.register_file import RegisterFile
from drivers.emulator.transmitter import Transmitter
from drivers.emulator.uplink import Uplink

CHIP_VERSION = 0x12
MODELS = {"sx1302": 0x02, "sx1303": 0x03}
OTP_MODEL = 0xD0

REGISTERS_FROM = 0x5000
FIFO_AT = 0x4000
TX_BUFFERS = {0x53: 0x5207, 0x55: 0x5407}  # high address byte → its WRITE_BUFFER register
VERSION, OTP_ADDRESS, OTP_DATA = 0x5606, 0x6180, 0x6181
TX_TRIGGERS = (0x5200, 0x5400)
TX_STATUS = (0x5211, 0x5411)
FIFO_COUNT, PPS_COUNT, COUNTER = 0x58C8, 0x6101, 0x6105
RADIO_ENABLES = (0x5783, 0x5784)
RADIO_EN, RADIO_RST = 0x04, 0x08
CLOCK_SELECT = 0x57C0


class Chip:
    """SX1302 or SX1303 (`model`) with two SX1250.

    `loudest(frequency, bandwidth)` tells the RSSI of what is on the air there, if anything is.
    """

    def __init__(
        self,
        eui: int,
        model: str,
        seed: int,
        agenda: Agenda,
        now_ns: Callable[[], int],
        faults: Faults,
    ) -> None:
        self._otp = {**dict(enumerate(eui.to_bytes(8, "big"))), OTP_MODEL: MODELS[model]}
        self._now_ns = now_ns
        self._faults = faults
        self.counter = Counter(now_ns())
        self.registers = RegisterFile()
        self.fifo = Fifo()
        self.radios = [Radio(), Radio()]
        self._agc = Agc(self.registers)
        self._arbiter = Arbiter(self.registers)
        self.transmitters = [
            Transmitter(chain, self.registers, agenda, self.counter, faults) for chain in (0, 1)
        ]
        self._receiver = Receiver(self.registers, self.radios, self._arbiter, self._agc)
        self._demodulated = Demodulated(self.registers, self.counter, seed)
        self.loudest: Callable[[float, int], float | None] = lambda frequency, bandwidth: None
        self._noise = Noise(seed, lambda *channel: self.loudest(*channel))
        self._acts = self._what_acts()
        faults.on_begin["counter_stopped"] = self._stop_counter
        faults.on_end["counter_stopped"] = self.counter.go_on
        self.reset()

    def _what_acts(self) -> dict[int, Callable[[int, int], None]]:
        """The cells whose writing does something: it gets the cell before and after."""
        first, second = self.transmitters
        radio_a, radio_b = self.radios
        return {
            TX_TRIGGERS[0]: lambda was, now: first.trigger(was, now, self._now_ns()),
            TX_TRIGGERS[1]: lambda was, now: second.trigger(was, now, self._now_ns()),
            RADIO_ENABLES[0]: lambda _, now: radio_a.lines(now & RADIO_EN, now & RADIO_RST),
            RADIO_ENABLES[1]: lambda _, now: radio_b.lines(now & RADIO_EN, now & RADIO_RST),
            AGC_CTRL: lambda was, now: self._agc.control(was, now, self._clocked()),
            MAILBOX_WRITE_3: lambda _, __: self._agc.command(),
            ARB_CTRL: lambda was, now: self._arbiter.control(was, now, self._clocked()),
            ARB_GO: lambda _, now: self._arbiter.go(now),
            OTP_ADDRESS: lambda _, now: self.registers.put(OTP_DATA, self._otp.get(now, 0)),
        }

    def reset(self) -> None:
        """The reset line: everything is lost, and the count starts from 0."""
        self._faults.lift(RESET)
        self.counter.start(self._now_ns())
        self.registers.reset()
        self.registers.put(VERSION, CHIP_VERSION)
        self.fifo.clear()
        self._receiver.reset()
        self._agc.reset()
        self._arbiter.reset()
        for transmitter in self.transmitters:
            transmitter.reset()
        for radio in self.radios:
            radio.lines(0, 0)

    def read(self, address: int, size: int) -> bytes:
        """What a burst read gives; reading the receive buffer pops."""
        if address >= REGISTERS_FROM:
            self._refresh(address, address + size)
            return self.registers.read(address, size)
        if address == FIFO_AT:
            return self.fifo.pop(size)
        core, offset = self._program(address)
        return core.read(offset, size) if core else bytes(size)

    def write(self, address: int, data: bytes) -> None:
        """A burst write; what lies past the address space goes nowhere."""
        if address < REGISTERS_FROM:
            core, offset = self._program(address)
            if core:
                control = AGC_CTRL if core is self._agc else ARB_CTRL
                core.write(offset, data, self.registers.cells[control])
            return
        for cell, value in enumerate(data[: 0x8000 - address], address):
            self._write_cell(cell, value)

    @property
    def gain_control_runs(self) -> bool:
        """Whether the AGC is through its handshake."""
        return self._agc.running

    def hear(self, uplink: Uplink) -> Chain | str:
        """The chain that hears a packet, or why none does."""
        return chip_faults.silence(self._faults) or self._receiver.hear(uplink)

    def receive(self, flight: Flight) -> str | None:
        """Put a received packet into the buffer; the reason where it cannot be."""
        if (why := chip_faults.silence(self._faults)) is not None:
            return why
        fits = False
        for meta in self._demodulated.entries(flight):
            data = packet(flight.uplink.payload, chip_faults.wrong_crc(self._faults, meta))
            fits |= self.fifo.push(chip_faults.damaged(self._faults, data))
        return None if fits else "the receive buffer is full"

    def release(self, chain: Chain) -> None:
        """The chain's demodulators are free again."""
        self._receiver.release(chain)

    def pulse(self, at_ns: int) -> None:
        """A pulse per second at the PPS pin."""
        if not self.registers.field("TIMESTAMP_GPS_CTRL_GPS_EN"):
            return
        count = self.counter.ticks(at_ns).to_bytes(4, "big")
        self.registers.cells[PPS_COUNT : PPS_COUNT + 4] = count
        for transmitter in self.transmitters:
            transmitter.pulse(at_ns)

    def _program(self, address: int) -> tuple[Core | None, int]:
        if address < PROGRAM_SIZE:
            paged = self.registers.field("COMMON_PAGE_PAGE") == 0
            return (self._agc if paged else None), address
        if address < 2 * PROGRAM_SIZE:
            return self._arbiter, address - PROGRAM_SIZE
        return None, 0

    def _refresh(self, first: int, end: int) -> None:
        """Bring the cells that the hardware itself moves up to date, where they are read."""
        cells = self.registers.cells
        if first < COUNTER + 4 and end > COUNTER:
            count = self.counter.ticks(self._now_ns())
            cells[COUNTER : COUNTER + 4] = count.to_bytes(4, "big")
        if first < FIFO_COUNT + 2 and end > FIFO_COUNT:
            cells[FIFO_COUNT : FIFO_COUNT + 2] = len(self.fifo).to_bytes(2, "big")
        if first <= LEVEL < end:
            cells[LEVEL] = self._noise.raw(self._receiver.centre(cells[SELECTED] & 7))
        for transmitter, status in zip(self.transmitters, TX_STATUS, strict=True):
            if first <= status < end:
                cells[status] = transmitter.status(self._now_ns())

    def _write_cell(self, address: int, value: int) -> None:
        write_buffer = TX_BUFFERS.get(address >> 8)
        if write_buffer and not self.registers.cells[write_buffer] & 1:
            return
        before, after = self.registers.write(address, value)
        if (act := self._acts.get(address)) is not None:
            act(before, after)

    def _stop_counter(self, _: Fault) -> None:
        self.counter.stop(self._now_ns())

    def _clocked(self) -> bool:
        """A radio clocks the chip: selected, divider on, and in receive mode."""
        select = self.registers.cells[CLOCK_SELECT]
        selected = [radio for bit, radio in enumerate(self.radios) if select >> bit & 1]
        return bool(select & 0x04) and any(radio.receiving for radio in selected)
