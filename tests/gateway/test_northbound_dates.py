"""Times on their way out of the real store: re-dated by the boot that learns the time alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from messages import EUI
from store_tools import next_batch, reading

from gateway.clock import Clock, Quality
from gateway.config import Mqtt
from gateway.lorawan.session import Changes
from gateway.northbound.messages import Messages
from gateway.store.buffer import Buffer
from gateway.store.database import Store

DATES = {"2026": 1_795_000_000.0, "2038": 2.0**31 + 60}


class Box:
    """A gateway that is switched on with the time unknown."""

    def __init__(self, boot: str) -> None:
        self.quality: Quality = "unsynchronised"
        self.wall, self.monotonic = 5.0, 100.0
        self.clock = Clock(lambda: self.quality, boot, lambda: self.wall, lambda: self.monotonic)

    def learns(self, date: float) -> None:
        self.quality, self.wall, self.monotonic = "ntp", date, self.monotonic + 60

    async def hears(self, path: Path) -> None:
        store = await Store.open(path)
        buffer = Buffer(store, 1.0, lambda _: None)
        await buffer.open()
        await buffer.keep([reading(1, moment=self.clock.now())], Changes())
        await buffer.close()
        await store.close()

    async def says(self, path: Path, format_: str) -> Any:
        """The message of what is stored; it stays stored."""
        store = await Store.open(path)
        buffer = Buffer(store, 1.0, lambda _: None)
        await buffer.open()
        batch = await next_batch(buffer)
        messages = Messages(
            Mqtt(format=format_),  # type: ignore[arg-type]
            EUI,
            self.clock.dated,
            self.clock.now,
        )
        message = json.loads(messages.of(batch, "5").payload)
        buffer.returned(batch)
        await buffer.close()
        await store.close()
        return message


@pytest.mark.parametrize("date", ["2026", "2038"])
async def test_stored_reading_is_dated_once_this_boot_learns_the_time(
    tmp_path: Path, date: str
) -> None:
    box, path = Box("boot-1"), tmp_path / "db"
    await box.hears(path)
    (early,) = (await box.says(path, "json"))["readings"]
    assert (early["received_at"], early["time_quality"]) == (None, "unsynchronised")
    box.learns(DATES[date])
    (dated,) = (await box.says(path, "json"))["readings"]
    assert dated["received_at"].startswith({"2026": "2026-11", "2038": "2038-01-19T03:14:08"}[date])
    assert (dated["time_quality"], dated["historical"]) == ("ntp", True)
    pack = await box.says(path, "senml+json")
    assert DATES[date] - 60 in [record.get("bt") for record in pack]


async def test_reading_of_an_earlier_boot_keeps_its_order_and_gets_no_date(tmp_path: Path) -> None:
    path = tmp_path / "db"
    await Box("boot-1").hears(path)
    after = Box("boot-2")
    after.learns(DATES["2026"])
    (found,) = (await after.says(path, "json"))["readings"]
    assert (found["received_at"], found["time_quality"]) == (None, "unsynchronised")
    assert (found["boot_id"], found["monotonic_s"]) == ("boot-1", 100.0)
    pack = await after.says(path, "senml+json")
    uplink = next(record for record in pack if record["n"] == "uplink")
    assert (uplink["boot"], uplink["monotonic"]) == ("boot-1", 100.0)
    assert not {"t", "bt"} & {key for record in pack for key in record}


async def test_time_in_senml_is_relative_to_the_sending_while_it_is_unknown(
    tmp_path: Path,
) -> None:
    box, path = Box("boot-1"), tmp_path / "db"
    await box.hears(path)
    box.monotonic += 12.5
    pack = await box.says(path, "senml+json")
    assert [record["bt"] for record in pack if "bt" in record] == [-12.5]
    assert not [record for record in pack if "boot" in record]
