"""The documents say what is: every verb, key, path and command in them exists or works."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import commands as commands_file
import configuration as configuration_file
import msgspec
import pytest
from documented import (
    DOCUMENTS,
    ELSEWHERE,
    NOT_HERE,
    SHELL,
    commands,
    kogge_commands,
    text,
)
from kogge import HOUSE, kogge

from gateway import cli, files
from gateway.air import join_refusals
from gateway.cli import VERBS, main
from gateway.config import Config
from gateway.devices import facts
from gateway.devices.devices_toml import Entry
from gateway.diagnostics import frames
from gateway.live_config import LIVE
from gateway.lorawan.outcome import DropReason

pytestmark = pytest.mark.tree

README = text(HOUSE / "README.md")


def test_readme_shows_every_verb_and_no_other() -> None:
    told = set(re.findall(r"`?kogge ([a-z]+)", " ".join(SHELL.findall(README))))
    assert told | {"demo", "firmware"} == set(VERBS)
    assert told <= set(VERBS)
    assert "kogge demo" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_verb_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"`(?:sudo |\.venv/bin/)*kogge ([a-z]+)[^`]*`", text(document)))
    assert named <= set(VERBS)


@pytest.mark.parametrize("words", kogge_commands(), ids=" ".join)
def test_every_kogge_command_of_the_documents_is_understood(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser takes it; what it does is another test's."""
    monkeypatch.setattr(f"gateway.cli.{words[0]}.run", lambda args: 0)
    assert main(words) == 0


def test_whatever_else_the_documents_have_typed_is_known_where_it_runs() -> None:
    typed = {words[0] for document in DOCUMENTS for words in commands(document)}
    typed = {"kogge" if word.endswith("/kogge") else word for word in typed}
    assert typed - ELSEWHERE.keys() == NOT_HERE


def test_reference_of_the_commands_is_what_the_parser_says() -> None:
    """`make commands` writes it anew."""
    assert commands_file.FILE.read_text(encoding="utf-8") == commands_file.reference()


def test_reference_of_the_configuration_is_what_the_code_says() -> None:
    """`make configuration` writes it anew."""
    assert configuration_file.FILE.read_text(encoding="utf-8") == configuration_file.reference()


def test_guide_names_all_live_keys() -> None:
    guide = text(HOUSE / "docs" / "install.md")
    (told,) = re.findall(r"the running daemon takes over (.*?) at once", guide, re.DOTALL)
    assert set(re.findall(r"`([a-z_.]+)`", told)) == LIVE


def test_decode_command_of_the_readme_runs() -> None:
    (words,) = [words for words in commands(HOUSE / "README.md") if words[1:2] == ["decode"]]
    done = kogge(*words[1:])
    assert done.returncode == 0
    assert "49be7df1" in done.stdout.lower()


def test_frames_of_the_emulator_guide_are_its_bins() -> None:
    """With the keys of its own devices.toml, and what the first is decoded with."""
    guide = HOUSE / "docs" / "emulator.md"
    (words,) = [words for words in commands(guide) if words[:2] == ["kogge", "decode"]]
    frames = sorted(set(re.findall(r"40da1b01[0-9a-f]+", text(guide))))
    assert words[2] in frames
    assert len(frames) == 3
    for frame in frames:
        done = kogge("decode", frame, *words[3:], "--json")
        assert done.returncode == 0, done.stderr
        assert '"distance": 0.24' in done.stdout


def test_readme_tells_every_exit_code() -> None:
    for code in (cli.EX_USAGE, cli.EX_UNAVAILABLE, cli.EX_PERMISSION, cli.EX_CONFIG):
        assert f"{code} " in README


