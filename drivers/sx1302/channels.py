"""What start-up writes into the receivers: channelizer, correlators, modems, service, FSK.

Pure: settings in, register writes out, in the order of the reference. Figures without a name in
the settings are the reference's tuning.
"""

from drivers.sx1302.settings import (
    BANDWIDTH_CODE,
    FSK_CHAIN,
    MULTI_SF_CHAINS,
    SERVICE_CHAIN,
    SPREADING_FACTORS,
    Channel,
    Fsk,
    Service,
    Settings,
)
from drivers.sx1302.spi import SubRequest, field, fields

SERVICE_FSK = "RX_TOP_LORA_SERVICE_FSK_"
PUBLIC_PEAKS = (6, 8)  # sync word 0x34: each nibble doubled
PRIVATE_PEAKS = (2, 4)  # sync word 0x12
CHANNEL_SYNC_OFFSETS = (1, 5, 9, 13, 1, 5, 9, 13)
OFF = Channel(radio=0, offset=0)  # what the registers of a chain that is off hold


def receivers(settings: Settings) -> list[SubRequest]:
    """All receive registers, from the channelizer to the switch that enables the modems."""
    return [
        *channelizer(settings),
        *correlators(settings),
        *modems(settings),
        *(service(settings, settings.service) if settings.service else ()),
        *(fsk(settings.fsk) if settings.fsk else ()),
        *sync_words(settings),
        *fields(
            "COMMON_GEN_",
            {
                "CONCENTRATOR_MODEM_ENABLE": 1,
                "MBWSSF_MODEM_ENABLE": 1,
                "FSK_MODEM_ENABLE": 1,
                "GLOBAL_EN": 1,
            },
        ),
    ]


def if_register(offset: int) -> int:
    """An offset in Hz as the chip counts it: steps of 488.28125 Hz, signed."""
    steps = abs(offset) * 32 // 15625
    return steps if offset >= 0 else -steps


def low_data_rate(sf: int, bandwidth: int) -> bool:
    """Whether symbols last so long that the low data rate optimisation is on."""
    return (bandwidth == 125_000 and sf >= 11) or (bandwidth == 250_000 and sf == 12)


def drift(settings: Settings, bandwidth: int) -> tuple[int, int]:
    """Mantissa and exponent of the clock drift that goes with a frequency error.

    The reference takes radio A's centre for every channel.
    """
    _, radio = settings.radio_chains[0]
    mantissa, exponent = (bandwidth << 20) // radio.frequency, 0
    while mantissa < 2048:
        mantissa, exponent = mantissa * 2, exponent + 1
    return mantissa, exponent


def sync_peaks(public: bool, sf: int) -> tuple[int, int]:
    """The two sync word peaks; SF5 and SF6 use the private ones in every network."""
    return PUBLIC_PEAKS if public and sf >= 7 else PRIVATE_PEAKS


def channelizer(settings: Settings) -> list[SubRequest]:
    chains = [settings.chain(i) or OFF for i in range(FSK_CHAIN + 1)]
    radios = sum(chains[i].radio << i for i in range(MULTI_SF_CHAINS))
    return [
        field("RX_TOP_RADIO_SELECT_RADIO_SELECT", radios),
        *fields(
            SERVICE_FSK,
            {
                "LORA_SERVICE_RADIO_SEL_RADIO_SELECT": chains[SERVICE_CHAIN].radio,
                "FSK_CFG_3_RADIO_SELECT": chains[FSK_CHAIN].radio,
            },
        ),
        *(write for i in range(MULTI_SF_CHAINS) for write in _multi_sf_offset(i, chains[i])),
        *_offset(f"{SERVICE_FSK}LORA_SERVICE_FREQ_{{}}_IF_FREQ_0", chains[SERVICE_CHAIN]),
        *_offset(f"{SERVICE_FSK}FSK_FREQ_{{}}_IF_FREQ_0", chains[FSK_CHAIN]),
        *fields(
            "RX_TOP_",
            {
                "RSSI_CONTROL_RSSI_FILTER_ALPHA": 5,
                "RSSI_DEF_VALUE_CHAN_RSSI_DEF_VALUE": 85,
                "CHANN_DAGC_CFG5_CHAN_DAGC_MODE": 1,  # gain is left to the AGC
                "CHANN_DAGC_CFG1_CHAN_DAGC_THRESHOLD_HIGH": 255,
                "CHANN_DAGC_CFG2_CHAN_DAGC_THRESHOLD_LOW": 0,
                "CHANN_DAGC_CFG3_CHAN_DAGC_MAX_ATTEN": 15,
                "CHANN_DAGC_CFG3_CHAN_DAGC_MIN_ATTEN": 0,
            },
        ),
    ]


