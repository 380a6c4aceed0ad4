"""Starts daemons at once, one after the other: `python -m crash_trials.starter AIR_PORT`.

This process has everything imported and forks; a child is the real `kogge run` but for two things:

- Time. Its seconds last a tenth of ours: the clock that asyncio, the driver, the emulator and the
  MQTT client all ask runs faster, and the waits for the network last so much shorter.
- The radio. The real driver reaches the emulated board over the memory link; long pauses of a start
  are skipped. The air is on AIR_PORT, for devices elsewhere.

A line on stdin, {"config", "log", "seed", "mutation"}, starts one; it is answered with its process
id, and when it has ended with its exit code (negative: the signal), a line each. The first line, 0,
says that everything is imported.
"""

import asyncio
import contextlib
import json
import os
import random
import selectors
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

SPEED = 10
IMPORTED = ("crash_trials.mutations", "crash_trials.radio", "gateway.cli.run", "gateway.process")
LONG = 0.05  # seconds; a pause of the driver as long as this belongs to a start

_monotonic, _monotonic_ns = time.monotonic, time.monotonic_ns
_skipped_ns = 0


def _now_ns() -> int:
    return _monotonic_ns() * SPEED + _skipped_ns


class _Hurried(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout is None else timeout / SPEED)


def hurry() -> None:
    """Before anything else is imported that keeps one of these for itself."""
    time.monotonic_ns = _now_ns
    time.monotonic = lambda: _now_ns() / 1e9
    selectors.DefaultSelector = _Hurried  # type: ignore[misc]


async def pause(seconds: float) -> None:
    global _skipped_ns
    if seconds >= LONG:
        _skipped_ns += round(seconds * 1e9)
        seconds = 0.0
    await asyncio.sleep(seconds)


def serve(air_port: int) -> None:
    print(0, flush=True)  # noqa: T201 # ready
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(_run(air_port, order))
        print(child, flush=True)  # noqa: T201
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def _run(air_port: int, order: dict[str, Any]) -> int:
    from crash_trials import mutations

    with Path(order["log"]).open("ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    random.seed(order["seed"])
    try:
        mutations.mutate(order["mutation"])
        return _daemon(air_port, Path(order["config"]))
    except BaseException:  # noqa: BLE001 # as the interpreter would
        traceback.print_exc()
        return 1


def _daemon(air_port: int, config: Path) -> int:
    from crash_trials.radio import Radio

    from gateway import cli
    from gateway.board import hardware

    hardware.concentrator = Radio(air_port, pause).concentrator
    return cli.main(["run", "--config", str(config)])


if __name__ == "__main__":
    hurry()
    for name in IMPORTED:
        import_module(name)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(int(sys.argv[1]))
