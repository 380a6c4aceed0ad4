"""A host for the emulator that is not the driver: raw frames, and a start from golden figures."""

import json
import struct
from pathlib import Path
from typing import Any

from drivers.emulator import Board

GOLDEN = Path(__file__).parent / "golden"
MS = 1_000_000


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


class Clock:
    """A virtual clock: it stands until it is moved."""

    def __init__(self) -> None:
        self.ns = 5_000_000_123

    def __call__(self) -> int:
        return self.ns

    def move_to_us(self, board: Board, counter_us: int) -> None:
        """Move on to a value of the chip's counter."""
        self.ns = board.chip.counter.nearest_ns(counter_us, self.ns)
        board.advance()

    def pass_ms(self, board: Board, ms: float) -> None:
        self.ns += round(ms * MS)
        board.advance()


def frame(command: int, payload: bytes = b"", request_id: int = 0) -> bytes:
    return struct.pack(">BHB", request_id, len(payload), command) + payload


class Host:
    """Speaks to a board in memory, one request at a time."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def request(self, command: int, payload: bytes = b"") -> bytes:
        answer = self.board.feed(frame(command, payload))
        request_id, size, code = struct.unpack_from(">BHB", answer)
        assert (request_id, code, size) == (0, 0x40 + command, len(answer) - 4)
        return answer[4:]

    def spi(self, data: bytes) -> bytes:
        answer = self.request(5, struct.pack(">BBBH", 0, 1, 0, len(data)) + data)
        assert answer[:5] == struct.pack(">BBBH", 0, 1, 0, len(data))
        return answer[5:]

    def write(self, address: int, *data: int) -> None:
        self.spi(bytes([0, 0x80 | address >> 8, address & 0xFF, *data]))

    def read(self, address: int, size: int = 1) -> bytes:
        return self.spi(bytes([0, address >> 8, address & 0xFF, 0]) + bytes(size))[4:]

    def modify(self, address: int, mask: int, value: int) -> tuple[int, int]:
        answer = self.request(5, struct.pack(">BBHBB", 0, 2, address, mask, value))
        assert answer[:3] == bytes([0, 2, 0])
        return answer[3], answer[4]

    def radio(self, chain: int, opcode: int, parameters: bytes = b"") -> bytes:
        return self.spi(bytes([1 + chain, opcode]) + parameters)[2:]

    def reset(self) -> None:
        for pin, state in ((1, 1), (2, 1), (2, 0), (8, 0), (8, 1)):
            assert self.request(4, bytes([0, pin, state])) == b"\x00"

    def load(self, control: int, base: int, image: bytes) -> None:
        self.modify(control, 0x04, 0x04)
        self.modify(control, 0x02, 0x02)
        for half in (0, 4096):
            self.write(base + half, *image[half : half + 4096])
        assert self.read(base, 4096) + self.read(base + 4096, 4096) == image
        self.modify(control, 0x02, 0)
        self.modify(control, 0x04, 0)

    def start_eu868(self) -> None:
        """Reset to receiving, from the golden start figures."""
        start = golden("start-eu868.json")
        self.reset()
        for enable in (0x5783, 0x5784):
            self.write(enable, 0x0C)
        for command in start["radio"]:
            parameters = bytes.fromhex(command["data"])
            self.radio(command["chain"], int(command["opcode"], 16), parameters)
        special = {0x5780, 0x6080, *range(0x5789, 0x578D), *range(0x6089, 0x608D)}
        for address, value in start["registers"].items():
            if int(address, 16) not in special:
                self.write(int(address, 16), value)
        self.load(0x5780, 0x0000, bytes(range(256)) * 32)
        for address, value in start["mailbox"]:
            self.write(int(address, 16), value)
        self.load(0x6080, 0x2000, bytes(range(255, -1, -1)) * 32)
        for address in (0x6089, 0x608C, 0x608B, 0x608A):
            self.write(address, start["registers"][f"0x{address:x}"])

    def fetch(self) -> bytes:
        """Everything in the receive buffer."""
        return self.read(0x4000, int.from_bytes(self.read(0x58C8, 2), "big"))
