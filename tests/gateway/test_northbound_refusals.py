"""What is refused for good is found, parked and told; what is not waits for better times."""

import asyncio
from collections.abc import Callable

import pytest
from broker import Wire, fake_broker
from forwarder_bench import CONNACK, MemoryBuffer, reading, running
from messages import EUI, check

from gateway.northbound import refusals
from gateway.northbound.formats import json
from gateway.northbound.reasons import PUBACK, named
from gateway.records import Event, Reading, Record

pytestmark = pytest.mark.usefixtures("short_goodbyes")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.005)


def broker_that_hates(
    poison: Callable[[bytes], bool], code: str
) -> Callable[[Wire], asyncio.Future[None]]:
    """Refuses each PUBLISH in which there is `poison`, with `code`; "e0…" ends the connection."""

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        while True:
            message = await wire.message()
            if not poison(message.body):
                wire.puback(message.mid)
            elif code.startswith("e0"):
                wire.send(code)
                await wire.writer.drain()
                return
            else:
                wire.puback(message.mid, code)

    return serve  # type: ignore[return-value]


def holds(number: int) -> Callable[[bytes], bool]:
    text = f'"id":"{number:032x}","device"'.encode()
    return lambda body: text in body


def numbers(records: list[Record]) -> list[int]:
    return sorted(int(record.id, 16) for record in records if isinstance(record, Reading))


async def test_record_that_is_refused_for_its_content_is_parked_alone() -> None:
    buffer = MemoryBuffer(200)
    async with (
        fake_broker(broker_that_hates(holds(77), "99")) as port,
        running(port, buffer, batch_readings=50) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 199 + 1)
        assert numbers(buffer.kept) == [77]
        assert numbers(buffer.done) == [n for n in range(200) if n != 77]
        (told,) = [event for event in buffer.done if isinstance(event, Event)]
        assert (told.type, told.detail["id"]) == ("parked", f"{77:032x}")
        check("events", json.events(EUI, [told], lambda moment: moment))
        state = gateway.forwarder.state
        assert (state.parked, state.connected, state.connections) == (1, True, 1)
        assert sum(state.refusals.values()) == state.refused >= 6  # halves of 50


async def test_what_is_refused_of_a_replay_is_passed_over_and_not_called_parked() -> None:
    buffer = MemoryBuffer(8)
    buffer.replays = True
    async with (
        fake_broker(broker_that_hates(holds(3), "99")) as port,
        running(port, buffer) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 7)
        assert numbers(buffer.kept) == [3]
        told = [text for _, text in gateway.words.all if "passed over" in text]
        assert told == [
            f"{3:032x} of a replay is passed over, the others go on: "
            f"{named('Payload format invalid', 0x99, PUBACK)}. It stays in the archive; the "
            "replay's answer counts it"
        ]
        assert gateway.words.of("parked") == []
        assert not [record for record in buffer.done if isinstance(record, Event)]


async def test_refusal_without_a_reason_parks_only_what_is_refused_while_others_pass() -> None:
    buffer = MemoryBuffer(40)
    async with (
        fake_broker(broker_that_hates(holds(0), "83")) as port,
        running(port, buffer, batch_readings=4) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 39 + 1)
        assert numbers(buffer.kept) == [0]
        assert gateway.forwarder.state.refusals == {
            "Implementation specific error": gateway.forwarder.state.refused
        }


@pytest.mark.parametrize("code", ["80", "83", "87", "90", "97"])
async def test_nothing_is_parked_while_nothing_passes(code: str) -> None:
    buffer = MemoryBuffer(4)
    async with (
        fake_broker(broker_that_hates(lambda body: b"/readings" in body, code)) as port,
        running(port, buffer, batch_readings=1) as gateway,
    ):
        text = await gateway.words.wait("refused", 8)
        assert buffer.kept == []
        assert f"(0x{code})" in text
        assert "Nothing is lost" in text


@pytest.mark.parametrize("code", ["95", "99"])
async def test_record_for_which_the_connection_is_ended_is_found(code: str) -> None:
    buffer = MemoryBuffer(60)
    async with (
        fake_broker(broker_that_hates(holds(33), f"e0 02 {code} 00")) as port,
        running(port, buffer, batch_readings=20) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 59 + 1)
        assert numbers(buffer.kept) == [33]
        assert gateway.forwarder.state.ends == {"disconnected": 5}  # 20, 10, 5, 2, alone


async def test_record_that_no_message_can_carry_is_parked() -> None:
    from messages import replaced

    buffer = MemoryBuffer(5)
    buffer.add(replaced(id="f" * 32, name="\ud800"))  # a lone surrogate is no UTF-8
    for number in range(6, 10):
        buffer.add(reading(number))
    async with (
        fake_broker(broker_that_hates(lambda _: False, "")) as port,
        running(port, buffer) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 9 + 1)
        assert "cannot be written" in gateway.words.of("parked")[0]
        assert numbers(buffer.kept) == [int("f" * 32, 16)]


async def test_when_hundreds_are_parked_it_is_not_the_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "MOST_PARKED", 3)
    buffer = MemoryBuffer(20)
    async with (
        fake_broker(broker_that_hates(lambda body: b"/readings" in body, "99")) as port,
        running(port, buffer) as gateway,
    ):
        assert "so it is not the records" in await gateway.words.wait("refused")
        assert len(buffer.kept) == 3


async def test_parked_records_are_tried_again_by_hand() -> None:
    buffer, angry = MemoryBuffer(3), True
    async with (
        fake_broker(broker_that_hates(lambda body: angry and holds(1)(body), "99")) as port,
        running(port, buffer) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 3)
        angry = False
        assert gateway.forwarder.retry_parked() == 1
        await buffer.until(lambda: len(buffer.done) == 4)
        assert numbers(buffer.done) == [0, 1, 2]


async def test_size_that_ends_connections_is_learned() -> None:
    """A server that never says its Maximum Packet Size."""
    buffer = MemoryBuffer(60)
    async with (
        fake_broker(broker_that_hates(lambda body: len(body) > 6000, "e0 02 95 00")) as port,
        running(port, buffer, batch_readings=40) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 60)
        assert buffer.kept == []
        ends = dict(gateway.forwarder.state.ends)
        for number in range(100, 160):
            buffer.add(reading(number))
        await buffer.until(lambda: len(buffer.done) == 120)
        assert gateway.forwarder.state.ends == ends
