"""Transmissions: what one packet writes into a TX chain, its trigger, its state, its abort.

The set-up is one batch that ends with the trigger. `counter_us` is the instant at which the
first symbol of the preamble leaves; the trigger comes earlier by the time that radio and modem
need to start. A trigger that has passed waits until the 32-bit tick counter comes round (134 s).
"""

from enum import Enum

from drivers.concentrator import ChipError, Modulation, TxPacket
from drivers.sx1302.channels import bit_rate_divider, low_data_rate, sync_pattern, sync_peaks
from drivers.sx1302.chip import Chip
from drivers.sx1302.settings import BANDWIDTH_CODE, GainRow, Radio
from drivers.sx1302.spi import SubRequest, burst, field, fields
from drivers.sx1302.timestamps import (
    TICK_MODULUS,
    TICKS_PER_US,
    LoRaPacket,
    fsk_time_on_air_us,
)

CHAIN_SPACING = 0x200  # chain B's addresses behind chain A's
START_DELAY, TRIGGER_TIME, BUFFER = 0x5205, 0x5201, 0x5300
FSK_BIT_RATE_ADDRESS, FSK_PREAMBLE_ADDRESS = 0x5244, 0x5242

START_DELAY_US = 1500  # radio and modem start within it
RADIO_DELAY = {125_000: 19, 250_000: 24, 500_000: 21}  # ticks, SX1250
FSK_BIT_RATE = 50_000
FSK_DEVIATION = 25_000
FSK_SYNC_WORD = b"\xc1\x94\xc1"
ABORT_POLLS, ABORT_PAUSE = 50, 0.02  # a second until an abort must have freed the chain


class TxState(Enum):
    """What a TX chain is doing."""

    FREE = "free"
    SCHEDULED = "scheduled"
    EMITTING = "emitting"
    UNKNOWN = "unknown"


_STATES = {
    0x80: TxState.FREE,
    0x91: TxState.SCHEDULED,
    0x92: TxState.SCHEDULED,
    **dict.fromkeys((0x30, 0x50, 0x60, 0x70), TxState.EMITTING),
}


def top(chain: int) -> str:
    """The prefix of a TX chain's registers."""
    return f"TX_TOP_{'AB'[chain]}_"


async def state(chip: Chip, chain: int) -> TxState:
    seen = await chip.get(f"{top(chain)}TX_FSM_STATUS_TX_STATUS")
    return _STATES.get(seen, TxState.UNKNOWN)


async def abort(chip: Chip, chain: int) -> None:
    """Take back whatever is scheduled or sent; ChipError when the chain does not become free."""
    triggers = ("IMMEDIATE", "DELAYED", "GPS")
    names = {f"TX_TRIG_TX_TRIG_{kind}": 0 for kind in triggers}
    await chip.write(fields(top(chain), names))
    for _ in range(ABORT_POLLS):
        if await state(chip, chain) is TxState.FREE:
            return
        await chip.sleep(ABORT_PAUSE)
    raise ChipError(
        f"the transmitter hangs: chain {'AB'[chain]} does not become free after an abort;"
        " the chip is started anew"
    )


def power_row(radio: Radio, power: float) -> GainRow:
    """The strongest row that is not above `power` dBm at the connector, or the weakest."""
    fitting = [row for row in radio.gains if row.rf_power <= power]
    return fitting[-1] if fitting else radio.gains[0]


def time_on_air_us(packet: TxPacket) -> int:
    """From the first symbol of the preamble to the end, µs."""
    size = len(packet.payload)
    if packet.modulation is Modulation.FSK:
        sync = len(FSK_SYNC_WORD)
        preamble = _fsk_preamble(packet.preamble)
        return fsk_time_on_air_us(size, FSK_BIT_RATE, preamble, sync, crc=packet.crc)
    shape = LoRaPacket(packet.sf, packet.bandwidth, packet.coding_rate, size, packet.crc)
    return shape.time_on_air_us(_lora_preamble(packet.preamble))


