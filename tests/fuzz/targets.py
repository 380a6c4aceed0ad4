"""What takes strangers' bytes, one function each: bytes in, and whatever it raises is a finding.

Hypothesis runs all of them in `make test` (test_fuzz_targets.py), libFuzzer for as long as one
likes in `make fuzz` (__main__.py). A stranger is who sends on the air, over UDP, MQTT or a socket,
or what speaks from the other end of a cable. What comes off the air: air_targets.py.
"""

import asyncio
import contextlib
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec
from fuzz import air_targets
from fuzz.air_targets import CATALOGUE, STRANGERS_NETWORK
from lorawan_network import ABP

from drivers.concentrator import McuError
from drivers.emulator import json_lines
from drivers.emulator.air_messages import uplink_request
from drivers.emulator.board import Board
from drivers.emulator.control import ControlServer
from drivers.emulator.faults import Faults
from drivers.emulator.json_lines import Client, Json, MessageError
from drivers.semtech_udp.frames import Frame
from drivers.semtech_udp.packets import read_push, read_tx_ack
from drivers.sx1302 import mcu, receive, spi
from gateway import cli, config, files
from gateway.air.decoding import LARGEST_PAYLOAD, NotEncoded, downlink_of
from gateway.air.rhythm import Rhythm
from gateway.backup import sealed
from gateway.clock import Clock
from gateway.codecs.catalogue import Codec
from gateway.codecs.catalogue import Device as DeviceFile
from gateway.codecs.javascript import Script, output_of
from gateway.codecs.mapping import Rows
from gateway.codecs.process import LONGEST_ANSWER, Answers, Nonsense
from gateway.codecs.profiles import lenient_json, yaml_core
from gateway.demo.recorder import Connection, Recorder
from gateway.devices import devices_toml as device_files
from gateway.devices import qr, spreadsheet
from gateway.devices.facts import DeviceFacts
from gateway.diagnostics import buffering, control, copying, forwarding, joining
from gateway.diagnostics.devices import Devices
from gateway.diagnostics.frames import Frames
from gateway.diagnostics.watch import Watch
from gateway.errors import BackupError, ConfigError, GatewayError
from gateway.lorawan.join_control import JoinControl
from gateway.metrics import http
from gateway.northbound.client import Received
from gateway.northbound.commands import Commands
from gateway.northbound.formats import json
from gateway.records import Event, Moment, Radio, Reading
from gateway.replay import Command
from gateway.store import segments

MOMENT = Moment(1_790_000_000.0, "ntp", "boot", 12.5)
RADIO = Radio(-80.0, 7.5, 7, 125_000, 868_100_000)
UNMAPPED = Codec(
    "acme/level",
    DeviceFile("Acme", "Level", ["acme/level"], "1.0.3", "A", [1], 600),
    Script(""),
    Rows([], CATALOGUE.vocabulary, files.shipped()),
    CATALOGUE.vocabulary,
)


def udp_datagram(data: bytes) -> None:
    """drivers/semtech_udp/"""
    frame = Frame.from_bytes(data)
    if isinstance(frame, Frame):
        assert Frame.from_bytes(frame.to_bytes()) == frame
    read_push(data)
    read_tx_ack(data)


def mcu_answer(data: bytes) -> None:
    """drivers/sx1302/mcu.py, drivers/sx1302/spi.py"""
    reader = mcu.FrameReader()
    for at in range(0, len(data), 7):
        with contextlib.suppress(McuError):
            frame = reader.feed(data[at : at + 7])
            if frame is not None:
                mcu.check_answer(mcu.Command.PING, b"", frame)
    with contextlib.suppress(McuError):
        spi.decode([spi.burst(0, bytes(8))], data)


def fifo_bytes(data: bytes) -> None:
    """drivers/sx1302/receive.py"""
    drops = Counter[str]()
    packets = receive.split(data, drops)
    assert packets or drops


def board_request(data: bytes) -> None:
    """drivers/emulator/mcu.py"""
    Board(now_ns=lambda: 10**12).feed(data)


def air_line(data: bytes) -> None:
    """drivers/emulator/json_lines.py, air_messages.py"""
    with contextlib.suppress(MessageError):
        uplink_request(json_lines.parse(data), 0)


class _Silent(Client):
    def tell(self, message: Json) -> None:
        assert message


def emulator_control(data: bytes) -> None:
    """drivers/emulator/control.py"""

    async def nothing() -> None:
        pass

    _Silent(ControlServer(Faults(0), nothing).lines).data_received(data + b"\n")


def control_line(data: bytes) -> None:
    """gateway/diagnostics/control.py"""
    assert isinstance(control._request(data), dict)


async def _no_reload() -> dict[str, Any]:
    return {}


TOLD_OF_DEVICES = Devices(
    STRANGERS_NETWORK,
    DeviceFacts(),
    Rhythm(),
    Clock(lambda: "ntp", "boot", lambda: 1e9, lambda: 12.5),
    _no_reload,
    dict,
)


def control_request(data: bytes) -> None:
    """gateway/diagnostics/: joining.py, forwarding.py, frames.py, devices.py, buffering.py,
    copying.py: what an op makes of any request.
    """
    request = control._request(data) | {"wait": 0}
    joining.answer(JoinControl(True, [], 60), request, 12.5)
    forwarding.answer(None, request, 0)
    _run(_asked(request))
    for shape in (buffering.Wanted, copying.Request):
        with contextlib.suppress(msgspec.ValidationError):
            msgspec.convert(request, shape)


