"""What an uplink says to the city: a reading, decoded or with its reason, and events."""

from collections.abc import AsyncIterator
from dataclasses import replace

import messages
import pytest
from lorawan_network import packet
from uplinks_bench import GAUGE, LEVEL_PAYLOAD, Bench, data, listening

from gateway.air.decoding import NO_CODEC
from gateway.northbound.formats import json
from gateway.records import Event, Moment


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with listening(getattr(request, "param", GAUGE)) as one:
        yield one


async def test_decoded_reading_is_what_the_schema_says(bench: Bench) -> None:
    await bench.hear(packet(data(65_000)))
    (reading,) = bench.readings
    assert (reading.error, reading.payload) == (None, None)
    assert reading.measurements.items() >= {"distance": 0.4, "fill_level": 80.0}.items()
    assert reading.units.items() >= {"distance": "m", "fill_level": "/100"}.items()
    assert reading.f_cnt == 65_000
    assert reading.moment == Moment(1_777_636_800.0, "ntp", "boot", 12.5)
    message = json.readings(messages.EUI, 1, [reading], False, lambda moment: moment)
    messages.check("readings", message)


@pytest.mark.parametrize(
    ("bench", "payload", "says"),
    [
        (replace(GAUGE, codec=""), LEVEL_PAYLOAD, NO_CODEC),
        (GAUGE, b"\xff\xff", "wrong length"),
    ],
    indirect=["bench"],
)
async def test_undecoded_reading_keeps_its_payload_and_says_why(
    bench: Bench, payload: bytes, says: str
) -> None:
    await bench.hear(packet(data(0, payload)))
    (reading,) = bench.readings
    assert reading.error is not None
    assert says in reading.error
    assert reading.payload == payload.hex()
    assert reading.measurements == {}
    message = json.readings(messages.EUI, 1, [reading], False, lambda moment: moment)
    messages.check("readings", message)


async def test_battery_stands_in_an_event_and_in_the_reading(bench: Bench) -> None:
    await bench.hear(packet(data(0, confirmed=True)), packet(data(1, f_opts=b"\x06\x80\x3f")))
    reading = bench.readings[-1]
    assert (reading.measurements["battery_level"], reading.units["battery_level"]) == (50.2, "%EL")
    event = bench.buffer.records[-1]
    assert isinstance(event, Event)
    assert (event.type, event.detail["battery_level"]) == ("battery", 50.2)
    assert (event.detail["margin"], event.detail["external_power"]) == (-1, False)
    messages.check("events", json.events(messages.EUI, [event], lambda moment: moment))


@pytest.mark.parametrize(("battery", "external"), [("00", True), ("ff", False)])
async def test_battery_without_a_charge_is_no_measurement(
    bench: Bench, battery: str, external: bool
) -> None:
    f_opts = bytes.fromhex(f"06{battery}0a")
    await bench.hear(packet(data(0, confirmed=True)), packet(data(1, f_opts=f_opts)))
    assert "battery_level" not in bench.readings[-1].measurements
    event = bench.buffer.records[-1]
    assert isinstance(event, Event)
    assert (event.detail["battery_level"], event.detail["external_power"]) == (None, external)


@pytest.mark.parametrize("bench", [replace(GAUGE, reset_f_cnt=True)], indirect=True)
async def test_counter_that_begins_anew_is_shown(bench: Bench) -> None:
    await bench.hear(packet(data(300)), packet(data(0)))
    assert [reading.session for reading in bench.readings] == ["01ab12cd00", "01ab12cd01"]
    event = bench.buffer.records[-1]
    assert isinstance(event, Event)
    assert (event.type, event.detail["f_cnt_reset"], event.detail["resets"]) == ("join", True, 1)
    assert "reason" not in event.detail
    messages.check("events", json.events(messages.EUI, [event], lambda moment: moment))


@pytest.mark.parametrize("bench", [replace(GAUGE, reset_f_cnt=True)], indirect=True)
async def test_city_is_warned_well_before_the_last_reset(bench: Bench) -> None:
    frames = [packet(data(f_cnt)) for n in range(129) for f_cnt in (3, 2)]
    await bench.hear(*frames)
    warned = [
        one for one in bench.buffer.records if isinstance(one, Event) and "reason" in one.detail
    ]
    assert len(warned) == 2
    assert "128 of 255 resets are spent" in str(warned[0].detail["reason"])
    messages.check("events", json.events(messages.EUI, [*warned], lambda moment: moment))