def _multi_sf_offset(number: int, channel: Channel) -> list[SubRequest]:
    return _offset(f"RX_TOP_FREQ_{number}_{{}}_IF_FREQ_{number}", channel)


def _offset(name: str, channel: Channel) -> list[SubRequest]:
    steps = if_register(channel.offset) & 0x1FFF
    return [field(name.format("MSB"), steps >> 8), field(name.format("LSB"), steps & 0xFF)]


def correlators(settings: Settings) -> list[SubRequest]:
    chains = sum(1 << i for i, channel in enumerate(settings.channels) if channel is not None)
    factors = sum(1 << sf - 5 for sf in settings.spreading_factors)
    detection = {
        "CFG2_ACC_PNR": 52,
        "CFG4_MSP_PNR": 24,
        "CFG6_MSP_PEAK_NB": 7,
        "CFG7_MSP2_PEAK_NB": 5,
    }
    return [
        *(write for sf in SPREADING_FACTORS for write in fields(f"RX_TOP_SF{sf}_", detection)),
        *fields(
            "RX_TOP_",
            {
                "CORRELATOR_ENABLE_ONLY_FIRST_DET_EDGE_ENABLE_ONLY_FIRST_DET_EDGE": 0xFF,
                "CORRELATOR_ENABLE_ACC_CLEAR_ENABLE_CORR_ACC_CLEAR": 0xFF,
                "CORRELATOR_SF_EN_CORR_SF_EN": factors,
                "CORR_CLOCK_ENABLE_CLK_EN": chains,
                "CORRELATOR_EN_CORR_EN": chains,
            },
        ),
    ]


