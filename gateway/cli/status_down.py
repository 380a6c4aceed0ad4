"""`kogge status` without a daemon: what can be known all the same, and what to do first."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway import VERSION
from gateway.cli.language import _, number, size
from gateway.cli.screen import Level, Row, Style, heading, rows
from gateway.cli.status_machine import machine_rows
from gateway.diagnostics import machine
from gateway.errors import ConfigError, GatewayError

LOG_LINES: Final = 3
LOG_SECONDS: Final = 2.0
STATE_DIR: Final = "/var/lib/kogge"


def known(config: Path | None, socket: Path, error: GatewayError) -> dict[str, Any]:
    """As JSON has it: `health` is "down"."""
    from gateway.files import DEFAULT_FILE

    file = config or DEFAULT_FILE
    problem, tables = _configuration(file)
    gateway, concentrator = _table(tables, "gateway"), _table(tables, "concentrator")
    state_dir = str(file.absolute().parent / str(gateway.get("state_dir", STATE_DIR)))
    port = str(concentrator.get("port", "/dev/kogge-concentrator"))
    return {
        "v": 1,
        "health": "down",
        "version": VERSION,
        "reason": str(error),
        "socket": str(socket),
        "configuration": {"file": str(file), "problem": problem},
        "port": {"name": port, "present": "://" in port or (file.parent / port).exists()},
        "database": database(Path(state_dir)),
        "machine": machine.told(machine.look(state_dir)),
        "log": log(),
    }


def _configuration(file: Path) -> tuple[str, dict[str, Any]]:
    """What is wrong with it as a file, and its tables; its keys are `kogge config check`'s."""
    from gateway.files import read_toml

    try:
        return "", read_toml(file)
    except (ConfigError, PermissionError) as error:
        return str(error), {}


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.get(name)
    return found if isinstance(found, dict) else {}


def database(state_dir: Path) -> dict[str, Any]:
    """Its size and backlog, or why it cannot be looked at: a word of gateway.store.look."""
    file = state_dir / "kogge.db"
    try:
        if not file.exists():
            return {"problem": "absent"}
    except PermissionError:
        return {"problem": "permission"}
    from gateway.store.look import CannotLook, look

    try:
        found = look(file)
    except CannotLook as error:
        return {"problem": error.kind}
    return {"problem": "", "bytes": found.bytes, "backlog": found.backlog}


def log() -> list[str]:
    """The service's last words; [] where there is no journal, or none for us."""
    command = ["journalctl", "-u", "kogge", "-n", str(LOG_LINES), "-o", "cat", "-q", "--no-pager"]
    try:
        done = subprocess.run(  # noqa: S603 # arguments of our own
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LOG_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()[-LOG_LINES:]


def screen(found: dict[str, Any], style: Style) -> Iterator[str]:
    """The same for people. Pure."""
    yield f"Kogge {found['version']}"
    yield from heading(verdict(), "bad", style)
    if style.width is not None:
        yield ""
    yield from rows(parts(found), style)


def verdict() -> str:
    return _("The daemon does not run: nothing is received. What is on disk stays there.")


def parts(found: dict[str, Any]) -> Iterator[Row]:
    yield _daemon(found)
    problem = found["configuration"]["problem"]
    file = found["configuration"]["file"]
    said = problem or _("{file} can be read; its keys: kogge config check", file=file)
    yield Row("bad" if problem else "ok", _("Configuration"), said)
    port = found["port"]
    there = _("{name} is there") if port["present"] else _("{name} is not there: check the cable")
    yield Row("ok" if port["present"] else "bad", _("Port"), there.format(name=port["name"]))
    yield _database(found["database"])
    yield from machine_rows(found["machine"])


def _daemon(found: dict[str, Any]) -> Row:
    said = _("nobody answers at {socket}", socket=found["socket"])
    start = _("start it: sudo systemctl start kogge; then: kogge doctor")
    return Row("bad", _("Daemon"), said, (*found["log"], start))


def _database(found: dict[str, Any]) -> Row:
    problems: dict[str, tuple[Level, str]] = {
        "absent": ("note", _("there is none yet")),
        "in_use": ("note", _("another program has it open")),
        "permission": ("unknown", _("this user may not look: use sudo")),
        "half": ("bad", _("it is only half restored")),
        "unreadable": ("bad", _("cannot be read: sudo kogge doctor says more")),
    }
    if problem := found["problem"]:
        return Row(problems[problem][0], _("Buffer"), problems[problem][1])
    waiting, kept = number(found["backlog"]), size(found["bytes"])
    return Row("ok", _("Buffer"), _("{n} not yet acknowledged, {size}", n=waiting, size=kept))
