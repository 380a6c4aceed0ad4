"""What the documents have typed: the lines of their shell blocks, and where each program runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from kogge import HOUSE

DOCUMENTS = [*sorted(HOUSE.glob("*.md")), *sorted((HOUSE / "docs").glob("*.md"))]
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ELSEWHERE = {
    "kogge": "tests/end_to_end/test_documented_commands.py",
    "make": "its target is there; demo, power cuts and crash trials run in tests of their own",
    "openssl": "test_certificates_made_as_the_document_says_are_accepted",
    "printf": "part of the certificates' recipe",
    ".": "test_emulator_s_guide_can_be_played: the shell there has kogge at hand",
    "mkdir": "test_emulator_s_guide_can_be_played",
    "head": "test_emulator_s_guide_can_be_played",
    "exec": "test_emulator_s_guide_can_be_played",
    "echo": "test_emulator_s_guide_can_be_played",
    "nc": "test_emulator_s_guide_can_be_played, by a socket of its own",
    "socat": "likewise",
    "/usr/sbin/mosquitto": "the tests' broker, on another port",
    "mosquitto_pub": "test_emulator_s_guide_can_be_played, by a client of its own",
    "mosquitto_sub": "wants a city's broker; the tests subscribe by themselves",
    "grep": "picks lines out",
}
# changes a machine, or asks its systemd: typed in tests/system/test_documented_in_a_machine.py
NOT_HERE = {
    "apt", "systemctl", "systemd-creds", "journalctl", "adduser", "install", "nano", "rm", "sed",
}  # fmt: skip


def text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def lines(document: Path) -> Iterator[str]:
    """Those of a document's shell blocks."""
    for block in SHELL.findall(text(document)):
        yield from block.replace("\\\n", "").splitlines()


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command in a line, without its comment."""
    for command in re.split(r"&&|\|", line):
        words = shlex.split(command, comments=True)
        if words:
            yield words[1:] if words[0] == "sudo" else words


def commands(document: Path) -> Iterator[list[str]]:
    """The words of each command in a document's shell blocks."""
    for line in lines(document):
        yield from commands_of(line)


def lines_for_a_machine() -> list[str]:
    """Those with a command that is not to be typed here."""
    return [
        line
        for document in DOCUMENTS
        for line in lines(document)
        if any(words[0] in NOT_HERE for words in commands_of(line))
    ]


def kogge_commands() -> list[list[str]]:
    """What follows `kogge` in each such command of all documents, each once."""
    found = [
        tuple(words[1:])
        for document in DOCUMENTS
        for words in commands(document)
        if words[0].rpartition("/")[2] == "kogge"
    ]
    assert found
    return [list(words) for words in dict.fromkeys(found)]
