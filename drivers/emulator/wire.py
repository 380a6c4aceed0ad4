"""The wire between the board and the host: what becomes of an answer on its way.

An answer is what one request brings. Pieces arrive in order, each in a write of its own.
"""

from drivers.emulator.faults import Faults


def carry(faults: Faults, answer: bytes) -> list[bytes]:
    """The pieces in which an answer arrives; none where it is lost."""
    if faults.strike("lose"):
        return []
    if faults.strike("garbage"):
        answer = faults.random.randbytes(len(answer))
    if faults.strike("corrupt"):
        answer = _corrupted(faults, answer)
    split = faults.get("split")
    size = split["size"] if split else len(answer)
    return [answer[at : at + size] for at in range(0, len(answer), size)]


def delay(faults: Faults) -> float:
    """How late answers come, in seconds."""
    fault = faults.get("delay")
    return float(fault["seconds"]) if fault else 0.0


def _corrupted(faults: Faults, answer: bytes) -> bytes:
    changed = bytearray(answer)
    changed[faults.random.randrange(len(answer))] ^= faults.random.randrange(1, 256)
    return bytes(changed)
