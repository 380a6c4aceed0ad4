"""The network server: how soon an answer is ready, and what many devices cost.

- Ready: from the packet's receipt to the answer in the transmitter's hands, its commit on disk
  (D1a, synchronous = FULL). In the worst case sixteen demodulators end together, so that is what
  comes here. The limit is a bare write and fdatasync in the same directory, in the same run.
- A device that is only registered must not slow down any other: ten devices speak, and then the
  same ten among ten thousand, in turns. All ten thousand speaking in turn is shown beside it: what
  is slower then are the processor's caches.
"""

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from drivers.concentrator import Crc, RxPacket
from gateway.air.rhythm import Rhythm
from gateway.air.uplinks import Uplinks
from gateway.clock import Clock
from gateway.diagnostics.watch import Watch
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Uplink
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import KnownState
from gateway.records import Reading
from gateway.store.buffer import Buffer
from gateway.store.database import Store

from .load import MEASURED, devices
from .process import resident_mib
from .row import Row

sys.path.append(str(Path(__file__).parents[1]))  # what bench shares with the tests stands there
from lorawan_device import Air

FEW, MANY, STREET = 10, 10_000, 1_000
AT_ONCE, BURSTS, BLOCK = 16, 60, 4096
ROUNDS, FRAMES = 15, 1_000
MOST_READY_MS, MOST_TIMES, MOST_KIB = 50.0, 1.1, 15.0
"""KiB a device: 40 MiB for a daemon with a thousand, less the 24.7 of bare Python, asyncio, paho
and sqlite3 (docs/performance.md)."""

_counter = count(10_000_000, 1_000_000)


def ready() -> Row:
    """99 of 100 answers are ready within this."""
    with tempfile.TemporaryDirectory() as directory:
        answers, syncs = asyncio.run(_answered(Path(directory)))
    slow, sync = quantiles(answers, n=100)[98], quantiles(syncs, n=100)[98]
    return Row(
        "uplink to ready answer, p99",
        f"{slow:.1f} ms (half {median(answers):.1f})",
        f"fsync {sync:.1f} ({median(syncs):.1f})",
        f"<= {MOST_READY_MS:.0f} ms",
        slow <= MOST_READY_MS,
    )


def registered() -> Row:
    """One uplink through the whole network, ten devices against ten thousand."""
    few, many = _network(FEW), _network(MANY)
    turns = [(_receive(few, FEW, n), _receive(many, FEW, n)) for n in range(ROUNDS)]
    alone, among = (median(one) for one in zip(*turns, strict=True))
    times = among / alone
    everyone = median(_receive(many, MANY, ROUNDS + n) for n in range(3)) / alone
    return Row(
        "10 000 devices registered",
        f"{times:.2f}x; all speak {everyone:.2f}x",
        f"{alone:.1f} us, 10 devices",
        f"<= {MOST_TIMES:.1f}x",
        times <= MOST_TIMES,
    )


def memory() -> Row:
    """What the network keeps of a device, native keys included, in a process of its own."""
    code = "from tests.bench.lorawan import kib_a_device; print(kib_a_device())"
    kib = float(subprocess.check_output([sys.executable, "-c", code], text=True))
    return Row(
        "memory of one device",
        f"{kib:.1f} KiB",
        "",
        f"<= {MOST_KIB:.0f} KiB",
        kib <= MOST_KIB,
    )


BENCHES: tuple[Callable[[], Row], ...] = (ready, registered, memory)


def kib_a_device() -> float:
    """Each heard once: its session and its history stand too."""
    _airs()
    gc.collect()
    before = resident_mib("self")
    network = _network(MANY)
    frames = (_airs()[n].uplink(1, MEASURED, f_ctrl=0x80) for n in range(MANY))
    for frame in frames:
        network.receive(_packet(frame))
    gc.collect()
    return (resident_mib("self") - before) * 1024 / MANY


@cache
def _airs() -> list[Air]:
    return [Air(one.dev_addr, one.nwk_s_key, one.app_s_key) for one in devices(MANY)]


def _network(number: int) -> Network:
    entries = (
        Device(
            one.dev_eui,
            f"bench-{one.dev_eui & 0xFFFF:04}",
            dev_addr=one.dev_addr,
            nwk_s_key=one.nwk_s_key,
            app_s_key=one.app_s_key,
        )
        for one in devices(number)
    )
    return Network(entries, KnownState(), EU868, os.urandom, heard=EU868.channels)


def _packet(frame: bytes) -> RxPacket:
    counter = next(_counter) % 2**32
    return RxPacket(frame, counter, 1, 868_300_000, 125_000, 7, 1, -80.0, 7.5, Crc.OK)


def _receive(network: Network, speaking: int, turn: int) -> float:
    """µs an uplink, of `speaking` devices in turn, none of which is answered."""
    each = max(1, FRAMES // speaking)
    packets = [
        _packet(_airs()[n].uplink(turn * each + f_cnt + 1, MEASURED))
        for f_cnt in range(each)
        for n in range(speaking)
    ]
    gc.collect()
    started = perf_counter()
    for packet in packets:
        heard = network.receive(packet)
    seconds = perf_counter() - started
    assert isinstance(heard, Uplink)
    return seconds / len(packets) * 1e6


class _NoScripts:
    """In the place of gateway.air.decoding: nothing is undecoded."""

    def begin(self, reading: Reading) -> None:
        raise AssertionError(reading)


async def _answered(directory: Path) -> tuple[list[float], list[float]]:
    """Milliseconds: of each answer, and of bare syncs between them."""
    took: list[float] = []
    syncs: list[float] = []
    begun: dict[int, float] = {}
    done = asyncio.Event()

    async def send(answer: Answer, uplink: RxPacket) -> None:
        took.append((perf_counter() - begun.pop(uplink.counter_us)) * 1e3)
        if not begun:
            done.set()

    store = await Store.open(directory / "kogge.db")
    buffer = Buffer(store, 1.0, lambda _: None)
    await buffer.open()
    clock = Clock(lambda: "ntp", "boot")
    async with asyncio.TaskGroup() as tasks:
        uplinks = Uplinks(
            _network(STREET), {}, buffer, _NoScripts(), send, clock, Watch(), tasks.create_task,
            Rhythm(), lambda results, moment: [], lambda answer: None,
        )  # fmt: skip
        for burst in range(BURSTS):
            speaking = [_airs()[(burst * AT_ONCE + n) % STREET] for n in range(AT_ONCE)]
            packets = [_packet(air.uplink(burst, MEASURED, confirmed=True)) for air in speaking]
            done.clear()
            for packet in packets:
                begun[packet.counter_us] = perf_counter()
                uplinks.heard(packet)
            await done.wait()
            syncs.append(await asyncio.to_thread(_sync, directory / "bare"))
    await buffer.close()
    await store.close()
    return took, syncs


def _sync(path: Path) -> float:
    """Append a block and wait until it is on the disk."""
    with path.open("ab") as file:
        started = perf_counter()
        file.write(bytes(BLOCK))
        file.flush()
        os.fdatasync(file.fileno())
        return (perf_counter() - started) * 1e3