def modems(settings: Settings) -> list[SubRequest]:
    """The multi-SF modems, at 125 kHz."""
    mantissa, exponent = drift(settings, 125_000)
    by_sf = {
        **{
            f"MODEM_PPM_OFFSET{1 + (sf > 8)}_PPM_OFFSET_SF{sf}": int(sf > 10) for sf in range(5, 13)
        },
        **{f"FREQ_TRACK_A_{sf > 8:d}_FREQ_TRACK_EN_SF{sf}": 3 for sf in range(5, 13)},
        **{f"FREQ_TRACK_B_{sf > 8:d}_FREQ_TRACK_EN_SF{sf}": 0 for sf in range(5, 13)},
    }
    return [
        *fields(
            "RX_TOP_",
            {
                "DC_NOTCH_CFG1_ENABLE": 0,
                "RX_DFE_AGC1_FORCE_DEFAULT_FIR": 1,
                "DAGC_CFG_GAIN_DROP_COMP": 1,
                "DAGC_CFG_TARGET_LVL": 1,
            },
        ),
        *fields("OTP_", {"MODEM_EN_0_MODEM_EN": 0xFF, "MODEM_EN_1_MODEM_EN": 0xFF}),
        *(_channel_sync_offset(i, value) for i, value in enumerate(CHANNEL_SYNC_OFFSETS)),
        *fields(
            "RX_TOP_",
            {
                "MODEM_SYNC_DELTA_MSB_MODEM_SYNC_DELTA": 0,
                "MODEM_SYNC_DELTA_LSB_MODEM_SYNC_DELTA": 126,
                "FINE_TIMING_A_1_GAIN_P_AUTO": 3,
                "FINE_TIMING_A_1_GAIN_P_PAYLOAD": 3,
                "FINE_TIMING_A_5_GAIN_I_EN_SF11": 1,
                "FINE_TIMING_A_5_GAIN_I_EN_SF12": 1,
                "FREQ_TRACK4_FREQ_SYNCH_THR": 15,
                **by_sf,
                "FINE_TIMING_B_5_GAIN_I_EN_SF11": 0,
                "FINE_TIMING_B_5_GAIN_I_EN_SF12": 0,
                "FINE_TIMING_B_0_ROUNDING": 1,
                "FINE_TIMING_B_0_MODE": 2,
                "FINE_TIMING_B_1_GAIN_P_AUTO": 0,
                "FINE_TIMING_B_1_GAIN_P_PREAMB": 6,
                "FINE_TIMING_B_1_GAIN_P_PAYLOAD": 2,
                "FINE_TIMING_B_2_GAIN_I_AUTO": 0,
                "FINE_TIMING_B_2_GAIN_I_PREAMB": 1,
                "FINE_TIMING_B_2_GAIN_I_PAYLOAD": 0,
                "TXRX_CFG7_PREAMBLE_SYMB_NB": 0,
                "TXRX_CFG6_PREAMBLE_SYMB_NB": 10,
                **_drift_fields("FREQ_TO_TIME", mantissa, exponent),
                "RX_CFG0_DFT_PEAK_EN": 3,
            },
        ),
    ]


def _channel_sync_offset(number: int, value: int) -> SubRequest:
    even = number & ~1
    name = f"ARB_MCU_CHANNEL_SYNC_OFFSET_{even}{even + 1}_CHANNEL_{number}_OFFSET"
    return field(name, value)


def _drift_fields(prefix: str, mantissa: int, exponent: int) -> dict[str, int]:
    return {
        f"{prefix}0_FREQ_TO_TIME_DRIFT_MANT": mantissa >> 8,
        f"{prefix}1_FREQ_TO_TIME_DRIFT_MANT": mantissa & 0xFF,
        f"{prefix}2_FREQ_TO_TIME_DRIFT_EXP": exponent,
        f"{prefix}3_FREQ_TO_TIME_INVERT_TIME_SYMB": 1,
    }


def service(settings: Settings, channel: Service) -> list[SubRequest]:
    sf, bandwidth, implicit = channel.sf, channel.bandwidth, channel.implicit
    short = sf <= 6
    code = BANDWIDTH_CODE[bandwidth]
    values = {
        "DETECT_MSP2_MSP_PEAK_NB": 7,
        "DETECT_MSP2_MSP2_PEAK_NB": 5,
        "DETECT_ACC1_USE_GAIN_SYMB": 1,
        "TXRX_CFG2_FINE_SYNCH_EN": int(short),
        "DETECT_ACC1_ACC_PNR": 52,
        "DC_NOTCH_CFG1_ENABLE": 0,
        "RX_DFE_AGC1_FORCE_DEFAULT_FIR": 1,
        "DAGC_CFG_GAIN_DROP_COMP": 1,
        "DAGC_CFG_TARGET_LVL": 1,
        "FINE_TIMING1_GAIN_P_AUTO": 3,
        "FINE_TIMING2_GAIN_I_PAYLOAD": 3,
        "FINE_TIMING1_GAIN_P_PREAMB": 4 if short else 6 if sf <= 10 else 7,
        "FINE_TIMING2_GAIN_I_EN": code - 3 if sf >= 11 else 0,
        "TXRX_CFG2_IMPLICIT_HEADER": int(implicit is not None),
        "TXRX_CFG2_CRC_EN": int(implicit is not None and implicit.crc),
        "TXRX_CFG1_CODING_RATE": implicit.coding_rate if implicit else 0,
        "TXRX_CFG3_PAYLOAD_LENGTH": implicit.length if implicit else 0,
        "TXRX_CFG0_MODEM_SF": sf,
        "TXRX_CFG0_MODEM_BW": code,
        "TXRX_CFG1_PPM_OFFSET": int(low_data_rate(sf, bandwidth)),
        "TXRX_CFG7_PREAMBLE_SYMB_NB": 0,
        "TXRX_CFG6_PREAMBLE_SYMB_NB": 12 if short else 8,
        **_drift_fields("FREQ_TO_TIME", *drift(settings, bandwidth)),
        "RX_DFE_AGC2_DAGC_IN_COMP": 1,
        "TXRX_CFG1_MODEM_EN": 1,
        "TXRX_CFG2_CADRXTX": 1,
        "TXRX_CFG2_MODEM_START": 1,
        "RX_CFG0_DFT_PEAK_EN": 3,
    }
    return fields(SERVICE_FSK, values)


