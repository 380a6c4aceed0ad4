"""MAC commands as a device reads and answers them (TS001-1.0.4 §5, LoRaWAN 1.1 §5).

Rules:

- An answer goes with the next uplink. RXParamSetupAns, RXTimingSetupAns, DlChannelAns and
  TxParamSetupAns go with each uplink until a class A downlink is heard, RekeyInd, ResetInd and
  DeviceModeInd until they are confirmed.
- Contiguous LinkADRReqs are one block. Before 1.1 each gets its LinkADRAns, since then the block.
- Commands that do not exist, are cut off, were not asked for, or cannot be done are `refused`, with
  a sentence each: our network should never send one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from gateway.demo.end_device.plan import Plan
from gateway.demo.end_device.settings import LinkADR, Settings

LINK_CHECK, LINK_ADR, DEV_STATUS, DEVICE_TIME = 0x02, 0x03, 0x06, 0x0D
RESET, REKEY, DEVICE_MODE, FORCE_REJOIN = 0x01, 0x0B, 0x20, 0x0E
SIZES_1_0 = {0x02: 2, 0x03: 4, 0x04: 1, 0x05: 4, 0x06: 0, 0x07: 5, 0x08: 1, 0x09: 1, 0x0A: 4}
SIZES_1_0[0x0D] = 5
SIZES_1_1 = SIZES_1_0 | {0x01: 1, 0x0B: 1, 0x0C: 1, 0x0E: 2, 0x0F: 1, 0x20: 1}
STICKY = {0x05, 0x08, 0x09, 0x0A}
CONFIRMED = {RESET, REKEY, DEVICE_MODE}
MINOR = 1


@dataclass(frozen=True, slots=True)
class Rejoin:
    """ForceRejoinReq (1.1 §5.13): type 0 or 2, at a data rate, `retries` more times."""

    kind: int
    dr: int
    retries: int
    period: int


@dataclass(slots=True)
class Commands:
    """One session's MAC commands: what is to be sent, what was learnt."""

    plan: Plan
    version: str
    settings: Settings
    adr: bool = False
    battery: int = 255
    refused: list[str] = field(default_factory=list)
    adr_changes: int = 0
    link_check: tuple[int, int] | None = None
    gps_time: tuple[int, int] | None = None
    force_rejoin: Rejoin | None = None
    rejoin_every: tuple[int, int] | None = None
    class_c: bool = False
    asked: set[int] = field(default_factory=set)
    _sticky: dict[int, bytes] = field(default_factory=dict)
    _unconfirmed: dict[int, bytes] = field(default_factory=dict)
    _once: list[bytes] = field(default_factory=list)

    def ask(self, cid: int) -> None:
        """LinkCheckReq or DeviceTimeReq with the next uplink."""
        self._once.append(bytes([cid]))

    def announce(self, cid: int, value: int = MINOR) -> None:
        """ResetInd, RekeyInd or DeviceModeInd, until it is confirmed."""
        self._unconfirmed[cid] = bytes([cid, value])

    @property
    def announces(self) -> frozenset[int]:
        return frozenset(self._unconfirmed)

    def collect(self, room: int) -> bytes:
        """FOpts of the next uplink; what does not fit waits."""
        taken = b""
        for one in (*self._unconfirmed.values(), *self._sticky.values()):
            if len(taken) + len(one) <= room:
                taken += one
        while self._once and len(taken) + len(self._once[0]) <= room:
            one = self._once.pop(0)
            taken += one
            if len(one) == 1:
                self.asked.add(one[0])
        return taken

    def heard_class_a(self) -> None:
        """A downlink came in RX1 or RX2: what was repeated until then has arrived."""
        self._sticky.clear()

    def take(self, data: bytes, snr: float) -> None:
        """Do what a downlink's commands ask for, in their order."""
        block: list[LinkADR] = []
        for cid, payload in self._split(data):
            if cid == LINK_ADR:
                block.append(LinkADR.from_bytes(payload))
                continue
            self._link_adr(block)
            block = []
            if cid == DEV_STATUS:
                margin = max(-32, min(31, round(snr))) & 0x3F
                self._once.append(bytes([cid, self.battery, margin]))
            else:
                self._take_one(cid, payload)
        self._link_adr(block)

    def _split(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        sizes = SIZES_1_1 if self.version == "1.1" else SIZES_1_0
        at = 0
        while at < len(data):
            cid = data[at]
            size = sizes.get(cid)
            if size is None or at + 1 + size > len(data):
                self._refuse(cid, "unknown" if size is None else "cut off")
                return
            yield cid, data[at + 1 : at + 1 + size]
            at += 1 + size

    def _take_one(self, cid: int, payload: bytes) -> None:
        answer = self._ANSWERS[cid](self, payload)
        if answer is None:
            return
        if cid in STICKY:
            self._sticky[cid] = bytes([cid]) + answer
        else:
            self._once.append(bytes([cid]) + answer)

    def _refuse(self, cid: int, why: str) -> None:
        self.refused.append(f"MAC command 0x{cid:02x}: {why}")

    def _judged(self, cid: int, answer: int, good: int) -> bytes:
        if answer != good:
            self._refuse(cid, f"cannot be done, answered {answer:b}")
        return bytes([answer])

    def _link_adr(self, block: list[LinkADR]) -> None:
        if not block:
            return
        may_keep = self.version in ("1.0.4", "1.1")
        answer = self.settings.link_adr(block, adr=self.adr, may_keep=may_keep)
        self.adr_changes += answer == 0b111
        one = bytes([LINK_ADR]) + self._judged(LINK_ADR, answer, 0b111)
        self._once += [one] * (1 if self.version == "1.1" else len(block))

    def _link_check(self, payload: bytes) -> None:
        if self._was_asked(LINK_CHECK):
            self.link_check = payload[0], payload[1]

    def _device_time(self, payload: bytes) -> None:
        if self._was_asked(DEVICE_TIME):
            self.gps_time = int.from_bytes(payload[:4], "little"), payload[4]

    def _was_asked(self, cid: int) -> bool:
        if cid not in self.asked:
            self._refuse(cid, "an answer to nothing that was asked")
            return False
        self.asked.discard(cid)
        return True

    def _duty_cycle(self, payload: bytes) -> bytes:
        self.settings.max_duty_cycle = payload[0] & 15
        return b""

    def _rx_param_setup(self, payload: bytes) -> bytes:
        offset, dr = payload[0] >> 4 & 7, payload[0] & 15
        return self._judged(0x05, self.settings.rx_param_setup(offset, dr, _hz(payload[1:])), 0b111)

    def _new_channel(self, payload: bytes) -> bytes | None:
        if self.plan.fixed:
            self._refuse(0x07, "the plan's channels are fixed")
            return None
        min_dr, max_dr = payload[4] & 15, payload[4] >> 4
        answer = self.settings.new_channel(payload[0], _hz(payload[1:4]), min_dr, max_dr)
        return self._judged(0x07, answer, 0b11)

    def _rx_timing_setup(self, payload: bytes) -> bytes:
        self.settings.rx_delay_s = max(1, payload[0] & 15)
        return b""

    def _tx_param_setup(self, payload: bytes) -> bytes | None:
        if not self.plan.knows_tx_param_setup:
            self._refuse(0x09, "not of this region")
            return None
        self.settings.downlink_dwell = bool(payload[0] & 0x20)
        return b""

    def _dl_channel(self, payload: bytes) -> bytes | None:
        if self.plan.fixed:
            self._refuse(0x0A, "the plan's channels are fixed")
            return None
        return self._judged(0x0A, self.settings.dl_channel(payload[0], _hz(payload[1:])), 0b11)

    def _adr_param_setup(self, payload: bytes) -> bytes:
        self.settings.adr_ack_limit = 1 << (payload[0] >> 4)
        self.settings.adr_ack_delay = 1 << (payload[0] & 15)
        return b""

    def _force_rejoin(self, payload: bytes) -> None:
        word = int.from_bytes(payload, "little")
        kind = word >> 4 & 7
        if kind not in (0, 1, 2):
            self._refuse(FORCE_REJOIN, f"rejoin type {kind}")
            return
        # types 0 and 1 are both answered with type 0 (1.1 §5.13)
        self.force_rejoin = Rejoin(2 * (kind == 2), word & 15, word >> 8 & 7, word >> 11 & 7)

    def _rejoin_param_setup(self, payload: bytes) -> bytes:
        self.rejoin_every = 1 << (payload[0] & 15) + 4, 1 << (payload[0] >> 4) + 10
        return b"\1"

    def _confirm(self, cid: int, payload: bytes) -> None:
        if cid not in self._unconfirmed:
            self._refuse(cid, "a confirmation of nothing that was announced")
            return
        announced = self._unconfirmed.pop(cid)
        if cid == DEVICE_MODE:
            self.class_c = payload[0] == 2
        elif not MINOR >= payload[0] & 15 >= 1:
            self._refuse(cid, f"minor version {payload[0] & 15}")
            self._unconfirmed[cid] = announced

    def _reset_conf(self, payload: bytes) -> None:
        self._confirm(RESET, payload)

    def _rekey_conf(self, payload: bytes) -> None:
        self._confirm(REKEY, payload)

    def _device_mode_conf(self, payload: bytes) -> None:
        self._confirm(DEVICE_MODE, payload)

    _ANSWERS: ClassVar[dict[int, Callable[["Commands", bytes], bytes | None]]] = {
        LINK_CHECK: _link_check,
        0x04: _duty_cycle,
        0x05: _rx_param_setup,
        0x07: _new_channel,
        0x08: _rx_timing_setup,
        0x09: _tx_param_setup,
        0x0A: _dl_channel,
        0x0C: _adr_param_setup,
        DEVICE_TIME: _device_time,
        FORCE_REJOIN: _force_rejoin,
        0x0F: _rejoin_param_setup,
        RESET: _reset_conf,
        REKEY: _rekey_conf,
        DEVICE_MODE: _device_mode_conf,
    }


def _hz(three: bytes) -> int:
    return int.from_bytes(three[:3], "little") * 100
