"""Which receive chain hears a packet, or why none does.

Source: docs/sx1302.md §3.3, §3.6–3.10, §9.
A chain hears a packet whose centre lies within a quarter of
its bandwidth, while everything on the way is switched on: radio, channel, data rate, sync word.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drivers.emulator import airtime, propagation
from drivers.emulator.cores import Core
from drivers.emulator.demodulators import Demodulators
from drivers.emulator.radio import Radio
from drivers.emulator.register_file import RegisterFile
from drivers.emulator.uplink import Uplink

MULTI_SF_BANDWIDTH = 125_000
MULTI_SF_CHAINS = range(8)
SERVICE, FSK = 8, 9
FREQUENCIES = 0x5800
DOUBLE_DEMODULATION = 0x608C  # arbiter, one bit a spreading factor from SF5 on
SERVICE_MODEM, FSK_MODEM = 16, 17
BLOCK = "RX_TOP_LORA_SERVICE_FSK_"
PUBLIC_PEAKS, PRIVATE_PEAKS = (6, 8), (2, 4)


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that hears the packet: its number and the demodulators that take it."""

    number: int
    modems: tuple[int, ...]


class Receiver:
    """The way from the antenna to the demodulators, as the registers have set it up."""

    def __init__(self, registers: RegisterFile, radios: list[Radio], arbiter: Core, agc: Core):
        self._registers = registers
        self._radios = radios
        self._arbiter = arbiter
        self._agc = agc
        self._demodulators = Demodulators(registers)

    def reset(self) -> None:
        """No demodulator is taken."""
        self._demodulators.reset()

    def release(self, chain: Chain) -> None:
        """The demodulators have decoded their packet."""
        self._demodulators.release(chain.modems)

    def hear(self, uplink: Uplink) -> Chain | str:
        """The chain that hears it, or the reason why none does."""
        if not self._on("COMMON_GEN_GLOBAL_EN"):
            return "the concentrator is not receiving (GLOBAL_EN is 0)"
        if not self._agc.running:
            return "the gain control (AGC) is not running"
        if uplink.modulation == "FSK":
            return self._hear_fsk(uplink)
        if not self._arbiter.running:
            return "the arbiter is not running"
        weak = propagation.too_weak(uplink.sf, uplink.snr) if uplink.fades else None
        return weak or self._hear_lora(uplink)

    def _hear_lora(self, uplink: Uplink) -> Chain | str:
        reason = f"no channel at {uplink.frequency} Hz with {uplink.bandwidth} Hz"
        for chain in self._lora_chains(uplink):
            refused = (
                self._refuse_service(uplink)
                if chain == SERVICE
                else self._refuse_multi_sf(uplink, chain)
            )
            if refused is None:
                return self._take(chain, uplink.sf)
            reason = refused
        return reason

    def _take(self, chain: int, sf: int) -> Chain | str:
        if chain == SERVICE:
            return Chain(chain, (SERVICE_MODEM,))
        twice = self._registers.cells[DOUBLE_DEMODULATION] >> sf - 5 & 1
        modems = self._demodulators.take(chain, sf, 1 + twice)
        return Chain(chain, modems) if modems else "no demodulator is free"

    def _lora_chains(self, uplink: Uplink) -> Iterator[int]:
        """The chains whose channel the packet lies in, switched on or not."""
        if uplink.bandwidth == MULTI_SF_BANDWIDTH:
            select = self._registers.field("RX_TOP_RADIO_SELECT_RADIO_SELECT")
            for chain in MULTI_SF_CHAINS:
                if self._tuned(uplink, select >> chain & 1, FREQUENCIES + 2 * chain):
                    yield chain
        code = self._registers.field(BLOCK + "TXRX_CFG0_MODEM_BW")
        if airtime.BANDWIDTH_CODES.get(code) == uplink.bandwidth and self._tuned(
            uplink, self._registers.field(BLOCK + "LORA_SERVICE_RADIO_SEL_RADIO_SELECT"), 0x5B00
        ):
            yield SERVICE

    def _refuse_multi_sf(self, uplink: Uplink, chain: int) -> str | None:
        if not self._on("COMMON_GEN_CONCENTRATOR_MODEM_ENABLE"):
            return "the multi-SF modems are off"
        if not self._registers.field("RX_TOP_CORRELATOR_EN_CORR_EN") >> chain & 1:
            return f"the correlator of chain {chain} is off"
        if not self._registers.field("RX_TOP_CORRELATOR_SF_EN_CORR_SF_EN") >> uplink.sf - 5 & 1:
            return f"SF{uplink.sf} is not enabled"
        group = f"SF{uplink.sf}" if uplink.sf < 7 else "SF7TO12"
        return self._refuse_sync(
            uplink,
            f"RX_TOP_FRAME_SYNCH0_{group}_PEAK1_POS_{group}",
            f"RX_TOP_FRAME_SYNCH1_{group}_PEAK2_POS_{group}",
        )

    def _refuse_service(self, uplink: Uplink) -> str | None:
        if not self._on("COMMON_GEN_MBWSSF_MODEM_ENABLE") or not self._on(
            BLOCK + "TXRX_CFG1_MODEM_EN"
        ):
            return "the LoRa service modem is off"
        sf = self._registers.field(BLOCK + "TXRX_CFG0_MODEM_SF")
        if sf != uplink.sf:
            return f"the LoRa service channel listens to SF{sf} only"
        return self._refuse_sync(
            uplink, BLOCK + "FRAME_SYNCH0_PEAK1_POS", BLOCK + "FRAME_SYNCH1_PEAK2_POS"
        )

    def _refuse_sync(self, uplink: Uplink, first: str, second: str) -> str | None:
        """The sync word of SF5 and SF6 is the private one everywhere."""
        wanted = PUBLIC_PEAKS if uplink.public and uplink.sf >= 7 else PRIVATE_PEAKS
        set_up = self._registers.field(first), self._registers.field(second)
        return None if set_up == wanted else f"sync word peaks are {set_up}, not {wanted}"

    def _hear_fsk(self, uplink: Uplink) -> Chain | str:
        period = self._registers.wide(0x5B5B, 0x5B5C)
        if not self._on("COMMON_GEN_FSK_MODEM_ENABLE") or not period:
            return "the FSK modem is off"
        if not self._tuned(uplink, self._registers.field(BLOCK + "FSK_CFG_3_RADIO_SELECT"), 0x5B50):
            return f"no FSK channel at {uplink.frequency} Hz"
        if abs(32_000_000 / period - uplink.bit_rate) > uplink.bit_rate / 100:
            return f"the FSK channel listens to {32_000_000 // period} bit/s only"
        return Chain(FSK, (FSK_MODEM,))

    def _tuned(self, uplink: Uplink, radio: int, if_address: int) -> bool:
        if not self._radios[radio].receiving:
            return False
        return abs(uplink.frequency - self._centre(radio, if_address)) <= uplink.bandwidth / 4

    def centre(self, chain: int) -> float:
        """Where a multi-SF chain listens, in Hz."""
        select = self._registers.field("RX_TOP_RADIO_SELECT_RADIO_SELECT")
        return self._centre(select >> chain & 1, FREQUENCIES + 2 * chain)

    def _centre(self, radio: int, if_address: int) -> float:
        steps = self._registers.wide(if_address, if_address + 1) & 0x1FFF
        offset = (steps - 0x2000 if steps & 0x1000 else steps) * 15625 / 32
        return self._radios[radio].frequency + offset

    def _on(self, name: str) -> bool:
        return self._registers.field(name) != 0
