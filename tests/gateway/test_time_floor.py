"""A time that has certainly passed: never going back, but for a note that was wrong."""

from gateway import RELEASED
from gateway.records import Moment
from gateway.time_floor import NAME, NOTED_EVERY, TimeFloor


class Memory:
    def __init__(self, **noted: str) -> None:
        self.noted = dict(noted)
        self.writes = 0

    async def remember(self, name: str, value: str) -> None:
        self.noted[name] = value
        self.writes += 1

    async def recall(self, name: str) -> str | None:
        return self.noted.get(name)


LATER = RELEASED + 1e7


def moment(at: float | None, quality: str = "ntp") -> Moment:
    return Moment(at, quality, "boot", 0.0)


async def test_floor_is_the_release_until_something_later_is_noted() -> None:
    floor = TimeFloor(Memory(), lambda: moment(None))
    await floor.recall()
    assert floor.at == RELEASED
    for noted, expected in ((str(LATER), LATER), ("5", RELEASED), ("17p0", RELEASED)):
        floor = TimeFloor(Memory(**{NAME: noted}), lambda: moment(None))
        await floor.recall()
        assert floor.at == expected


async def test_trusted_time_is_noted_now_and_then() -> None:
    now = moment(LATER)
    memory = Memory()
    floor = TimeFloor(memory, lambda: now)
    await floor.look_again()
    now = moment(LATER + NOTED_EVERY - 1)
    await floor.look_again()
    assert (memory.writes, memory.noted[NAME], floor.at) == (1, str(round(LATER)), LATER)
    now = moment(LATER + NOTED_EVERY)
    await floor.look_again()
    assert memory.writes == 2


async def test_note_of_a_wrong_time_is_put_right_once_time_is_known() -> None:
    memory = Memory(**{NAME: str(LATER * 5)})
    floor = TimeFloor(memory, lambda: moment(LATER))
    await floor.recall()
    await floor.look_again()
    assert (floor.at, memory.noted[NAME]) == (LATER, str(round(LATER)))


async def test_time_that_nobody_told_us_is_not_noted() -> None:
    memory = Memory()
    for untold in (moment(None), moment(LATER, "rtc"), moment(5.0)):
        await TimeFloor(memory, lambda now=untold: now).look_again()  # type: ignore[misc]
    assert memory.writes == 0