def refusal(packet: TxPacket) -> str | None:
    """Why the chip cannot send this at all: a fault of ours, not of the time or the air."""
    if len(packet.payload) > 255:
        return f"{len(packet.payload)} bytes do not fit one packet"
    if packet.modulation is Modulation.FSK:
        return None
    allowed = packet.bandwidth in BANDWIDTH_CODE and 5 <= packet.sf <= 12
    if allowed and 1 <= packet.coding_rate <= 4:
        return None
    return f"SF{packet.sf} at {packet.bandwidth} Hz, 4/{packet.coding_rate + 4}"


def program(packet: TxPacket, chain: int, row: GainRow, public: bool) -> list[SubRequest]:
    """Everything but the trigger."""
    base = CHAIN_SPACING * chain
    is_fsk = packet.modulation is Modulation.FSK
    return [
        *_common(packet, chain, row),
        *(_fsk(packet, chain) if is_fsk else _lora(packet, chain, public)),
        *(() if is_fsk else [_start_delay(packet, base)]),
        field(f"{top(chain)}TX_CTRL_WRITE_BUFFER", 1),
        *([burst(BUFFER + base, bytes((len(packet.payload),)))] if is_fsk else ()),
        *([burst(BUFFER + base + is_fsk, packet.payload)] if packet.payload else ()),
        field(f"{top(chain)}TX_CTRL_WRITE_BUFFER", 0),
    ]


def trigger(packet: TxPacket, chain: int) -> list[SubRequest]:
    """Arm the chain for the packet's time, or let it go now."""
    if packet.counter_us is None:
        immediate = f"{top(chain)}TX_TRIG_TX_TRIG_IMMEDIATE"
        return [field(immediate, 0), field(immediate, 1)]
    ticks = (packet.counter_us * TICKS_PER_US - start_delay(packet)) % TICK_MODULUS
    delayed = f"{top(chain)}TX_TRIG_TX_TRIG_DELAYED"
    when = burst(TRIGGER_TIME + CHAIN_SPACING * chain, ticks.to_bytes(4, "big"))
    return [when, field(delayed, 0), field(delayed, 1)]


def start_delay(packet: TxPacket) -> int:
    """Ticks between the trigger and the first symbol; FSK has none."""
    if packet.modulation is Modulation.FSK:
        return 0
    bandwidth = packet.bandwidth
    filters = ((1 << _lowpass(packet.sf)) - 1) * 1_000_000 // bandwidth
    modem = 8_000_000 // bandwidth
    return START_DELAY_US * TICKS_PER_US - (RADIO_DELAY[bandwidth] + filters + modem)


def _start_delay(packet: TxPacket, base: int) -> SubRequest:
    return burst(START_DELAY + base, start_delay(packet).to_bytes(2, "big"))


