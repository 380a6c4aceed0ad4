"""From an open link to receiving, in the order of the reference (sx1302_hal 2.1.0).

About 2.2 s of it are the radios' resets. The waits are the reference's.
"""

from drivers.concentrator import ChipError
from drivers.sx1302 import agc, channels, radio
from drivers.sx1302.chip import Chip
from drivers.sx1302.firmware import Firmware
from drivers.sx1302.settings import FineTimestamps, Settings
from drivers.sx1302.spi import SubRequest, field, fields

# pin of the MCU's port A, state: power on, SX1302 reset, SX1261 reset
POWER_UP = ((1, 1), (2, 1), (2, 0), (8, 0), (8, 1))
GPIO_FUNCTIONS = (0, 0, 9, 0, 9, 0, 0, 1)  # 9: TX and RX status on GPIO 2 and 4; 1: AGC
MODEL_ADDRESS = 0xD0
MODELS = {0x00: "SX1302", 0x02: "SX1302", 0x03: "SX1303"}


async def power_up(chip: Chip) -> None:
    """Switch the board on and reset the chip; also the way to leave it."""
    for pin, state in POWER_UP:
        await chip.gpio(pin, state)


async def start(chip: Chip, settings: Settings, firmware: Firmware) -> None:
    """Steps 1 to 29: ChipError says which one failed."""
    await chip.get("COMMON_VERSION_VERSION")
    await chip.set("GPIO_GPIO_OUT_L_OUT_VALUE", 0)
    await _calibrate(chip, settings)
    await _set_up_radios(chip, settings)
    if settings.fine_timestamps is not FineTimestamps.OFF:
        await _demand_sx1303(chip)
    await chip.write(
        [*timestamp_mode(settings), *front_end(), *channels.receivers(settings)],
    )
    await agc.start(chip, firmware, settings.fine_timestamps)
    await chip.write([*transmitters(), *pulse_per_second()])
    await chip.set("GPIO_GPIO_OUT_L_OUT_VALUE", 1)  # the "configuration done" LED


async def _calibrate(chip: Chip, settings: Settings) -> None:
    for number, _ in settings.radio_chains:
        await radio.reset(chip, number)
        await radio.set_mode(chip, number)
    await chip.write([*clock(settings), *host_takes_front_end()])
    for number, each in settings.radio_chains:
        await radio.calibrate_image(chip, number, each)
    await chip.set("AGC_MCU_CTRL_FORCE_HOST_FE_CTRL", 0)


async def _set_up_radios(chip: Chip, settings: Settings) -> None:
    for number, each in settings.radio_chains:
        await radio.reset(chip, number)
        await radio.set_up(chip, number, each)
        await radio.set_mode(chip, number)
    await chip.write([*clock(settings), field("COMMON_CTRL0_HOST_RADIO_CTRL", 0)])


async def read_otp(chip: Chip, address: int) -> int:
    """One byte of the chip's one-time programmable memory."""
    await chip.set("OTP_BYTE_ADDR_ADDR", address)
    return await chip.get("OTP_RD_DATA_RD_DATA")


async def read_model(chip: Chip) -> str:
    model = await read_otp(chip, MODEL_ADDRESS)
    return MODELS.get(model, f"unknown (0x{model:02X})")


async def read_eui(chip: Chip) -> int:
    """The chip's EUI-64."""
    return int.from_bytes(bytes([await read_otp(chip, i) for i in range(8)]), "big")


async def _demand_sx1303(chip: Chip) -> None:
    model = await read_model(chip)
    if model != "SX1303":
        raise ChipError(f"fine timestamps need an SX1303, this chip is: {model}")


def clock(settings: Settings) -> list[SubRequest]:
    return fields(
        "",
        {
            "CLK_CTRL_CLK_SEL_CLK_RADIO_A_SEL": int(settings.clock_source == 0),
            "CLK_CTRL_CLK_SEL_CLK_RADIO_B_SEL": int(settings.clock_source == 1),
            "CLK_CTRL_CLK_SEL_CLKDIV_EN": 1,
            "COMMON_CTRL0_CLK32_RIF_CTRL": 1,
        },
    )


def host_takes_front_end() -> list[SubRequest]:
    return fields(
        "AGC_MCU_", {"CTRL_FORCE_HOST_FE_CTRL": 1, "RF_EN_A_PA_EN": 0, "RF_EN_A_LNA_EN": 0}
    )


def timestamp_mode(settings: Settings) -> list[SubRequest]:
    """Plain timestamps mark the end of a packet, fine ones the end of its preamble."""
    if settings.fine_timestamps is FineTimestamps.OFF:
        return [field("RX_TOP_RX_BUFFER_LEGACY_TIMESTAMP", 1)]
    return fields(
        "RX_TOP_",
        {
            "RX_BUFFER_LEGACY_TIMESTAMP": 0,
            "RX_BUFFER_TIMESTAMP_CFG_MAX_TS_METRICS": 32,
            "TIMESTAMP_ENABLE": 1,
            "TIMESTAMP_NB_SYMB": 0,
        },
    )


def front_end() -> list[SubRequest]:
    """Roles of the chip's pins, PA and LNA tables, filters and levels of both radio inputs."""
    per_radio = {
        "RSSI_BB_FILTER_ALPHA_RADIO_{}_RSSI_BB_FILTER_ALPHA": 3,
        "RSSI_DEC_FILTER_ALPHA_RADIO_{}_RSSI_DEC_FILTER_ALPHA": 7,
        "RSSI_DB_DEF_RADIO_{}_RSSI_DB_DEFAULT_VALUE": 23,
        "RSSI_DEC_DEF_RADIO_{}_RSSI_DEC_DEFAULT_VALUE": 66,
        "CTRL0_RADIO_{}_DC_NOTCH_EN": 1,
        "CTRL0_RADIO_{}_HOST_FILTER_GAIN": 11,
    }
    functions = {f"SEL_{i}_SELECTION": function for i, function in enumerate(GPIO_FUNCTIONS)}
    tables = {f"{x}_{kind}_LUT": value for x in "AB" for kind, value in (("PA", 4), ("LNA", 2))}
    return [
        *fields("GPIO_GPIO_", {**functions, "DIR_L_DIRECTION": 0x7F}),
        *fields("AGC_MCU_LUT_TABLE_", tables),
        *fields("RADIO_FE_", {name.format(x): v for name, v in per_radio.items() for x in "AB"}),
    ]


def transmitters() -> list[SubRequest]:
    """What stays the same for every transmission, on both chains."""
    values = {
        "CTRL2_PLL_DIV_CTRL_AGC": 1,
        "CTRL_TX_IF_DST": 1,
        "CTRL_TX_MODE": 1,
        "CTRL_TX_CLK_EDGE": 0,
    }
    return [write for x in "AB" for write in fields(f"TX_TOP_{x}_TX_RFFE_IF_", values)]


def pulse_per_second() -> list[SubRequest]:
    return fields("TIMESTAMP_GPS_CTRL_", {"GPS_EN": 1, "GPS_POL": 1})
