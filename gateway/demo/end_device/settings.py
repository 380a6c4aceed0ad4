"""What a device is set to, and how the network's requests alter it (TS001-1.0.4 §5).

Rules:

- Each request is applied whole or not at all; the answer's bits say what was not to be had.
- A LinkADRReq block is one request: the masks apply in their order, data rate, power and NbTrans
  are the last one's (§5.2).
- Default channels of a dynamic plan may be masked, not altered (§5.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.demo.end_device.plan import DYNAMIC_CHANNELS, NARROW_CHANNELS, Channel, Plan
from gateway.demo.end_device.windows import COUNTER_MODULUS, Window

KEEP = 15
SECOND_US = 1_000_000
ADR_ACK_LIMIT, ADR_ACK_DELAY = 64, 32  # RP002-1.0.4 §2.3


class LinkADR(NamedTuple):
    """One LinkADRReq."""

    dr: int
    tx_power: int
    mask: int
    cntl: int
    nb_trans: int

    @classmethod
    def from_bytes(cls, data: bytes) -> "LinkADR":
        mask = int.from_bytes(data[1:3], "little")
        return cls(data[0] >> 4, data[0] & 15, mask, data[3] >> 4 & 7, data[3] & 15)


@dataclass(slots=True)
class Settings:
    """Radio parameters of one device; `channels` by index, `enabled` are indices."""

    plan: Plan
    channels: dict[int, Channel] = field(default_factory=dict)
    enabled: set[int] = field(default_factory=set)
    dr: int = 0
    tx_power: int = 0
    nb_trans: int = 1
    rx1_dr_offset: int = 0
    rx2_frequency: int = 0
    rx2_dr: int = 0
    rx_delay_s: int = 1
    max_duty_cycle: int = 0
    adr_ack_limit: int = ADR_ACK_LIMIT
    adr_ack_delay: int = ADR_ACK_DELAY
    downlink_dwell: bool = False

    def __post_init__(self) -> None:
        self.channels = dict(enumerate(self.plan.channels))
        self.enabled = set(self.channels)
        self.rx2_frequency, self.rx2_dr = self.plan.rx2_frequency, self.plan.rx2_dr
        self.dr = min(dr for dr in self.plan.rx1 if self.plan.uplink_room(dr))

    def windows(self, rx1_at: int, dr: int, rx1_frequency: int) -> tuple[Window, Window]:
        """RX1 at that counter value, after an uplink at `dr`, and RX2 a second later (§3.3)."""
        rate = self.plan.rates[self.plan.rx1[dr][self.rx1_dr_offset]]
        rx1 = Window(rx1_at % COUNTER_MODULUS, rx1_frequency, rate.sf, rate.bandwidth)
        return rx1, self.rx2(rx1_at + SECOND_US)

    def rx2(self, at: int) -> Window:
        """RX2; a class C device listens so at any time."""
        rate = self.plan.rates[self.rx2_dr]
        return Window(at % COUNTER_MODULUS, self.rx2_frequency, rate.sf, rate.bandwidth)

    def usable(self, dr: int) -> list[int]:
        """The enabled channels on which this data rate may be sent."""
        return [i for i in sorted(self.enabled) if self._carries(i, dr)]

    def _carries(self, index: int, dr: int) -> bool:
        channel = self.channels[index]
        if dr not in self.plan.rx1 or not self.plan.uplink_room(dr):
            return False
        return channel.min_dr <= dr <= channel.max_dr

    def join_accept(self, dl_settings: int, rx_delay: int, cf_list: bytes) -> None:
        """DLSettings, RxDelay and CFList of a Join-Accept (§6.2.6)."""
        self.rx1_dr_offset, self.rx2_dr = dl_settings >> 4 & 7, dl_settings & 15
        self.rx_delay_s = max(1, rx_delay & 15)
        if len(cf_list) != 16:
            return
        if cf_list[15] == 0 and not self.plan.fixed:
            self._more_channels(cf_list)
        elif cf_list[15] == 1 and self.plan.fixed:
            mask = int.from_bytes(cf_list[:9], "little")
            self.enabled = {i for i in self.channels if mask >> i & 1}

    def _more_channels(self, cf_list: bytes) -> None:
        first = len(self.plan.channels)
        for n in range(5):
            frequency = int.from_bytes(cf_list[3 * n : 3 * n + 3], "little") * 100
            if frequency and self.plan.may_carry(frequency):
                self.channels[first + n] = Channel(frequency, frequency, 0, 5)
                self.enabled.add(first + n)

    def link_adr(self, block: Sequence[LinkADR], *, adr: bool, may_keep: bool) -> int:
        """Apply a block; bits 0…2 of the answer: mask, data rate, power."""
        enabled: set[int] | None = set(self.enabled)
        for one in block:
            enabled = None if enabled is None else self._masked(enabled, one)
        last = block[-1]
        dr, tx_power = last.dr, last.tx_power
        if not adr or (may_keep and dr == KEEP):
            dr = self.dr
        if not adr or (may_keep and tx_power == KEEP):
            tx_power = self.tx_power
        dr_ok = any(self._carries(i, dr) for i in enabled or ())
        answer = bool(enabled) | dr_ok << 1 | (tx_power <= self.plan.max_tx_power) << 2
        if answer == 0b111:
            assert enabled is not None
            self.enabled, self.dr, self.tx_power = enabled, dr, tx_power
            self.nb_trans = last.nb_trans or 1
        return answer

    def _masked(self, enabled: set[int], one: LinkADR) -> set[int] | None:
        """What one ChMaskCntl and ChMask leave enabled; None for what they cannot mean."""
        wanted = {i for i in range(16) if one.mask >> i & 1}
        if self.plan.fixed:
            return self._masked_fixed(enabled, one.cntl, wanted)
        if one.cntl == 6:
            return set(self.channels)
        if one.cntl != 0 or not wanted <= set(self.channels):
            return None
        return wanted

    def _masked_fixed(self, enabled: set[int], cntl: int, wanted: set[int]) -> set[int] | None:
        narrow, wide = range(NARROW_CHANNELS), range(NARROW_CHANNELS, NARROW_CHANNELS + 8)
        if cntl <= 4:
            span = range(16 * cntl, 16 * cntl + (16 if cntl < 4 else 8))
            kept = {i for i in enabled if i not in span}
            return kept | {16 * cntl + n for n in wanted if 16 * cntl + n in span}
        if cntl == 5:
            banks = {n for n in wanted if n < 8}
            return {i for i in narrow if i // 8 in banks} | {NARROW_CHANNELS + n for n in banks}
        wide_on = {i for i in wide if i - NARROW_CHANNELS in wanted}
        return wide_on | set(narrow) if cntl == 6 else wide_on

    def rx_param_setup(self, offset: int, rx2_dr: int, frequency: int) -> int:
        """Bits 0…2 of the answer: channel, RX2's data rate, RX1DROffset (§5.4)."""
        offsets = len(next(iter(self.plan.rx1.values())))
        known = rx2_dr in self.plan.rates and (not self.plan.fixed or rx2_dr >= 8)
        answer = self.plan.may_carry(frequency) | known << 1 | (offset < offsets) << 2
        if answer == 0b111:
            self.rx1_dr_offset, self.rx2_dr, self.rx2_frequency = offset, rx2_dr, frequency
        return answer

    def new_channel(self, index: int, frequency: int, min_dr: int, max_dr: int) -> int:
        """Bits 0 and 1 of the answer: frequency, data rates (§5.6). Dynamic plans only."""
        known = len(self.plan.channels) <= index < DYNAMIC_CHANNELS
        rates_ok = min_dr <= max_dr and {min_dr, max_dr} <= self.plan.rx1.keys()
        if frequency == 0 and known:
            self.channels.pop(index, None)
            self.enabled.discard(index)
            return 0b11
        frequency_ok = known and self.plan.may_carry(frequency)
        answer = frequency_ok | (known and rates_ok) << 1
        if answer == 0b11:
            self.channels[index] = Channel(frequency, frequency, min_dr, max_dr)
            self.enabled.add(index)
        return answer

    def dl_channel(self, index: int, frequency: int) -> int:
        """Bits 0 and 1 of the answer: frequency, uplink frequency exists (§5.10)."""
        exists = index in self.channels
        answer = self.plan.may_carry(frequency) | exists << 1
        if answer == 0b11:
            self.channels[index] = self.channels[index]._replace(rx1_frequency=frequency)
        return answer

    def back_off(self, ack_count: int) -> None:
        """One uplink more went unanswered (§4.3.1.1): power, then data rate, then channels."""
        if ack_count < self.adr_ack_limit + self.adr_ack_delay:
            return
        self.tx_power = 0
        over = ack_count - self.adr_ack_limit
        if over < 2 * self.adr_ack_delay or over % self.adr_ack_delay:
            return
        slower = [dr for dr in self.plan.rx1 if dr < self.dr and self.usable(dr)]
        if slower:
            self.dr = max(slower)
        else:
            self.nb_trans = 1
            self.enabled |= set(range(len(self.plan.channels)))
