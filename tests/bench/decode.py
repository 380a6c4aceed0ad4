"""One 33-byte uplink from bytes to tuple: parse, MIC, decrypt (docs/performance.md).

Time is only believed as a ratio to C on the same libcrypto, measured in turns. Instructions are
repeatable: callgrind's count for many frames less that for few, so the call, the loop and the
freeing of the tuple are in it and Python's start is not.
"""

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from statistics import median
from time import perf_counter

from native.frames import SessionKeys

from .row import Row

# DevAddr 26011bda, FCnt 1234, FPort 2, 20 bytes; made by tests/lorawan_oracle.py
NWK_S_KEY, APP_S_KEY = bytes(range(16)), bytes(range(1, 17))
FRAME = bytes.fromhex("40da1b012680d20402000102030405060708090a0b0c0d0e0f10111213c25791a2")
KEYS = SessionKeys(0x26011BDA, NWK_S_KEY, NWK_S_KEY, NWK_S_KEY, APP_S_KEY)
ROUNDS, FRAMES = 25, 20_000
FEW, MANY = 1_000, 11_000
MOST_TIMES_C, MOST_INSTRUCTIONS = 3.0, 2_000


def decode_frames(count: int) -> bytes:
    """Decode the frame `count` times; the last FRMPayload."""
    decode_uplink, frame, decoded = KEYS.decode_uplink, FRAME, None
    for _ in repeat(None, count):
        decoded = decode_uplink(frame, 1233)
    assert decoded is not None
    return decoded[5]


def time_of_a_frame() -> Row:
    """Median ns a frame, ours and C's in turns."""
    with tempfile.TemporaryDirectory() as directory:
        limit = _compiled_limit(Path(directory))
    assert _decode_frames_in_c(limit, 1) == decode_frames(1)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        started = perf_counter()
        decode_frames(FRAMES)
        between = perf_counter()
        _decode_frames_in_c(limit, FRAMES)
        ours.append((between - started) / FRAMES * 1e9)
        theirs.append((perf_counter() - between) / FRAMES * 1e9)
    times = median(ours) / median(theirs)
    return Row(
        "uplink decode, 33 bytes",
        f"{median(ours):.0f} ns = {times:.1f}x C",
        f"{median(theirs):.0f} ns in C",
        f"<= {MOST_TIMES_C:.0f}x C",
        times <= MOST_TIMES_C,
    )


def instructions_of_a_frame() -> Row:
    """Instructions a frame, by callgrind."""
    what, goal = "uplink decode, instructions", f"<= {MOST_INSTRUCTIONS}"
    if shutil.which("valgrind") is None:
        return Row(what, "valgrind not found", "", goal, None)
    count = (_instructions(MANY) - _instructions(FEW)) / (MANY - FEW)
    return Row(what, f"{count:.0f}", "", goal, count <= MOST_INSTRUCTIONS)


BENCHES: tuple[Callable[[], Row], ...] = (time_of_a_frame, instructions_of_a_frame)


def _compiled_limit(directory: Path) -> ctypes.CDLL:
    source, library = Path(__file__).with_name("decode_limit.c"), directory / "decode_limit.so"
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "libcrypto"], text=True)
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run([*command, *shlex.split(flags)], check=True)
    return ctypes.CDLL(str(library))


def _decode_frames_in_c(limit: ctypes.CDLL, count: int) -> bytes:
    out = ctypes.create_string_buffer(64)
    size = limit.decode_many(
        FRAME, len(FRAME), NWK_S_KEY, APP_S_KEY, ctypes.c_long(count), out
    )  # fmt: skip
    assert size >= 0
    return out.raw[:size]


def _instructions(frames: int) -> int:
    code = f"from tests.bench.decode import decode_frames; decode_frames({frames})"
    done = subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            sys.executable,
            "-c",
            code,
        ],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])
