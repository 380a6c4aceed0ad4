"""The sentences that the command line says, read from its source, and the German that is there.

Sentences of others (gateway.cli.heard) are known by their skeleton: their fixed words, in order.
"""

import argparse
import ast
import errno
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from kogge import HOUSE

from gateway.cli import VERBS
from gateway.cli.heard import parsed
from gateway.cli.language import LOCALE, Catalogue
from gateway.cli.whole import below, summaries, whole

SAID_BY = {"_": 1, "mark": 1, "plural": 2}
ROOMS = (
    "gateway/backup", "gateway/cli", "gateway/demo", "gateway/diagnostics", "gateway/doctor",
    "gateway/report",
)  # fmt: skip


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((HOUSE / room).rglob("*.py"))]


def said_in(path: Path) -> Iterator[tuple[str, str]]:
    """(sentence, its plural or "") of each marked sentence in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            wanted = SAID_BY.get(node.func.id, 0)
            texts = [text(argument) for argument in node.args[:wanted]]
            if texts and all(texts):
                yield texts[0], "".join(texts[1:])


def text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def said() -> dict[str, str]:
    """Every marked sentence with its plural."""
    return {one: many for path in sources() for one, many in said_in(path)}


def helps() -> set[str]:
    """What `--help` says, of every verb: its formatter translates it."""
    found = {import_module(f"gateway.cli.{verb}").HELP for verb in VERBS}
    return found | {"usage: "} | set(_helps(whole()))


def _helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from (group.title for group in parser._action_groups if group.title)
    yield from summaries(parser).values()
    inner = below(parser)
    yield from (action.help or f"no help: {parser.prog} {action.dest}" for action in
                parser._actions if not inner or action.option_strings)  # fmt: skip
    for one in inner.values():
        yield from _helps(one)


Skeleton = tuple[str, ...]

FAULTS = {"GatewayError", "DriverError", "MqttError", "PermissionError", "ArgumentTypeError"}
"""Those below them too: their sentences reach whoever sits at the terminal."""
UNHEARD = ("drivers/emulator", "gateway/demo", "gateway/simulation", "gateway/cli/report")
"""Tools of ours, which nobody needs at the cabinet; and what speaks German by itself."""
ARGPARSE = {
    ("the following arguments are required: ", ""), ("unrecognized arguments: ", ""),
    ("argument ", ": invalid choice: ", " (choose from ", ")"),
    ("argument ", ": expected one argument"),
    ("argument ", ": not allowed with argument ", ""), ("one of the arguments ", " is required"),
    ("argument ", ": expected at least one argument"), ("argument ", ": ", ""),
    ("argument ", ": invalid ", " value: ", ""),
}  # fmt: skip
"""argparse's own, of Python 3.11 to 3.13."""
COMPOSED = {
    ("the codec cannot be loaded: ", ""),
    ("", " gave no answer: ", ""), ("", " closed the connection without an answer: ", ""),
    ("", " answered what is not MQTT: ", ""), ("is it an MQTT port?",),
    ("is it an MQTT port, and does it want mqtts://?",),
    ("[Errno ", "] ", ""), ("[Errno ", "] ", ": ", ""),
    ("unverified firmware",), ("", " (0x", "); ", ""), ("", ": line ", "; ", ""),
    ("give ", " (OTAA), or ", " (ABP), not both"),
    ("best SNR of ", " uplink", " ", " dB, ", " dB needed, ", " dB kept in hand: ", "; ", " lost: ",
     ""),
    ("best SNR of ", " uplink", " ", " dB, ", " dB needed, ", " dB kept in hand: ", "; ", " lost: ",
     " (power up and NbTrans wait for ", ")"),
    ("", "; it asks whether it is heard (ADRACKReq): told once more"),
    ("", " of a replay is passed over, the others go on: ",
     ". It stays in the archive; the replay's answer counts it"),
    *(("give ", f", {bound} ", " (", ")")
      for bound in ("at least", "at most", "more than", "less than")),
    *((f"its length is to be {bound} ", " (", ")") for bound in ("at least", "at most")),
    ("give ", ": this is ", " (", ")"), ("it lacks ", " (", ")"), ("not known here: ", " (", ")"),
    ("it does not have the form that is needed (", ")"),
    ("none of the possible words: ", " (", ")"), ("", " refuses the connection: ", ""),
    ("", " refuses ", " (", "): check mqtt.username and the password ",
     ", then the broker's access list"),
}  # fmt: skip
"""Put together of parts, in gateway/northbound, codecs/javascript.py, lorawan/adr.py, shapes.py and
by Python.
"""
TELLING = (
    "drivers/link.py", "drivers/semtech_udp/address.py", "drivers/semtech_udp/port.py",
    "drivers/strangers.py", "drivers/sx1302/health.py", "gateway/air/downlinks.py",
    "gateway/air/rhythm.py", "gateway/air/uplinks.py", "gateway/board/semtech_import.py",
    "gateway/codecs/catalogue.py", "gateway/codecs/javascript.py", "gateway/codecs/process.py",
    "gateway/codecs/sandbox.py", "gateway/codecs/scripts.py", "gateway/config.py",
    "gateway/devices/devices_toml.py", "gateway/devices/locked_sessions.py",
    "gateway/devices/qr.py", "gateway/lorawan/adr.py", "gateway/lorawan/join.py",
    "gateway/lorawan/join_control.py", "gateway/lorawan/order.py", "gateway/lorawan/queue.py",
    "gateway/lorawan/region.py", "gateway/lorawan/rejoin.py", "gateway/lorawan/requests.py",
    "gateway/lorawan/uplink.py", "gateway/metrics/listen.py", "gateway/northbound/broker.py",
    "gateway/northbound/connection.py", "gateway/northbound/forwarder.py",
    "gateway/northbound/reasons.py", "gateway/northbound/refusals.py", "gateway/northbound/tls.py",
    "gateway/settings.py",
)  # fmt: skip
"""Whose sentences reach a screen without being raised: as a reason, a warning, a setting's."""
PARTS = {
    ("No such file",),
    (", or this port is not a concentrator",),
    (
        "# From ",
        " by kogge config import-semtech.\n\n",
    ),
    ("InternalError: out of memory",),
    ("RangeError: Maximum call stack size exceeded",),
    (" - at `$",),
    ("unknown field `(.+)`",),
    (", not both",),
    ("best SNR of ", " uplink", " ", " dB"),
    ("", " dB needed, ", " dB kept in hand"),
    ("; it asks whether it is heard (ADRACKReq): told once more",),
    (" (power up and NbTrans wait for ", ")"),
    ("MIC wrong: NwkKey differs between the device and devices.toml",),
    ("", " (", "): check mqtt.username and the password ", ", then the broker's access list"),
    ("the connection: ", ""),
    (" (it names ", ")"),
    ("is it an MQTT port",),
    (", and does it want mqtts://?",),
    ("Invalid enum value",),
    ("Inappropriate ioctl",),
    ("exclusively lock",),
    (" and the ",),
    ("Normal disconnection",),
    (
        "import sys; sys.path.append(sys.argv[1]); from gateway.codecs.sandbox import main;"
        " main(sys.argv[2], int(sys.argv[3]))",
    ),
    ("an event (", ")"),
    ("", " of a replay is passed over, the others go on: ", ""),
    ("", ". It stays in the archive; the replay's answer counts it"),
    ("sudo chgrp kogge ", " && sudo chmod 640 ", ""),
}
"""What is known as part of another sentence, is compared, or is a command."""
SYSTEM = {(os.strerror(code),) for code in errno.errorcode}


