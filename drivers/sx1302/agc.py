"""The chip's two microcontrollers: loading their images, and the handshakes that start them.

AGC mailboxes: the host writes byte 0, 1, 2 first and byte 3 last, as that is the command; then
the status moves on and the same bytes can be read back. After the handshake mailbox 3 is not
written any more.
"""

from drivers.concentrator import ChipError
from drivers.sx1302.chip import Chip
from drivers.sx1302.firmware import AGC_VERSION, ARB_VERSION, Firmware
from drivers.sx1302.settings import FineTimestamps
from drivers.sx1302.spi import MAX_DATA, burst, field, fields

AGC_MEMORY, ARB_MEMORY = 0x0000, 0x2000
AGC_STATUS = "AGC_MCU_MCU_AGC_STATUS_MCU_AGC_STATUS"
ARB_STATUS = "ARB_MCU_MCU_ARB_STATUS_MCU_ARB_STATUS"

AUTOMATIC = 255
# command (mailbox 3), mailboxes 0, 1, 2 as far as used, status that follows
AGC_PARAMETERS: tuple[tuple[int, tuple[int, ...], int], ...] = (
    (0x80, (AUTOMATIC, AUTOMATIC), 0x02),  # gains of radio A
    (0x20, (AUTOMATIC, AUTOMATIC), 0x03),  # gains of radio B
    (0x03, (1, 13), 0x04),  # analog gain, lowest and highest
    (0x04, (3, 12), 0x05),  # analog thresholds
    (0x05, (4, 15), 0x06),  # decimator attenuation
    (0x06, (40, 80, 90), 0x07),  # decimator thresholds: low, high 1, high 2
    (0x07, (4, 14), 0x08),  # channel attenuation
    (0x08, (52, 132), 0x09),  # channel thresholds
    (0x09, (0, 7, 4), 0x0A),  # SX1250 PA: device, hpMax, duty cycle
    (0x0A, (8,), 0x0B),  # PA start delay, 100 µs
    (0x0B, (0,), 0x0F),  # listen before talk: off
)
AGC_FINISH = 0x0F

STATISTICS_SF = 7
DOUBLE_DETECTION_THRESHOLD = 3
# bit 0 is SF5
DOUBLE_DEMODULATION = {
    FineTimestamps.OFF: 0x00,
    FineTimestamps.ALL_SF: 0xFF,
    FineTimestamps.HIGH_CAPACITY: 0x3F,
}


async def start(chip: Chip, firmware: Firmware, fine_timestamps: FineTimestamps) -> None:
    """Load and start both; ChipError when one does not take its image or does not answer."""
    await load_image(chip, "AGC", AGC_MEMORY, firmware.agc)
    await _agc_handshake(chip)
    await load_image(chip, "ARB", ARB_MEMORY, firmware.arb)
    await _arb_handshake(chip, fine_timestamps)


async def load_image(chip: Chip, name: str, base: int, image: bytes) -> None:
    """Write an image, compare what is read back, let the microcontroller run."""
    clear, program = f"{name}_MCU_CTRL_MCU_CLEAR", f"{name}_MCU_CTRL_HOST_PROG"
    pieces = [
        burst(base + start, image[start : start + MAX_DATA])
        for start in range(0, len(image), MAX_DATA)
    ]
    await chip.write([*fields("", {clear: 1, program: 1, "COMMON_PAGE_PAGE": 0}), *pieces])
    if await chip.read(base, len(image)) != image:
        raise ChipError(
            f"the {name} image reads back differently: the way to the chip or its power is bad"
        )
    await chip.write(fields("", {program: 0, clear: 0}))
    if await chip.get(f"{name}_MCU_CTRL_PARITY_ERROR"):
        raise ChipError(f"the chip found wrong parity in the {name} image")


async def _agc_handshake(chip: Chip) -> None:
    await chip.wait_for(AGC_STATUS, 0x01, "the AGC did not start")
    version = await _mailbox(chip, 0)
    if version != AGC_VERSION:
        raise ChipError(f"the AGC image shows version {version} instead of {AGC_VERSION}")
    for command, values, status in AGC_PARAMETERS:
        await _command_agc(chip, command, values)
        await chip.wait_for(AGC_STATUS, status, f"AGC command 0x{command:02X}")
        seen = [await _mailbox(chip, i) for i in range(len(values))]
        if seen != list(values):
            raise ChipError(f"AGC command 0x{command:02X}: wrote {list(values)}, it has {seen}")
    await _command_agc(chip, AGC_FINISH, ())


async def _command_agc(chip: Chip, command: int, values: tuple[int, ...]) -> None:
    name = "AGC_MCU_MCU_MAIL_BOX_WR_DATA_BYTE{}_MCU_MAIL_BOX_WR_DATA"
    boxes = [field(name.format(i), value) for i, value in enumerate(values)]
    await chip.write([*boxes, field(name.format(3), command)])


async def _mailbox(chip: Chip, number: int) -> int:
    return await chip.get(f"AGC_MCU_MCU_MAIL_BOX_RD_DATA_BYTE{number}_MCU_MAIL_BOX_RD_DATA")


async def _arb_handshake(chip: Chip, fine_timestamps: FineTimestamps) -> None:
    await chip.wait_for(ARB_STATUS, 0x01, "the arbiter did not start")
    version = await chip.get("ARB_MCU_ARB_DEBUG_STS_0_ARB_DEBUG_STS_0")
    if version != ARB_VERSION:
        raise ChipError(f"the arbiter image shows version {version} instead of {ARB_VERSION}")
    await chip.write(
        fields(
            "ARB_MCU_ARB_DEBUG_",
            {
                "CFG_0_ARB_DEBUG_CFG_0": STATISTICS_SF,
                "CFG_3_ARB_DEBUG_CFG_3": DOUBLE_DEMODULATION[fine_timestamps],
                "CFG_2_ARB_DEBUG_CFG_2": DOUBLE_DETECTION_THRESHOLD,
                "CFG_1_ARB_DEBUG_CFG_1": 1,  # go
            },
        )
    )
    await chip.wait_for(ARB_STATUS, 0x00, "the arbiter did not begin")
