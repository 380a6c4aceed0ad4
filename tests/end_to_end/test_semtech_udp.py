"""A board behind a packet forwarder: real daemon, real mosquitto, UDP between them and the air."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import free_port, mosquitto
from lamp_post import (
    APP_KEY,
    BIN_EUI,
    EUI,
    GAUGE,
    JOIN_EUI,
    TEMPERATURE,
    City,
    Daemon,
    city,
    daemon,
    write_files,
)
from lorawan_device import hears_join_accept, join_request
from semtech_forwarder import PacketForwarder, forwarder, free_udp_port, rxpk

pytestmark = pytest.mark.realtime

SECOND = 1_000_000
STRANGER = bytes.fromhex("aa55aa55aa55aa55")


def write_udp_files(directory: Path, mqtt_port: int, udp_port: int) -> Path:
    """The lamp post's files, with no board at all."""
    config = write_files(directory, mqtt_port)
    text = config.read_text(encoding="utf-8")
    text = text.replace(str(directory / "tty"), f"udp://127.0.0.1:{udp_port}")
    text = text.replace('firmware_dir = "firmware"\nfirmware_check = false\n', "")
    config.write_text(text.replace(f'eui = "{EUI}"\n', ""), encoding="utf-8")
    return config


@asynccontextmanager
async def street(
    directory: Path, begin_us: int = SECOND
) -> AsyncIterator[tuple[PacketForwarder, Daemon, City]]:
    port = free_udp_port()
    async with mosquitto(directory) as broker:
        config = await asyncio.to_thread(write_udp_files, directory, broker.port, port)
        async with (
            forwarder(port, eui=bytes.fromhex(EUI), begin_us=begin_us) as far,
            city(broker) as arrivals,
            daemon(config) as service,
        ):
            await service.receiving()
            yield far, service, arrivals


async def test_readings_reach_the_city_and_the_forwarder_names_the_gateway(tmp_path: Path) -> None:
    async with street(tmp_path) as (far, service, arrivals):
        now = far.counter
        uplinks = [GAUGE.uplink(f_cnt, TEMPERATURE) for f_cnt in (1, 2, 3)]
        far.push(*(rxpk(uplink, now + SECOND // 10 * n) for n, uplink in enumerate(uplinks)))
        far.push(stat={"rxnb": 3, "temp": 31.4})
        await arrivals.has(1, 2, 3)
        status = await service.status()
        assert status["gateway"] == EUI
        assert status["radio"]["model"] == "Semtech packet forwarder"
        assert status["radio"]["temperature"] == 31.4
        radio = arrivals.readings[1]["radio"]
        assert (radio["frequency"], radio["rssi"], radio["snr"]) == (868_100_000, -80, 8.2)


async def test_confirmed_uplink_is_answered_in_rx1_through_the_forwarders_queue(
    tmp_path: Path,
) -> None:
    async with street(tmp_path, begin_us=2**32 - SECOND // 2) as (far, service, _):
        tmst = far.uplink(GAUGE.uplink(1, TEMPERATURE, confirmed=True))
        (sent,) = await far.has_sent(1)
        assert sent.txpk["tmst"] == (tmst + SECOND) % 2**32, "through the wrap"
        assert (sent.txpk["freq"], sent.txpk["datr"], sent.txpk["ipol"]) == (
            868.1,
            "SF7BW125",
            True,
        )
        assert 100_000 < sent.ahead_us <= 505_000
        heard = GAUGE.hears(sent.payload, 0)
        assert heard is not None
        assert heard.f_ctrl & 0x20, "the ACK"
        await service.until(lambda status: status["answers"] == {"OK": 1})


async def test_answer_that_the_forwarder_refuses_goes_out_in_rx2(tmp_path: Path) -> None:
    words = [b'{"txpk_ack":{"error":"COLLISION_PACKET"}}', b""]
    async with street(tmp_path) as (far, service, _):
        far.answer = lambda _: words.pop(0)
        tmst = far.uplink(GAUGE.uplink(1, TEMPERATURE, confirmed=True))
        rx1, rx2 = await far.has_sent(2)
        assert (rx1.txpk["tmst"], rx2.txpk["tmst"]) == (tmst + SECOND, tmst + 2 * SECOND)
        assert (rx2.txpk["freq"], rx2.txpk["datr"]) == (869.525, "SF12BW125")
        await service.until(lambda status: status["answers"] == {"OK": 1})


async def test_device_joins_with_the_very_first_packet_that_is_heard(tmp_path: Path) -> None:
    async with street(tmp_path) as (far, _, arrivals):
        tmst = far.uplink(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 1))
        (sent,) = await far.has_sent(1)
        assert sent.txpk["tmst"] == tmst + 5 * SECOND
        assert sent.ahead_us > 42_500
        air = hears_join_accept(APP_KEY, 1, sent.payload).air
        far.uplink(air.uplink(7, b"joined"))
        await arrivals.has(7)


async def test_restarted_forwarder_is_a_new_chip_session_and_answered_again(
    tmp_path: Path,
) -> None:
    async with street(tmp_path, begin_us=3000 * SECOND) as (far, service, arrivals):
        far.uplink(GAUGE.uplink(1, TEMPERATURE))
        await arrivals.has(1)
        await far.restart()
        tmst = far.uplink(GAUGE.uplink(2, TEMPERATURE, confirmed=True))
        (sent,) = await far.has_sent(1)
        assert sent.txpk["tmst"] == tmst + SECOND
        await arrivals.has(1, 2)
        assert (await service.status())["radio"]["state"] == "receiving"


async def test_garbage_and_strangers_are_only_counted(tmp_path: Path) -> None:
    async with street(tmp_path) as (far, service, arrivals):
        other = PacketForwarder(far.port, eui=STRANGER)
        await other.open()
        other.pull()
        other.uplink(GAUGE.uplink(9, TEMPERATURE))
        for datagram in (
            b"\xff" * 600,
            b"\x02",
            b"\x02ab\x00" + bytes.fromhex(EUI) + b"{[" * 30_000,
        ):
            far.up.sendto(datagram[:60_000])
        far.push({"tmst": "soon"}, rxpk(GAUGE.uplink(1, TEMPERATURE), far.counter))
        await arrivals.has(1)
        other.close()
        drops = (await service.status())["radio"]["damaged"]
        assert drops["other_gateway"] == 2
        assert drops["bad_json"] == drops["short_datagram"] == drops["unknown_version"] == 1
        assert 9 not in arrivals.readings


async def test_port_in_use_is_a_named_fault_until_it_is_free(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        config = await asyncio.to_thread(write_udp_files, tmp_path, free_port(), port)
        async with daemon(config) as service, forwarder(port):
            status = await service.until(lambda status: status["radio"]["state"] == "fault")
            assert f"udp://127.0.0.1:{port} is in use by another" in status["radio"]["reason"]
            other.close()
            await service.receiving()
