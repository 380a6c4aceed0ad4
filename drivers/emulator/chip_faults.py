"""The chip's faults as the host sees them: laid over what the chip really does.

Registers keep their values beneath, so that the end of a fault leaves a healthy chip.
The values are those of docs/sx1302.md §6.5 and §6.6, as far as it knows them.
"""

from dataclasses import replace

from drivers.emulator.cores import AGC_CTRL, AGC_STATUS, ARB_CTRL, ARB_STATUS
from drivers.emulator.faults import Fault, Faults
from drivers.emulator.fifo import SYNC, Metadata

AGC_STUCK, AGC_HANDSHAKE_DONE, PARITY_ERROR = 0x14, 0x0F, 0x01
CONTROLS = {"agc": AGC_CTRL, "arb": ARB_CTRL}
STATUSES = {"agc": AGC_STATUS, "arb": ARB_STATUS}
SILENT = {
    "agc_stuck": "the arbiter is stuck",
    "deaf": "the chip is deaf",
    "counter_stopped": "the chip's clock stands",
}

Cells = dict[int, int]


def silence(faults: Faults) -> str | None:
    """Why nothing at all is received, if so."""
    return next((why for name, why in SILENT.items() if faults.get(name)), None)


def misread_cells(faults: Faults, agc_running: bool) -> Cells:
    """The cells that do not read as they are, with what they read."""
    cells: Cells = {}
    if faults.get("agc_0x0f") and agc_running:
        cells[AGC_STATUS] = AGC_HANDSHAKE_DONE
    if faults.get("agc_stuck"):
        cells[AGC_STATUS] = AGC_STUCK
    if late := faults.get("late_status"):
        cells[STATUSES[late["core"]]] = 0
    return cells


def parity_errors(faults: Faults) -> list[int]:
    """The control registers whose parity flag is set."""
    if faults.get("agc_stuck"):
        return [AGC_CTRL, ARB_CTRL]
    damaged = faults.get("parity")
    return [CONTROLS[damaged["core"]]] if damaged else []


def mismatched(data: bytes, first: int, bad: int) -> bytes:
    """Program memory read back from `first` on, with one wrong bit in its cell `bad`."""
    if not first <= bad < first + len(data):
        return data
    changed = bytearray(data)
    changed[bad - first] ^= 0x01
    return bytes(changed)


def wrong_crc(faults: Faults, meta: Metadata) -> Metadata:
    """What the modem notes, while every CRC is wrong."""
    return replace(meta, crc_wrong=meta.crc_present) if faults.get("bad_crc") else meta


def damaged(faults: Faults, packet: bytes) -> bytes:
    """What reaches the receive buffer of a packet."""
    if faults.strike("bad_checksum"):
        packet = packet[:-1] + bytes([packet[-1] ^ 0x55])
    if garbage := faults.strike("fifo_garbage"):
        packet = _garbage(faults, garbage) + packet
    return packet


def torn(faults: Faults, count: int) -> int:
    """What a reading of the buffer's byte count gives."""
    return count & 0xFF00 if count and faults.strike("torn_count") else count


def _garbage(faults: Faults, fault: Fault) -> bytes:
    return faults.random.randbytes(fault["size"]).replace(SYNC[:1], b"\x5a")
