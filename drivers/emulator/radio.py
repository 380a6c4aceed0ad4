"""An SX1250 behind the chip's SPI mux: modes, registers, its centre frequency.

Source: docs/sx1302.md §1.4, §3.4, §9. A radio without power or held in reset answers zeros.
A command frame is opcode and parameters; every byte clocked in after the opcode is the status
byte unless the command reads something.
"""

SLEEP, STDBY_RC, STDBY_XOSC, FS, RX, TX = 0, 2, 3, 4, 5, 6
COMMAND_DONE = 0x0A  # bits 3:1 of the status byte, as the boards show them after a command

SET_STANDBY, SET_RX, SET_TX, SET_SLEEP, SET_FS = 0x80, 0x82, 0x83, 0x84, 0xC1
SET_RF_FREQUENCY = 0x86
WRITE_REGISTER, READ_REGISTER = 0x0D, 0x1D
GET_STATUS, GET_DEVICE_ERRORS, GET_IRQ_STATUS = 0xC0, 0x17, 0x12

MODES = {SET_RX: RX, SET_TX: TX, SET_SLEEP: SLEEP, SET_FS: FS}


class Radio:
    """One RF chain's radio."""

    def __init__(self) -> None:
        self._alive = False
        self.reset()

    def reset(self) -> None:
        """Forget everything; the radio wakes in STDBY_RC."""
        self.mode = STDBY_RC
        self.frequency_register = 0
        self._registers: dict[int, int] = {}

    def lines(self, enabled: int, reset_released: int) -> None:
        """The two lines that the chip drives: RADIO_EN, and RADIO_RST (0 holds it in reset)."""
        if self._alive and not (enabled and reset_released):
            self.reset()
        self._alive = bool(enabled and reset_released)

    @property
    def receiving(self) -> bool:
        """Whether it delivers samples, and the clock, to the chip."""
        return self._alive and self.mode == RX

    @property
    def frequency(self) -> float:
        """The centre in Hz."""
        return self.frequency_register * 32_000_000 / 2**25

    def transfer(self, command: bytes) -> bytes:
        """One command; the answer is as long as the command."""
        if not self._alive or not command:
            return bytes(len(command))
        opcode, parameters = command[0], command[1:]
        self._execute(opcode, parameters)
        status = self.mode << 4 | COMMAND_DONE
        answer = bytes([0]) + bytes([status]) * len(parameters)
        return (answer[:2] + self._result(opcode, parameters) + answer[2:])[: len(command)]

    def _execute(self, opcode: int, parameters: bytes) -> None:
        if opcode == SET_STANDBY and parameters:
            self.mode = STDBY_XOSC if parameters[0] & 1 else STDBY_RC
        elif opcode in MODES:
            self.mode = MODES[opcode]
        elif opcode == SET_RF_FREQUENCY and len(parameters) == 4:
            self.frequency_register = int.from_bytes(parameters, "big")
        elif opcode == WRITE_REGISTER:
            first = int.from_bytes(parameters[:2], "big")
            self._registers |= dict(enumerate(parameters[2:], first))

    def _result(self, opcode: int, parameters: bytes) -> bytes:
        """What follows the status byte of a reading command."""
        if opcode == READ_REGISTER:
            first = int.from_bytes(parameters[:2], "big")
            values = (self._registers.get(first + i, 0) for i in range(len(parameters) - 3))
            return bytes([parameters[0], parameters[1], *values])[: len(parameters)]
        if opcode in (GET_DEVICE_ERRORS, GET_IRQ_STATUS):
            return bytes(2)
        return b""
