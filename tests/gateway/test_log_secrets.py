"""No key and no payload in the log: every call is looked through, and planted ones are sought."""

import ast
import asyncio
import io
import logging
import re
from collections.abc import Iterator

import pytest
from kogge import HOUSE
from lorawan_device import join_request
from lorawan_network import AIR, APP_KEY, DEV_EUI, JOIN_EUI, packet
from uplinks_bench import GAUGE, Bench, data

from gateway.diagnostics.log import Log
from gateway.diagnostics.log_lines import FIELDS, HAPPENINGS, JsonLines

LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
PAYLOAD = bytes.fromhex("c0ffee5eaf00d1e5c0ffee5eaf00d1e5")

SUSPECT = re.compile(
    r"payload|frm|phy|key|secret|password|data|frame|packet|bytes|session|record|reading|answer"
    r"|body|request|output|measure|config|settings"
)
"""What may hold a key, or what a packet, a codec or a stranger says: not to be named in a call."""
LOOKED_THROUGH = {
    "gateway/daemon.py": {"self._ground.settings.region.silence"},  # a sentence of ours
    "gateway/diagnostics/telling.py": {"reading.device"},  # a DevEUI
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for room in ("gateway", "drivers", "native"):
        for path in sorted((HOUSE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in LEVELS
                    and ast.unparse(node.func.value) in ("log", "logging", "logger", "_log", "LOG")
                ):
                    yield path.relative_to(HOUSE).as_posix(), node


def named(call: ast.Call) -> Iterator[str]:
    """The names of its arguments, with what they are part of."""
    for given in (*call.args, *(one.value for one in call.keywords)):
        inner = {id(node.value) for node in ast.walk(given) if isinstance(node, ast.Attribute)}
        for node in ast.walk(given):
            if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
                yield ast.unparse(node)


@pytest.mark.tree
def test_no_logging_call_names_what_may_hold_a_key_or_a_payload() -> None:
    found: dict[str, set[str]] = {}
    for path, call in calls():
        suspects = {name for name in named(call) if SUSPECT.search(name)}
        if suspects:
            found.setdefault(path, set()).update(suspects)
    assert found == LOOKED_THROUGH
    assert sum(1 for _ in calls()) > 10, "the search sees calls at all"


def test_words_of_a_call_are_its_own() -> None:
    """Not put together before: then nobody could look them through here."""
    for path, call in calls():
        has_level = ast.unparse(call.func) == "log.log"
        words = call.args[1 if has_level else 0]
        assert isinstance(words, ast.Constant), f"{path}:{call.lineno}"


@pytest.mark.tree
def test_every_logger_is_known_here_by_its_name() -> None:
    """`log = logging.getLogger(__name__)`, or the search above would miss it."""
    makers = {
        (path.relative_to(HOUSE).as_posix(), ast.unparse(node.targets[0]))
        for room in ("gateway", "drivers", "native")
        for path in (HOUSE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "logging.getLogger"
    }
    assert {name for _, name in makers} == {"log"}
    assert {path for path, _ in makers} == {path for path, _ in calls()}


@pytest.mark.tree
def test_extras_are_fields_that_are_written() -> None:
    """An `extra` that no line shows is a mistake; a happening without an id ends the journal."""
    keys, happenings = set(), set()
    for path in (HOUSE / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "extra":
                for each in ast.walk(node.value):
                    if isinstance(each, ast.Dict):
                        keys |= {one.value for one in each.keys if isinstance(one, ast.Constant)}
                        happenings |= {
                            value.value
                            for key, value in zip(each.keys, each.values, strict=True)
                            if isinstance(key, ast.Constant) and key.value == "happening"
                            and isinstance(value, ast.Constant)
                        }  # fmt: skip
    assert keys <= {*FIELDS, "happening"}
    assert happenings <= set(HAPPENINGS)
    assert {"reason", "dev_eui"} <= keys


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged, at its most talkative."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [Log(JsonLines(stream))]
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:], root.level = handlers, level


async def test_planted_keys_and_payloads_are_in_no_line(written: io.StringIO) -> None:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, GAUGE)
        await bench.hear(
            packet(data(1, PAYLOAD)),
            packet(data(2, PAYLOAD, confirmed=True)),
            packet(data(1, PAYLOAD)),
            packet(data(3, PAYLOAD)[:-1] + b"?"),
            packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)),
            packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)),
            packet(join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 2)),
            packet(PAYLOAD),
        )
    text = written.getvalue()
    for reason in ("replay", "bad_mic", "dev_nonce_reused", "not_decoded"):
        assert f'"reason": "{reason}"' in text
    assert '"happening": "joined"' in text
    secrets = [PAYLOAD, APP_KEY, AIR.nwk_s_key, AIR.app_s_key, data(1, PAYLOAD)]
    for secret in secrets:
        for way in (secret.hex(), secret.hex().upper(), repr(secret)[2:-1], str(list(secret))):
            assert way not in text
