"""The two microcontrollers inside the chip: gain control (AGC) and arbiter (ARB).

Source: docs/sx1302.md §3.11–3.13, §9.
Their programs are Semtech's and are not run here: a core that
was loaded, is released (MCU_CLEAR 1→0 with HOST_PROG 0) and has a clock behaves as the recorded
traces say. Any 8192 bytes will do for an image, with the parity flag clear.
"""

from abc import ABC, abstractmethod

from drivers.emulator.register_file import RegisterFile

PROGRAM_SIZE = 8192
MCU_CLEAR, HOST_PROG = 0x04, 0x02

AGC_CTRL, AGC_STATUS = 0x5780, 0x5781
MAILBOX_WRITE_3, MAILBOX_WRITE_0 = 0x5789, 0x578C
MAILBOX_READ_2, MAILBOX_READ_0 = 0x578E, 0x5790
AGC_VERSION_SX1250 = 10
AGC_WAITING = 0x01
# command in mailbox 3 → status that acknowledges it
AGC_STEPS = {
    0x80: 0x02,
    0x20: 0x03,
    0x03: 0x04,
    0x04: 0x05,
    0x05: 0x06,
    0x06: 0x07,
    0x07: 0x08,
    0x08: 0x09,
    0x09: 0x0A,
    0x0A: 0x0B,
    0x0B: 0x0F,
    0x0F: 0x00,
}

ARB_CTRL, ARB_STATUS = 0x6080, 0x6081
ARB_GO, ARB_STS_0 = 0x608A, 0x608D
ARB_VERSION = 2
ARB_WAITING, ARB_RUNNING = 0x01, 0x00


class Core(ABC):
    """Program memory and the two control bits that both cores share."""

    def __init__(self, registers: RegisterFile, status: int) -> None:
        self._registers = registers
        self._status = status
        self.reset()

    def reset(self) -> None:
        """The program is lost and the core stands still."""
        self._program = bytearray(PROGRAM_SIZE)
        self._loaded = False
        self.released = False
        self.running = False

    def read(self, offset: int, size: int) -> bytes:
        """Program memory, as the host sees it."""
        return bytes(self._program[offset : offset + size]).ljust(size, b"\x00")

    def write(self, offset: int, data: bytes, control: int) -> None:
        """The host's write to program memory: without HOST_PROG it goes nowhere."""
        if control & HOST_PROG:
            data = data[: PROGRAM_SIZE - offset]
            self._program[offset : offset + len(data)] = data
            self._loaded = True

    def control(self, before: int, after: int, clocked: bool) -> None:
        """The control register was written."""
        if after & MCU_CLEAR:
            self.released = self.running = False
            self._registers.put(self._status, 0)
        elif before & MCU_CLEAR and not after & HOST_PROG and self._loaded and clocked:
            self.released = True
            self.start()

    @abstractmethod
    def start(self) -> None:
        """The program shows its first status and its version."""


class Agc(Core):
    """Gain control: takes its settings through mailboxes, one command after the other."""

    def __init__(self, registers: RegisterFile) -> None:
        super().__init__(registers, AGC_STATUS)

    def start(self) -> None:
        self._registers.put(AGC_STATUS, AGC_WAITING)
        self._registers.put(MAILBOX_READ_0, AGC_VERSION_SX1250)

    def command(self) -> None:
        """Mailbox 3 was written: take mailboxes 0 to 2 as they stand now, and acknowledge."""
        cells = self._registers.cells
        step = AGC_STEPS.get(cells[MAILBOX_WRITE_3])
        if not self.released or step is None:
            return
        cells[MAILBOX_READ_2 : MAILBOX_READ_0 + 1] = cells[
            MAILBOX_WRITE_3 + 1 : MAILBOX_WRITE_0 + 1
        ]
        self._registers.put(AGC_STATUS, step)
        self.running = step == 0x00


class Arbiter(Core):
    """Gives demodulators to what the correlators detect; runs once the host says go."""

    def __init__(self, registers: RegisterFile) -> None:
        super().__init__(registers, ARB_STATUS)

    def start(self) -> None:
        self._registers.put(ARB_STATUS, ARB_WAITING)
        self._registers.put(ARB_STS_0, ARB_VERSION)

    def go(self, value: int) -> None:
        """The host wrote the register that lets the arbiter run."""
        if self.released and value == 1:
            self.running = True
            self._registers.put(ARB_STATUS, ARB_RUNNING)
