"""How much faster than real time a street is simulated (docs/simulation.md)."""

from time import perf_counter

from gateway.simulation.month import simulate

from .row import Row

DAYS, DEVICES, SEED = 5, 200, 4
GOAL = 10_000


def real_time_factor() -> Row:
    """Some days of it: the factor is that of a month. With a violation there is none."""
    began = perf_counter()
    report = simulate(DAYS, DEVICES, SEED)
    took_s = perf_counter() - began
    return Row(
        f"simulate {DEVICES} devices",
        f"{report.real_time_factor:.0f} x real time",
        f"{report.uplinks / took_s:.0f} uplinks/s",
        f">= {GOAL} x",
        report.real_time_factor >= GOAL and not report.violations,
    )


BENCHES = (real_time_factor,)
