"""D1d: a reading of a JavaScript codec is decoded beside the radio task, or on its way out."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lorawan_network import packet
from patience import until
from store_tools import World, event, next_batch, reading
from uplinks_bench import GAUGE, Bench, data

from gateway.air.decoding import NO_CODEC, Decoding, NotEncoded
from gateway.codecs.catalogue import Catalogue, Codec
from gateway.codecs.javascript import JavaScript
from gateway.codecs.worker import Down, Worker
from gateway.files import shipped
from gateway.records import Reading

LEVEL = replace(GAUGE, codec="own/level")
DEVICE = f"{LEVEL.dev_eui:016x}"
RAW = reading(
    1, device=DEVICE, measurements={"battery_level": 50.0}, units={"battery_level": "%EL"},
    payload="0190", undecoded=True,
)  # fmt: skip
SOURCE = """
function decodeUplink(input) {
  if (input.bytes.length < 2) throw new Error('too short');
  return {data: {distance: (input.bytes[0] * 256 + input.bytes[1]) / 1000, state: {door: 'open'}}};
}
function encodeDownlink(input) { return input.data; }
"""


class Place:
    """A `Decoding` with the real worker, and what became of readings."""

    def __init__(self, directory: Path, tasks: asyncio.TaskGroup) -> None:
        (directory / "own").mkdir()
        self.file = directory / "own" / "level.js"
        self.file.write_text(SOURCE)
        self.directory = directory
        self.codecs: dict[str, Codec] = {}
        self.replaced: list[Reading] = []
        self.told: list[Reading] = []
        self.javascript = JavaScript(Worker(lambda: 0.5))
        self.decoding = Decoding(
            {LEVEL.dev_eui: LEVEL}, self.codecs, self.javascript, self.replaced.append,
            tasks.create_task, self.told.append,
        )  # fmt: skip

    async def reload(self) -> None:
        self.codecs["own/level"] = await asyncio.to_thread(self._load)

    def _load(self) -> Codec:
        return Catalogue.load(shipped(), self.directory).codec("own/level")


@pytest.fixture
async def place(tmp_path: Path, codecs_have_time: None) -> AsyncIterator[Place]:
    async with asyncio.TaskGroup() as tasks:
        one = Place(tmp_path, tasks)
        await one.reload()
        yield one
    await one.javascript.close()


def is_level(found: object) -> None:
    assert isinstance(found, Reading)
    assert (found.error, found.payload, found.undecoded) == (None, None, False)
    assert found.measurements == {
        "battery_level": 50.0, "distance": 0.4, "fill_level": 80.0, "state_door": "open",
    }  # fmt: skip
    assert found.units == {"battery_level": "%EL", "distance": "m", "fill_level": "/100"}


async def test_reading_is_replaced_and_told_when_its_codec_has_answered(place: Place) -> None:
    place.decoding.begin(RAW)
    assert not place.replaced, "the radio task does not wait"
    await until(lambda: place.told)
    is_level(place.told[0])
    assert place.replaced == place.told


async def test_d1d_undecoded_reading_is_decoded_on_its_way_out(place: Place) -> None:
    others = (reading(2), event(3))
    found = await place.decoding.finished((others[0], RAW, others[1]))
    is_level(found[1])
    assert (found[0], found[2]) == others


async def test_reading_that_is_being_decoded_is_waited_for(place: Place) -> None:
    place.decoding.begin(RAW)
    (found,) = await place.decoding.finished((RAW,))
    is_level(found)
    assert len(place.replaced) == 1, "it was asked once"


async def test_what_cannot_be_decoded_goes_out_raw_and_says_why(place: Place) -> None:
    raw = reading(1, device=DEVICE, measurements={}, units={}, payload="01", undecoded=True)
    (found,) = await place.decoding.finished((raw,))
    assert isinstance(found, Reading)
    assert (found.error, found.payload, found.undecoded) == ("Error: too short", "01", False)


async def test_reading_of_a_device_that_is_gone_goes_out_raw(place: Place) -> None:
    (found,) = await place.decoding.finished((reading(1, payload="01", undecoded=True),))
    assert isinstance(found, Reading)
    assert (found.error, found.payload) == (NO_CODEC, "01")


async def test_worker_that_is_down_is_waited_for_once_a_batch(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def down(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise Down("no memory")

    monkeypatch.setattr(place.javascript, "decode_uplink", down)
    found = await place.decoding.finished((RAW, RAW, RAW))
    assert asked == 4, "the first alone is tried again"
    assert all(isinstance(one, Reading) and one.payload and one.error for one in found)
    place.decoding.begin(RAW)
    await until(lambda: place.told)
    assert place.told[0].undecoded, "it is tried again on its way out"
    assert "no memory" in str(place.told[0].error)


async def test_replaced_codec_decodes_what_the_old_one_had_not(place: Place) -> None:
    place.decoding.begin(RAW)
    place.file.write_text(SOURCE.replace("/ 1000", "/ 100"))
    await place.reload()
    later = reading(2, device=DEVICE, measurements={}, units={}, payload="0190", undecoded=True)
    first, second = await place.decoding.finished((RAW, later))
    assert isinstance(first, Reading)
    assert isinstance(second, Reading)
    assert "distance" in first.measurements
    assert second.measurements["distance"] == 4


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ({"bytes": [1, 255], "fPort": 9}, (9, b"\x01\xff")),
        ({"bytes": []}, (4, b"")),
    ],
)
async def test_object_becomes_a_downlink(
    place: Place, output: dict[str, object], wanted: tuple[int, bytes]
) -> None:
    assert await place.decoding.encode(LEVEL.dev_eui, 4, output) == wanted


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ({"errors": ["no such valve"]}, "no such valve"),
        ({"bytes": [256]}, "256 as a byte"),
        ({"bytes": [-1]}, "-1 as a byte"),
        ({"bytes": [1.5]}, "1.5 as a byte"),
        ({"bytes": "0102"}, "no bytes"),
        ({}, "no bytes"),
        ({"bytes": [0] * 300}, "300 bytes"),
        ({"bytes": [1], "fPort": 0}, "fPort 0"),
        ({"bytes": [1], "fPort": 224}, "fPort 224"),
        ({"bytes": [1], "fPort": "9"}, "fPort 9"),
    ],
)
async def test_object_that_becomes_none_is_refused_in_words(
    place: Place, output: dict[str, object], says: str
) -> None:
    with pytest.raises(NotEncoded, match=says):
        await place.decoding.encode(LEVEL.dev_eui, 4, output)


async def test_device_without_a_javascript_codec_encodes_nothing(place: Place) -> None:
    with pytest.raises(NotEncoded, match="base64"):
        await place.decoding.encode(1, 4, {})


async def test_uplink_enters_the_buffer_raw_and_leaves_it_decoded(
    place: Place, world: World
) -> None:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, LEVEL)
        bench.uplinks._codecs = place.codecs
        bench.uplinks.heard(packet(data(0, b"\x01\x90")))
        (raw,) = bench.readings
    assert (raw.undecoded, raw.payload, raw.error, raw.measurements) == (True, "0190", None, {})
    assert bench.undecoded == [raw]
    async with world.buffer() as buffer:
        buffer.add(raw)
        place.decoding.begin(raw)
        await until(lambda: place.replaced)
        buffer.replace(place.replaced[0])
        (found,) = (await next_batch(buffer)).records
        assert isinstance(found, Reading)
        assert found.measurements["fill_level"] == 80.0


async def test_status_names_disabled_codecs(place: Place) -> None:
    assert place.decoding.status()["disabled"] == {}
    place.file.write_text("function decodeUplink(")
    await place.reload()
    await place.decoding.finished((RAW,))
    assert "cannot be loaded" in place.decoding.status()["disabled"]["own/level"]