async def _asked(request: dict[str, Any]) -> None:
    ring = Frames(lambda: MOMENT, lambda moment: moment, Watch(), {})
    assert isinstance(await ring.answer(request), dict)
    lines = [line async for line in TOLD_OF_DEVICES.answer(request)]
    assert lines[-1].keys() & {"done", "error"}


def metrics_request(data: bytes) -> None:
    """gateway/metrics/http.py"""
    status = http.judged(data)
    assert http.answer(status, "body").startswith(f"HTTP/1.1 {status.value} ".encode())


class NoReplays:
    """None waits, no command is known."""

    def __len__(self) -> int:
        return 0

    def knows(self, correlation: str) -> bool:
        return False


def city_command(data: bytes) -> None:
    """gateway/northbound/command_forms.py: the first byte chooses the verb."""
    happened: list[object] = []

    async def order(one: object) -> None:
        happened.append(one)

    async def keep(events: Sequence[Event], commands: Sequence[Command]) -> None:
        happened.extend((*events, *commands))

    async def encode(dev_eui: int, f_port: int, data: dict[str, Any]) -> tuple[int, bytes]:
        raise NotEncoded("there is no codec")

    commands = Commands(
        "kogge/1/command",
        order=order,
        encode=encode,
        keep=keep,
        now=lambda: MOMENT,
        devices=[ABP.dev_eui],
        listening=[ABP.dev_eui],
        largest=242,
        replays=NoReplays(),
        archives=True,
        config=dict,
        set_log_level=lambda level, minutes: happened.append(level),
    )
    verb = ("down", "log_level", "replay", "config", "")[data[0] % 5 if data else 0]
    _run(commands.take(Received(f"kogge/1/command/{verb}", data[1:], False, "", b"", 1, 1)))
    assert happened


def codec_result(data: bytes) -> None:
    """gateway/codecs/javascript.py: what a JavaScript codec returns, all the way to the city."""
    output = output_of(data.decode(errors="replace"))
    decoded = UNMAPPED.measured(output, 1, b"\0", depth=2.0)
    measured = Reading(
        "0" * 32, "0" * 16, "", "", MOMENT, 1, 1, False, decoded.measurements, decoded.units,
        RADIO, error=decoded.error,
    )  # fmt: skip
    json.readings("0016c001ff10a235", 1, [measured], False, lambda moment: moment)
    with contextlib.suppress(NotEncoded):
        f_port, payload = downlink_of(output, 1)
        assert 1 <= f_port <= 223
        assert len(payload) <= LARGEST_PAYLOAD


def worker_answer(data: bytes) -> None:
    """gateway/codecs/worker.py: the process that a codec may have taken over."""
    answers = Answers()
    with contextlib.suppress(Nonsense):
        for byte in data:
            answers.add(bytes([byte]))
    assert len(answers.held) <= LONGEST_ANSWER


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def mqtt_bytes(data: bytes) -> None:
    """gateway/demo/recorder.py"""
    connection = Connection(Recorder())
    connection.from_client(data)
    connection.from_broker(data)


def stored_segment(data: bytes) -> None:
    """gateway/store/segments.py: a damaged card is a stranger too."""
    with contextlib.suppress(*segments.UNREADABLE):
        segments.unpack(data)


def vendor_json(data: bytes) -> None:
    """gateway/codecs/profiles/lenient_json.py: a vendor's folder is written by hand."""
    with contextlib.suppress(ValueError):
        lenient_json.load(data.decode("utf-8", "replace"))


def vendor_yaml(data: bytes) -> None:
    """gateway/codecs/profiles/yaml_core.py"""
    with contextlib.suppress(ValueError):
        yaml_core.load(data.decode("utf-8", "replace"))


def qr_text(data: bytes) -> None:
    """gateway/devices/qr.py: a sticker that anybody may have put there."""
    with contextlib.suppress(GatewayError):
        qr.parse(data.decode("utf-8", "replace"))


def device_file(data: bytes) -> None:
    """gateway/devices/spreadsheet.py and gateway/files.py, with what checks the content: tables of
    devices, and both configuration files.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "file"
        file.write_bytes(data)
        with contextlib.suppress(ConfigError):
            table = spreadsheet.load(file)
            try:
                device_files.check({"device": table.devices}, file, CATALOGUE)
            except ConfigError as error:
                raise table.placed(error) from None
        with contextlib.suppress(ConfigError):
            device_files.load(file, CATALOGUE)
        with contextlib.suppress(ConfigError):
            config.load(file)


def backup_file(data: bytes) -> None:
    """gateway/backup/sealed.py"""
    with contextlib.suppress(BackupError):
        opener = sealed.Opener(io.BytesIO(data), "a passphrase")
        while opener.read(sealed.CHUNK):
            pass


def decode_verb(data: bytes) -> None:
    """gateway/cli/decode.py"""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        cli.main(["decode", data.hex() or "00", "--nwk-s-key", "4e" * 16, "--json"])


TARGETS: tuple[Callable[[bytes], None], ...] = (
    *air_targets.TARGETS,
    udp_datagram,
    mcu_answer,
    fifo_bytes,
    board_request,
    air_line,
    emulator_control,
    control_line,
    control_request,
    metrics_request,
    city_command,
    codec_result,
    worker_answer,
    mqtt_bytes,
    stored_segment,
    vendor_json,
    vendor_yaml,
    qr_text,
    device_file,
    backup_file,
    decode_verb,
)
