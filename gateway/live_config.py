"""Which keys of kogge.toml a running daemon takes over, and which want a restart.

Live is what is read anew each time it is needed, or is one number in one place. What a connection,
the radio or the database was opened with is not.
"""

from typing import Any, Final

from gateway.config import Config, told

LIVE: Final = frozenset(
    {
        "gateway.name",
        "gateway.place",
        "gateway.latitude",
        "gateway.longitude",
        "lorawan.join",
        "lorawan.join_allow",
        "lorawan.joins_per_minute",
        "mqtt.batch_readings",
        "mqtt.batch_seconds",
        "mqtt.backlog_messages_per_s",
        "mqtt.backlog_kib_per_s",
    }
)


def flat(tables: dict[str, Any]) -> dict[str, Any]:
    """By whole key, as `mqtt.url`."""
    return {
        f"{table}.{key}": value for table, keys in tables.items() for key, value in keys.items()
    }


def take_over(running: Config, wanted: Config) -> tuple[list[str], list[str]]:
    """Gives `running` the live keys of `wanted`. Returns those that changed, and those that differ
    until a restart.
    """
    uses, says = flat(told(running)), flat(told(wanted))
    differing = [key for key in says if says[key] != uses[key]]
    taken = [key for key in differing if key in LIVE]
    for key in taken:
        table, _, name = key.partition(".")
        setattr(getattr(running, table), name, getattr(getattr(wanted, table), name))
    return taken, [key for key in differing if key not in LIVE]
