"""The whole of it: so many days of so many devices, and what came of them."""

from dataclasses import asdict, dataclass
from time import perf_counter

from gateway.simulation.agenda import DAY, SECOND
from gateway.simulation.world import World

TOLD = 20


@dataclass(frozen=True, slots=True)
class Report:
    """The last line of docs/interfaces.md; `violation_list` holds the first of them."""

    seed: int
    days: int
    devices: int
    uplinks: int
    joins: int
    downlinks: int
    adr_changes: int
    kills: int
    violations: int
    violation_list: list[str]
    real_time_factor: float

    def json(self) -> dict[str, object]:
        return asdict(self)


def simulate(days: int, devices: int, seed: int, region: str = "EU868") -> Report:
    """Run it; the same seed gives the same report, but for its speed."""
    began = perf_counter()
    world = World(devices, seed, region)
    world.run(days * DAY)
    world.close()
    judge, took_s = world.judge, perf_counter() - began
    return Report(
        seed=seed,
        days=days,
        devices=devices,
        uplinks=world.street.uplinks,
        joins=judge.joins,
        downlinks=judge.downlinks,
        adr_changes=judge.adr_changes,
        kills=world.kills,
        violations=judge.count,
        violation_list=judge.violations[:TOLD],
        real_time_factor=round(days * DAY / SECOND / took_s),
    )