def skeleton(node: ast.expr) -> Skeleton:
    """(): it is no sentence."""
    match node:
        case ast.Constant(str(value)):
            return (value,)
        case ast.JoinedStr(values):
            words = [""]
            for part in values:
                if isinstance(part, ast.Constant):
                    words[-1] += str(part.value)
                else:
                    words.append("")
            return tuple(words)
    return ()


def others(*rooms: str) -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every source that may speak to a technician."""
    for room in rooms:
        for path in sorted((HOUSE / room).rglob("*.py")):
            if not path.relative_to(HOUSE).as_posix().startswith(UNHEARD):
                yield from ((path, node) for node in ast.walk(ast.parse(path.read_text("utf-8"))))


def all_skeletons() -> set[Skeleton]:
    """Of all text there is in our sources."""
    nodes = (node for _, node in others("gateway", "drivers") if isinstance(node, ast.expr))
    return {found for node in nodes if (found := skeleton(node))}


def raised() -> dict[Skeleton, Path]:
    """What errors say, and what the daemon answers as an "error"; at least three words of it."""
    found: dict[Skeleton, Path] = {}
    names = _faults()
    for path, node in others("gateway", "drivers"):
        for one in _sentences_of(node, names):
            if len(" ".join(one).split()) > 2:
                found[one] = path
    return found


def told() -> dict[Skeleton, str]:
    """What reaches a screen from TELLING."""
    found: dict[Skeleton, str] = {}
    for path, node in others("gateway", "drivers"):
        name = path.relative_to(HOUSE).as_posix()
        if name in TELLING and not _is_logged(node):
            for one in map(skeleton, _loose(node)):
                if TWO_WORDS.search("…".join(one)):
                    found[one] = name
    return found


def _is_logged(node: ast.AST) -> bool:
    """Or is a program's: code, a pattern."""
    names = ("info", "warning", "error", "log", "debug", "execute", "launch")
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "") in names