def sync_pattern(sync_word: bytes) -> bytes:
    """The sync word left-aligned in eight bytes, most significant first, as chips hold it."""
    return sync_word.ljust(8, b"\0")


def bit_rate_divider(bit_rate: int) -> tuple[int, int]:
    """MSB and LSB of the 32 MHz clock's division to the bit rate."""
    return divmod(32_000_000 // bit_rate, 256)


def fsk(channel: Fsk) -> list[SubRequest]:
    pattern = sync_pattern(channel.sync_word)
    msb, lsb = bit_rate_divider(channel.bit_rate)
    values = {
        "FSK_CFG_1_PSIZE": len(channel.sync_word) - 1,
        **{f"FSK_REF_PATTERN_BYTE{i}_FSK_REF_PATTERN": pattern[7 - i] for i in range(8)},
        "BIT_RATE_MSB_BIT_RATE": msb,
        "BIT_RATE_LSB_BIT_RATE": lsb,
        "FSK_CFG_1_CH_BW_EXPO": 3,  # 125 kHz, whatever is configured
        "FSK_CFG_3_RX_INVERT": 0,
        "FSK_CFG_3_MODEM_INVERT_IQ": 0,
        "FSK_CFG_4_RSSI_LENGTH": 4,
        "FSK_CFG_0_PKT_MODE": 1,  # variable length
        "FSK_CFG_0_CRC_EN": 1,
        "FSK_CFG_0_DCFREE_ENC": 2,  # whitening
        "FSK_CFG_0_CRC_IBM": 0,
        "FSK_CFG_4_ERROR_OSR_TOL": 10,
        "FSK_PKT_LENGTH_PKT_LENGTH": 255,
        "FSK_NODE_ADRS_NODE_ADRS": 0,
        "FSK_BROADCAST_BROADCAST": 0,
        "FSK_CFG_3_AUTO_AFC": 1,
        "FSK_TIMEOUT_MSB_TIMEOUT": 0,
        "FSK_TIMEOUT_LSB_TIMEOUT": 128,
    }
    return fields(SERVICE_FSK, values)


def sync_words(settings: Settings) -> list[SubRequest]:
    sf_service = settings.service.sf if settings.service else 7
    peaks = {
        "RX_TOP_FRAME_SYNCH{}_SF5_PEAK{}_POS_SF5": sync_peaks(settings.public, 5),
        "RX_TOP_FRAME_SYNCH{}_SF6_PEAK{}_POS_SF6": sync_peaks(settings.public, 6),
        "RX_TOP_FRAME_SYNCH{}_SF7TO12_PEAK{}_POS_SF7TO12": sync_peaks(settings.public, 7),
        SERVICE_FSK + "FRAME_SYNCH{}_PEAK{}_POS": sync_peaks(settings.public, sf_service),
    }
    return [
        field(name.format(i, i + 1), positions[i])
        for name, positions in peaks.items()
        for i in range(2)
    ]
