"""What happens in one trial: drawn from its seed and number alone. Times are seconds.

`upon` makes a disturbance wait, from `at` on, for the next of these: a reading told "safe", bytes
that passed "to broker" or "to daemon", an "uplink" that was heard, a "downlink" on the air.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias, get_args

LENGTH = 1.0
SPEAKERS, LISTENERS, JOINERS = 3, 2, 2

What: TypeAlias = Literal[
    "kill", "stop", "kill broker", "stop broker", "cut", "delay",
    "half-open to broker", "half-open to daemon", "enospc", "eio", "erofs",
]  # fmt: skip
Upon: TypeAlias = Literal["", "safe", "to broker", "to daemon", "uplink", "downlink"]

KILLS_UPON: tuple[Upon, ...] = get_args(Upon)


@dataclass(frozen=True)
class Disturbance:
    at: float
    what: What
    lasts: float = 0.0
    upon: Upon = ""


@dataclass(frozen=True)
class Script:
    """`bounded`: the disk has less room than the configuration wants free, so that everything
    undelivered has to be given up again, and told. `patient`: at the end the daemon that is there
    has to find back by itself, else it is killed once more.
    """

    seed: str
    disturbances: tuple[Disturbance, ...]
    window: float
    batch_readings: int
    in_flight: int
    protocol: str
    bounded: bool
    patient: bool

    @property
    def breaks_disk(self) -> bool:
        return any(each.what in ("enospc", "eio", "erofs") for each in self.disturbances)

    @property
    def takes_long(self) -> bool:
        """Daemon or subscriber may wait for somebody who is gone."""
        return self.patient or any(each.what == "stop broker" for each in self.disturbances)

    @property
    def kills_broker(self) -> bool:
        return any(each.what == "kill broker" for each in self.disturbances)


def script(seed: int, number: int) -> Script:
    text = f"{seed}/{number}"
    chance = Random(text)
    kills = [_kill(chance) for _ in range(chance.randint(1, 2))]
    others = [_other(chance) for _ in range(chance.randint(0, 2))]
    if bounded := chance.random() < 0.1:
        others.append(Disturbance(0.1, "cut", LENGTH * 0.8))
    half_open = any(each.what.startswith("half-open") for each in others)
    return Script(
        seed=text,
        disturbances=tuple(sorted([*kills, *others], key=lambda each: each.at)),
        window=chance.choice((0.2, 1.0)),
        batch_readings=chance.choice((1, 5, 100)),
        in_flight=chance.choice((1, 3, 20)),
        protocol=chance.choice(("auto", "3.1.1")),
        bounded=bounded,
        # a dead line is found after a minute of the daemon's: seldom worth the wait
        patient=chance.random() < (0.05 if half_open else 0.5),
    )


def _kill(chance: Random) -> Disturbance:
    what: What = "kill" if chance.random() < 0.85 else "stop"
    return Disturbance(chance.uniform(0.1, LENGTH), what, upon=chance.choice(KILLS_UPON))


def _other(chance: Random) -> Disturbance:
    whats: list[What] = [each for each in get_args(What) if each not in ("kill", "stop")]
    lasts = chance.uniform(0.05, LENGTH / 2)
    return Disturbance(chance.uniform(0, LENGTH * 0.8), chance.choice(whats), lasts)