def _common(packet: TxPacket, chain: int, row: GainRow) -> list[SubRequest]:
    is_fsk = packet.modulation is Modulation.FSK
    high, mid, low = ((packet.frequency << 18) // 32_000_000).to_bytes(3, "big")
    return fields(
        top(chain),
        {
            "GEN_CFG_0_MODULATION_TYPE": int(is_fsk),
            "TX_RFFE_IF_CTRL_TX_IF_SRC": 2 if is_fsk else 1,
            "TX_RFFE_IF_I_OFFSET_I_OFFSET": 0,
            "TX_RFFE_IF_Q_OFFSET_Q_OFFSET": 0,
            "AGC_TX_PWR_AGC_TX_PWR": (row.pa_gain > 0) << 6 | row.pwr_idx,
            "TX_RFFE_IF_IQ_GAIN_IQ_GAIN": row.dig_gain,
            "TX_RFFE_IF_FREQ_RF_H_FREQ_RF": high,
            "TX_RFFE_IF_FREQ_RF_M_FREQ_RF": mid,
            "TX_RFFE_IF_FREQ_RF_L_FREQ_RF": low,
            "AGC_TX_BW_AGC_TX_BW": 0x80 if is_fsk else BANDWIDTH_CODE[packet.bandwidth],
        },
    )


def _deviation(chain: int, hertz: int) -> list[SubRequest]:
    high, low = divmod((hertz << 18) // 32_000_000, 256)
    names = {"TX_RFFE_IF_FREQ_DEV_H_FREQ_DEV": high, "TX_RFFE_IF_FREQ_DEV_L_FREQ_DEV": low}
    return fields(top(chain), names)


def _lora(packet: TxPacket, chain: int, public: bool) -> list[SubRequest]:
    sf, bandwidth = packet.sf, packet.bandwidth
    preamble_msb, preamble_lsb = divmod(_lora_preamble(packet.preamble), 256)
    peak1, peak2 = sync_peaks(public, sf)
    values = {
        "TXRX_CFG0_0_MODEM_BW": BANDWIDTH_CODE[bandwidth],
        "TXRX_CFG1_3_PREAMBLE_SYMB_NB": preamble_msb,
        "TXRX_CFG1_2_PREAMBLE_SYMB_NB": preamble_lsb,
        "TXRX_CFG0_0_MODEM_SF": sf,
        "TX_CFG0_0_CHIRP_LOWPASS": _lowpass(sf),
        "TXRX_CFG0_1_CODING_RATE": packet.coding_rate,
        "TXRX_CFG0_2_MODEM_EN": 1,
        "TXRX_CFG0_2_CADRXTX": 2,
        "TXRX_CFG1_1_MODEM_START": 1,
        "TX_CFG0_0_CONTINUOUS": 0,
        "TX_CFG0_0_CHIRP_INVERT": int(packet.inverted),
        "TXRX_CFG0_2_IMPLICIT_HEADER": 0,
        "TXRX_CFG0_2_CRC_EN": int(packet.crc),
        "FRAME_SYNCH_0_PEAK1_POS": peak1,
        "FRAME_SYNCH_1_PEAK2_POS": peak2,
        "TXRX_CFG0_2_FINE_SYNCH_EN": int(sf <= 6),
        "TXRX_CFG0_3_PAYLOAD_LENGTH": len(packet.payload),
        "TXRX_CFG0_1_PPM_OFFSET_HDR_CTRL": 0,
        "TXRX_CFG0_1_PPM_OFFSET": int(low_data_rate(sf, bandwidth)),
    }
    return [*_deviation(chain, bandwidth // 2), *fields(top(chain), values)]


def _fsk(packet: TxPacket, chain: int) -> list[SubRequest]:
    """50 kbit/s, ±25 kHz; the AGC programs the radio's deviation from its mailboxes 2…0."""
    base = CHAIN_SPACING * chain
    radio_steps = ((FSK_DEVIATION << 25) // 32_000_000).to_bytes(3, "big")
    mailbox = "AGC_MCU_MCU_MAIL_BOX_WR_DATA_BYTE{}_MCU_MAIL_BOX_WR_DATA"
    pattern = sync_pattern(FSK_SYNC_WORD)
    values = {
        "FSK_CFG_0_PKT_MODE": 1,
        "FSK_CFG_0_CRC_EN": int(packet.crc),
        "FSK_CFG_0_CRC_IBM": 0,
        "FSK_CFG_0_DCFREE_ENC": 2,
        "FSK_MOD_FSK_GAUSSIAN_EN": 1,
        "FSK_MOD_FSK_GAUSSIAN_SELECT_BT": 2,
        "FSK_MOD_FSK_REF_PATTERN_EN": 1,
        "FSK_MOD_FSK_REF_PATTERN_SIZE": len(FSK_SYNC_WORD) - 1,
        **{f"FSK_REF_PATTERN_BYTE{i}_FSK_REF_PATTERN": pattern[7 - i] for i in range(8)},
        "FSK_MOD_FSK_PREAMBLE_SEQ": 0,
    }
    preamble = _fsk_preamble(packet.preamble).to_bytes(2, "big")
    return [
        *_deviation(chain, FSK_DEVIATION),
        *(field(mailbox.format(2 - i), step) for i, step in enumerate(radio_steps)),
        *fields(top(chain), values),
        burst(FSK_BIT_RATE_ADDRESS + base, bytes(bit_rate_divider(FSK_BIT_RATE))),
        burst(FSK_PREAMBLE_ADDRESS + base, preamble),
        field(f"{top(chain)}FSK_PKT_LEN_PKT_LENGTH", len(packet.payload)),
    ]


def _lowpass(sf: int) -> int:
    return 6 if sf < 10 else 7


def _lora_preamble(symbols: int) -> int:
    return max(symbols, 6) if symbols else 8


def _fsk_preamble(size: int) -> int:
    return max(size, 3) if size else 5
