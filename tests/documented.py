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
    "mosquitto_sub": "wants a city's broker; the tests subscribe by themselves",
    "grep": "picks lines out",
}
NOT_HERE = {
    "apt": "changes this machine: the package's tests install, upgrade and purge it",
    "systemctl": "wants systemd as the first process: the package's tests have it",
    "systemd-creds": "seals to this machine",
    "journalctl": "reads this machine's log; its fields are test_diagnostics_log_journal's",
    "adduser": "changes this machine's users",
    "install": "writes into /etc",
    "touch": "writes into /etc",
    "nano": "is for a person",
    "ls": "shows what is plugged in",
    "rm": "deletes the sealing key; that two lines are two keys is test_store_secret's",
    "sed": "changes the sealing key, likewise",
}


def text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def commands(document: Path) -> Iterator[list[str]]:
    """The words of each line in a document's shell blocks, without its comment."""
    for block in SHELL.findall(text(document)):
        for line in block.replace("\\\n", "").splitlines():
            for command in re.split(r"&&|\|", line):
                words = shlex.split(command, comments=True)
                if words:
                    yield words[1:] if words[0] == "sudo" else words


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