def _sentences_of(node: ast.AST, names: set[str]) -> Iterator[Skeleton]:
    match node:
        case ast.Call(func=ast.Name(name), args=args) if name in names:
            yield from (skeleton(arg) for arg in args)
        case ast.Call(func=ast.Attribute(attr=name), args=args) if name in names:
            yield from (skeleton(arg) for arg in args)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "error":
                    yield skeleton(value)


def _faults() -> set[str]:
    below = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for _, node in others("gateway", "drivers")
        if isinstance(node, ast.ClassDef)
    }
    found, before = set(FAULTS), set[str]()
    while found != before:
        before = set(found)
        found |= {name for name, bases in below.items() if bases & found}
    return found


def german() -> Catalogue:
    return Catalogue((LOCALE / "de.po").read_text(encoding="utf-8"))


TWO_WORDS = re.compile(r"[a-z]{2,} [a-z]{2,}")
NO_SENTENCES = {
    "command line", "kogge doctor", "not understood", "sudo systemctl restart kogge", "bold red",
    "kogge devices list --names 2>/dev/null",
    "how long (…)", "how many (…)", "where the street is (…); US915 in sub-band 2, AU915 in 1",
}  # fmt: skip
"""What is compared, typed or drawn, and helps that are known whole."""
MARKED = {"_", "mark", "plural", "add_argument", "add_parser", "_add", "ArgumentParser", "compile"}
"""Whose arguments are translated, or are no sentence for people."""


def unmarked() -> set[str]:
    """Text of several words in gateway/cli that nobody translates: neither marked, nor a help, nor
    an error's, nor a docstring.
    """
    known = {one for one, _ in german().sentences} | helps()
    heard_words = {parsed(message)[1] for message in german().heard}
    found = set()
    for path, node in others("gateway/cli"):
        for one in _loose(node):
            words = skeleton(one)
            shown = "…".join(words)
            if not TWO_WORDS.search(shown) or "function " in shown or shown in NO_SENTENCES:
                continue
            if shown not in known and words not in heard_words:
                found.add(f"{path.name}: {shown}")
    return found


def _loose(node: ast.AST) -> Iterator[ast.expr]:
    """The texts right below a node, where it translates none of them."""
    if isinstance(node, ast.Expr):
        return
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in MARKED:
            return
    if isinstance(node, ast.JoinedStr):
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant | ast.JoinedStr):
            yield child
