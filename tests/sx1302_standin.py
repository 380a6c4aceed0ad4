"""A recording stand-in for a board: MCU, chip and radios as far as the driver's tests need them.

Independent of the driver and of the emulator: it imports only the standard library. All memory is
zero at start, so what it holds afterwards is what was written. No time passes in it: `ticks`,
`fifo` and `tx_status` are set by the test.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

AGC_STATUS, ARB_STATUS = 0x5781, 0x6081
AGC_CONTROL, ARB_CONTROL = 0x5780, 0x6080
NEXT_AGC_STATUS = {0x80: 2, 0x20: 3, **{i: i + 1 for i in range(3, 0x0B)}, 0x0B: 0x0F, 0x0F: 0}


@dataclass
class StandIn:
    """Answers requests and writes down what was asked."""

    temperature: float = 24.37
    ticks: int = 0
    pps_ticks: int = 0
    otp: dict[int, int] = field(default_factory=dict)
    fifo: bytearray = field(default_factory=bytearray)
    tx_status: list[int] = field(default_factory=lambda: [0x80, 0x80])
    agc_version: int = 10
    arb_version: int = 2
    damage: set[int] = field(default_factory=set)  # addresses that read back wrongly
    spi_status: int = 0

    def __post_init__(self) -> None:
        self.memory = bytearray(0x8000)
        self.gpio: list[tuple[int, int, int]] = []
        self.radio: list[dict[str, Any]] = []
        self.mailbox: list[tuple[int, int]] = []
        self.written: dict[int, int] = {}  # address: mask of the bits written
        self.requests: list[tuple[int, bytes]] = []
        self.modes = [0, 0]
        self.torn: dict[int, list[bytes]] = {}  # by address: the next answers to readings of it

    def handle(self, command: int, payload: bytes) -> tuple[int, bytes]:
        """One request's answer: code and payload."""
        self.requests.append((command, payload))
        if command == 0x00:
            return 0x40, bytes(range(12)) + b"V01.00.00"
        if command == 0x01:
            return 0x41, struct.pack(">Ih", 4711, round(self.temperature * 100))
        if command == 0x04:
            self.gpio.append((payload[0], payload[1], payload[2]))
            return 0x44, b"\x00"
        if command == 0x05:
            return 0x45, self._multiple_spi(payload)
        return 0xFF, b""

    def _multiple_spi(self, payload: bytes) -> bytes:
        answer, position = b"", 0
        while position < len(payload):
            identity, kind = payload[position : position + 2]
            if kind == 2:
                high, low, mask, value = payload[position + 2 : position + 6]
                before, after = self._modify(high << 8 | low, mask, value)
                answer += bytes((identity, 2, self.spi_status, before, after))
                position += 6
            else:
                size = payload[position + 3] << 8 | payload[position + 4]
                frame = payload[position + 5 : position + 5 + size]
                head = bytes((identity, 1, self.spi_status)) + size.to_bytes(2, "big")
                answer += head + self._transfer(frame)
                position += 5 + size
        return answer

    def _modify(self, address: int, mask: int, value: int) -> tuple[int, int]:
        before = self._read(address, 1)[0]
        after = before & ~mask | value & mask
        self._write(address, after, mask)
        return before, after

    def _transfer(self, frame: bytes) -> bytes:
        if frame[0] in (1, 2):
            return self._radio(frame[0] - 1, frame[1], frame[2:])
        address = (frame[1] & 0x7F) << 8 | frame[2]
        if frame[1] & 0x80:
            for i, byte in enumerate(frame[3:]):
                self._write(address + i, byte, 0xFF)
            return bytes(len(frame))
        return bytes(4) + self._read(address, len(frame) - 4)

    def _radio(self, chain: int, opcode: int, data: bytes) -> bytes:
        self.radio.append({"chain": chain, "opcode": f"0x{opcode:02x}", "data": data.hex()})
        if opcode == 0x80:
            self.modes[chain] = 2 + data[0]
        answer = self.modes[chain] << 4 if opcode == 0xC0 else 0
        return bytes(2) + bytes((answer,) * len(data))

    def _read(self, address: int, size: int) -> bytes:
        if address == 0x4000:
            data = bytes(self.fifo[:size]).ljust(size, b"\0")
            del self.fifo[:size]
            return data
        if self.torn.get(address):
            return self.torn[address].pop(0)
        counts = self.pps_ticks.to_bytes(4, "big") + (self.ticks % 2**32).to_bytes(4, "big")
        live = {
            0x58C8: len(self.fifo) >> 8,
            0x58C9: len(self.fifo) & 0xFF,
            0x5606: 0x12,
            0x5211: self.tx_status[0],
            0x5411: self.tx_status[1],
            0x6181: self.otp.get(self.memory[0x6180], 0),
            **{0x6101 + i: byte for i, byte in enumerate(counts)},
        }
        data = bytes(live.get(a, self.memory[a]) for a in range(address, address + size))
        return bytes(byte ^ (address + i in self.damage) for i, byte in enumerate(data))

    def _write(self, address: int, value: int, mask: int) -> None:
        before, self.memory[address] = self.memory[address], value
        if address >= 0x5200:
            self.written[address] = self.written.get(address, 0) | mask
        released = before & 4 and not value & 4 and not value & 2
        if address == AGC_CONTROL and released:
            self.memory[AGC_STATUS], self.memory[0x5790] = 1, self.agc_version
        elif address == ARB_CONTROL and released:
            self.memory[ARB_STATUS], self.memory[0x608D] = 1, self.arb_version
        elif address == 0x608A and value == 1:
            self.memory[ARB_STATUS] = 0
        elif 0x5789 <= address <= 0x578C:
            self._write_mailbox(address, value)

    def _write_mailbox(self, address: int, value: int) -> None:
        self.mailbox.append((address, value))
        if address == 0x5789:
            self.memory[0x578D:0x5791] = self.memory[0x5789:0x578D]
            self.memory[AGC_STATUS] = NEXT_AGC_STATUS[value]


class MemoryLink:
    """A driver's link that ends at a stand-in, without a port."""

    def __init__(self, board: StandIn) -> None:
        self.board = board
        self.closed = False

    async def request(self, command: int, payload: bytes) -> bytes:
        return self.board.handle(command, payload)[1]

    async def close(self) -> None:
        self.closed = True
