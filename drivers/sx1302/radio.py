"""The two SX1250 radios: reset, image calibration, set-up to continuous reception."""

from enum import IntEnum

from drivers.concentrator import ChipError
from drivers.sx1302.chip import Chip
from drivers.sx1302.settings import Radio, calibration_band
from drivers.sx1302.spi import field, fields


class Opcode(IntEnum):
    """Commands of the SX1250."""

    WRITE_REGISTER = 0x0D
    GET_DEVICE_ERRORS = 0x17
    SET_STANDBY = 0x80
    SET_RX = 0x82
    SET_RF_FREQUENCY = 0x86
    CALIBRATE = 0x89
    CALIBRATE_IMAGE = 0x98
    GET_STATUS = 0xC0


STANDBY_RC, STANDBY_XOSC = 0, 1  # parameters of SET_STANDBY
MODE_STANDBY_RC, MODE_STANDBY_XOSC = 2, 3  # bits 6:4 of the status
IMAGE_CALIBRATION_FAILED = 0x10  # in the third byte of GET_DEVICE_ERRORS
CALIBRATE_ALL = b"\x7f"
CONTINUOUS = b"\xff\xff\xff"
SETTLE = 0.01  # s after a calibration, a standby, the radio's own start

MAXIMUM_BIT_RATE = ("06a101", "06a200", "06a300")
DIO_FOR_RECEPTION = ("058200", "058300", "058400", "058500", "058000")
FIXED_GAIN = "08b62a"
NO_FREQUENCY_OFFSET = "088f000000"
SINGLE_INPUT = "08e20d"
FPGA_MODE_RX = "05870b"


async def reset(chip: Chip, number: int) -> None:
    """Power a radio and reset it, with the chip's clock taken from it off meanwhile."""
    enable = f"AGC_MCU_RF_EN_{'AB'[number]}_RADIO_EN"
    line = f"AGC_MCU_RF_EN_{'AB'[number]}_RADIO_RST"
    await chip.write(fields("", {"COMMON_CTRL0_CLK32_RIF_CTRL": 0, enable: 1, line: 1}))
    await chip.sleep(0.5)
    await chip.set(line, 0)
    await chip.sleep(SETTLE)
    await chip.set(line, 1)
    await chip.sleep(SETTLE)


async def set_mode(chip: Chip, number: int) -> None:
    """Tell the SX1302 that this radio is an SX126x-like one."""
    await chip.write([field(f"COMMON_CTRL0_SX1261_MODE_RADIO_{'AB'[number]}", 1)])


async def calibrate_image(chip: Chip, number: int, radio: Radio) -> None:
    """Calibrate image rejection for the radio's band; ChipError when it fails."""
    band = calibration_band(radio.frequency)
    assert band is not None
    await chip.radio(number, Opcode.GET_STATUS, b"\x00")
    await chip.radio(number, Opcode.CALIBRATE_IMAGE, band)
    await chip.sleep(SETTLE)
    errors = await chip.radio(number, Opcode.GET_DEVICE_ERRORS, bytes(3))
    if errors[2] & IMAGE_CALIBRATION_FAILED:
        raise ChipError(f"image calibration of radio {number} failed: device errors {errors.hex()}")


async def set_up(chip: Chip, number: int, radio: Radio) -> None:
    """From reset to continuous reception, which starts the clock towards the SX1302."""
    await _standby(chip, number, STANDBY_RC, MODE_STANDBY_RC)
    await chip.radio(number, Opcode.CALIBRATE, CALIBRATE_ALL)
    await chip.sleep(SETTLE)
    await _standby(chip, number, STANDBY_XOSC, MODE_STANDBY_XOSC)
    await _write(chip, number, *MAXIMUM_BIT_RATE, *DIO_FOR_RECEPTION, FIXED_GAIN)
    tuning = (radio.frequency << 25) // 32_000_000
    await chip.radio(number, Opcode.SET_RF_FREQUENCY, tuning.to_bytes(4, "big"))
    await _write(chip, number, NO_FREQUENCY_OFFSET)
    await chip.radio(number, Opcode.SET_RX, CONTINUOUS)
    if radio.single_input:
        await _write(chip, number, SINGLE_INPUT)
    await _write(chip, number, FPGA_MODE_RX)


async def _standby(chip: Chip, number: int, wanted: int, mode: int) -> None:
    await chip.radio(number, Opcode.SET_STANDBY, bytes((wanted,)))
    await chip.sleep(SETTLE)
    status = await chip.radio(number, Opcode.GET_STATUS, b"\x00")
    if status[0] >> 4 & 0x07 != mode:
        raise ChipError(
            f"radio {number} did not reach standby (status 0x{status[0]:02X}):"
            " is it an SX1250, and does it have power?"
        )


async def _write(chip: Chip, number: int, *registers: str) -> None:
    for register in registers:
        await chip.radio(number, Opcode.WRITE_REGISTER, bytes.fromhex(register))