def test_make_targets_that_documents_name_exist() -> None:
    makefile = text(HOUSE / "Makefile")
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:`|^)make ([a-z0-9-]+)", text(document), re.MULTILINE)
    }
    assert {"demo", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def names_of_tests() -> set[str]:
    """The names of all test functions, by their sources."""
    named = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
    found = {
        name for path in (HOUSE / "tests").rglob("test_*.py") for name in named.findall(text(path))
    }
    assert len(found) > 1000
    return found


def test_tests_that_documents_name_exist() -> None:
    """What is promised with a test's name is kept by that test."""
    known = names_of_tests()
    missing = {
        f"{document.name}: {name}"
        for document in DOCUMENTS
        for name in re.findall(r"`(test_[a-z0-9_A-Z]+)`", text(document))
        if name not in known
    }
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", text(document)):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), target


def test_map_in_the_readme_is_the_tree() -> None:
    rows = re.findall(r"^\| `([a-z0-9_/]+)/` \|", README, re.MULTILINE)
    for room in rows:
        assert (HOUSE / room).is_dir(), room
    packages = {
        path.parent.relative_to(HOUSE)
        for room in ("gateway", "drivers", "native")
        for path in (HOUSE / room).glob("**/__init__.py")
    }
    floor = {path.as_posix() for path in packages if len(path.parts) <= 2}
    assert floor <= set(rows)
    shared = README.partition("### What the rooms of gateway/ share")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+\.py)`", shared))
    assert named == {path.name for path in (HOUSE / "gateway").glob("[a-z]*.py")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_of_the_house_that_documents_name_exist(document: Path) -> None:
    rooms = "gateway|drivers|native|config|systemd|tests|docs"
    for name in re.findall(rf"`((?:{rooms})/[A-Za-z0-9_./-]+)`", text(document)):
        assert (HOUSE / name).exists() or (HOUSE / f"{name}.pyx").exists(), name


def keys() -> set[str]:
    tables = msgspec.to_builtins(Config())
    return {f"{table}.{key}" for table, values in tables.items() for key in values}


def test_every_configuration_key_stands_in_the_shipped_file() -> None:
    shown = tomllib.loads(text(files.shipped() / "kogge.toml"))
    assert {f"{table}.{key}" for table, values in shown.items() for key in values} == keys()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_configuration_keys_that_documents_name_exist(document: Path) -> None:
    tables = "|".join(msgspec.to_builtins(Config()))
    named = re.findall(rf"`((?:{tables})\.[a-z_]+)(?: = [^`]*)?`", text(document))
    assert {name for name in named if not name.endswith(("toml", "_py", ".py", ".txt"))} <= keys()


def test_every_key_of_a_device_is_shown_in_the_shipped_file() -> None:
    example = text(files.shipped() / "devices.toml")
    names = {field.encode_name for field in msgspec.structs.fields(Entry)}
    assert {name for name in names if f"# {name} = " not in example} == set()


COMMANDS = "gateway/northbound/commands.py"
TROUBLE = text(HOUSE / "docs" / "troubleshooting.md")


def test_drop_reasons_that_are_explained_exist() -> None:
    explained = set(re.findall(r"dropped: `([a-z_]+)`", TROUBLE))
    assert explained
    assert explained <= set(DropReason)


def test_what_kogge_is_quoted_with_it_says() -> None:
    """`…` in a quotation is what differs from time to time."""
    parts = {
        part.strip()
        for words in re.findall(r'"([^"]+)"', re.sub(r"`[^`]*`", "", TROUBLE))
        for part in words.split("…")
        if len(part.strip()) > 2
    }
    assert len(parts) > 20
    said = "\n".join(sentences())
    assert {part for part in parts if part not in said} == set()


def sentences() -> Iterator[str]:
    """Every text in the sources; adjacent pieces are one."""
    for room in ("gateway", "drivers"):
        for source in (HOUSE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(text(source))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_error_of_ours_stands_in_the_tree_of_errors() -> None:
    page = text(HOUSE / "docs" / "architecture.md")
    for source in ("gateway/errors.py", "drivers/concentrator.py"):
        for name in re.findall(
            r"^class (\w+)\(\w*(?:Error|Exception)\)", text(HOUSE / source), re.MULTILINE
        ):
            assert re.search(rf"\b{name}\b", page), name


def test_every_event_and_command_stands_on_the_page_of_mqtt() -> None:
    page = text(HOUSE / "docs" / "mqtt.md")
    schema = json.loads(text(files.shipped() / "schema" / "events.json"))
    events = schema["$defs"]["event"]["properties"]["type"]["enum"]
    (said,) = re.findall(r"no such command: ([a-z_, ]+)", text(HOUSE / COMMANDS))
    for name in (*events, *said.split(", ")):
        assert f"`{name}`" in page, name


def test_every_page_is_linked_from_the_readme() -> None:
    missing = [page.name for page in DOCUMENTS if f"({page.relative_to(HOUSE)})" not in README]
    assert missing == ["README.md"]


def test_boards_of_the_hardware_guide_are_those_that_are_shipped() -> None:
    page = text(HOUSE / "docs" / "hardware.md")
    rows = re.findall(r"\| (\d+)–(\d+) MHz \| (\d+) dBm \| `([a-z0-9-]+)` \|", page)
    shipped = set()
    for file in (HOUSE / "config" / "boards").glob("*.toml"):
        board = tomllib.loads(text(file))
        low, high = (str(frequency // 1_000_000) for frequency in board["frequencies"])
        powers = [
            gain["rf_power"] for table in board["radios"][0]["powers"] for gain in table["gains"]
        ]
        shipped.add((low, high, str(max(powers)), file.stem))
    assert set(rows) == shipped


@pytest.mark.parametrize("name", ["operations.md", "betrieb.md"])
def test_bounds_that_the_operators_are_told_are_the_defaults(name: str) -> None:
    page = text(HOUSE / "docs" / name)
    tables = msgspec.to_builtins(Config())
    told = dict(re.findall(r"`store\.([a-z_]+)` \((\d+)\)", page))
    told |= {
        key: n for n, key in re.findall(r"(\d+) (?:Tage|MiB)[^`|,]*\(`store\.([a-z_]+)`", page)
    }
    assert told.keys() >= {"max_age_days", "min_free_mib", "archive_days"}
    assert {key: str(tables["store"][key]) for key in told} == told


def slug(heading: str) -> str:
    """As GitHub makes an anchor of it."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_into_a_page_find_their_heading(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*\.md)?#([^)]+)\)", text(document)):
        page = document.parent / target if target else document
        headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
        assert anchor in map(slug, headings), f"{target}#{anchor}"


def test_periods_that_both_privacy_pages_promise_are_the_defaults_and_bounds() -> None:
    pages = [text(HOUSE / "docs" / name) for name in ("privacy.md", "datenschutz.md")]
    tables = msgspec.to_builtins(Config())
    for page in pages:
        promised = dict(re.findall(r"`store\.([a-z_]+)` \((\d+)\)", page))
        assert promised.keys() == {"max_age_days", "archive_days"}
        assert {name: str(tables["store"][name]) for name in promised} == promised
        assert f"{frames.FRAMES // 1000} {frames.FRAMES % 1000:03}" in page
        assert f"{frames.BYTES >> 10} KiB" in page
        assert {str(facts.UPLINKS), str(facts.STRANGERS)} <= set(page.split())
        assert str(join_refusals.AT_MOST) in page.split()
    english, german = (set(re.findall(r"`(test_\w+|[a-z_]+\.[a-z_]+)`", page)) for page in pages)
    assert english == german, "what one says the other says"
