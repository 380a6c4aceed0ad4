"""The direction of imports, and what stands in which room: docs/architecture.md, by ast."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.tree

HOUSE = Path(__file__).parents[1]
STDLIB = set(sys.stdlib_module_names)
WALL_CLOCK = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "PRAGMA ")


def sources(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in sorted((HOUSE / room).rglob("*.py"))]
    assert found, f"no source files in {rooms}"
    return found


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(paths: list[Path], allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(HOUSE)} imports {name}"
        for path in paths
        for name in imports(path)
        if name.split(".")[0] not in STDLIB
        and not any(name == a or name.startswith(a + ".") for a in allowed)
    ]


def test_drivers_never_import_the_gateway() -> None:
    assert offenders(sources("drivers"), ("drivers", "native", "serial")) == []


def test_native_imports_only_itself() -> None:
    assert offenders(sources("native"), ("native",)) == []
    for pyx in (HOUSE / "native").glob("*.p[yx][xd]"):
        for line in pyx.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"], ["cimport"]):
                top = words[1].split(".")[0]
                assert top in {"native", "cpython", "libc", "cython"} | STDLIB, (
                    f"{pyx.name}: {line}"
                )


def test_emulator_shares_nothing_with_the_driver_but_the_register_table() -> None:
    allowed = ("drivers.emulator", "drivers.sx1302.registers")
    assert offenders(sources("drivers/emulator"), allowed) == []


def test_lorawan_is_pure() -> None:
    allowed = ("gateway.lorawan", "native", "drivers.concentrator", "msgspec")
    assert offenders(sources("gateway/lorawan"), allowed) == []
    forbidden = {"asyncio", "socket", "sqlite3", "time", "random", "secrets", "os", "logging"}
    used = {n.split(".")[0] for p in sources("gateway/lorawan") for n in imports(p)}
    assert used & forbidden == set()


@pytest.mark.parametrize(
    ("module", "rooms"),
    [
        ("sqlite3", ("gateway/store",)),
        ("sqlite_utils", ("gateway/store",)),
        ("aiomqtt", ("gateway/northbound", "gateway/demo")),
        ("paho", ("gateway/northbound", "gateway/demo")),
        ("amqtt", ("gateway/demo",)),
        ("serial", ("drivers",)),
    ],
)
def test_each_library_has_its_room(module: str, rooms: tuple[str, ...]) -> None:
    users = [
        str(path.relative_to(HOUSE))
        for path in sources("gateway", "drivers")
        if any(name.split(".")[0] == module for name in imports(path))
    ]
    assert users, f"nobody uses {module}: is the rule still about anything?"
    assert [user for user in users if not user.startswith(rooms)] == []


def calls(path: Path) -> Iterator[tuple[str, str]]:
    """(object or "", name) of each call in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id


def test_only_the_clock_asks_the_wall_clock() -> None:
    askers = {
        str(path.relative_to(HOUSE))
        for path in sources("gateway", "drivers", "native")
        if WALL_CLOCK & set(calls(path))
    }
    assert askers == {"gateway/clock.py"}


def test_only_the_command_line_prints() -> None:
    printers = [
        str(path.relative_to(HOUSE))
        for path in sources("gateway", "drivers", "native")
        if ("", "print") in set(calls(path))
    ]
    assert printers
    assert [path for path in printers if not path.startswith("gateway/cli/")] == []


def test_sql_stands_only_in_the_store() -> None:
    speakers = {
        str(path.relative_to(HOUSE))
        for path in sources("gateway", "drivers", "native")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.lstrip().startswith(SQL)
    }
    assert speakers
    assert [path for path in speakers if not path.startswith("gateway/store/")] == []


def test_the_sides_of_the_daemon_are_built_by_it_alone() -> None:
    """Nothing else knows what it is part of; and a side knows only those before it."""
    order = ["ground", "keeping", "air", "renewing", "city", "technician"]
    known = {path.stem for path in sources("gateway/sides")} - {"__init__"}
    assert known == set(order)
    for path in sources("gateway"):
        found = {n.split(".")[2] for n in imports(path) if n.startswith("gateway.sides.")}
        if path.parent.name == "sides":
            assert (
                found <= set(order[: order.index(path.stem)]) if path.stem in known else not found
            )
        else:
            assert not found or path == HOUSE / "gateway/daemon.py", path
