"""kogge completion: the shells themselves finish the words."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kogge import HOUSE, kogge, loaded_by
from patience import HUNG

CASES = [
    ("kogge con", {"config"}),
    ("kogge config s", {"show", "set"}),
    ("kogge config set mqtt.batch_s", {"mqtt.batch_seconds"}),
    ("kogge status --p", {"--plain"}),
    ("kogge run --config kogge.t", {"kogge.toml"}),
    ("kogge codec test ve", {"vectors.jsonl"}),
    ("kogge completion ", {"bash", "zsh", "fish"}),
    ("kogge devices show bi", {"bin-17"}),
    ("kogge why 70b3", {f"70b3d57ed000000{number}" for number in (1, 2, 3)}),
    ("kogge buffer list --device lamp", {"lamp"}),
]
DEVICES = "".join(
    f"""
    [[device]]
    dev_eui = "70b3d57ed000000{number}"
    name = "{name}"
    join_eui = "{0:016}"
    app_key = "{number:032}"
    """
    for number, name in ((1, "bin-17"), (2, "lamp"), (3, "at the harbour"))
)
NAMES = {"bash": "kogge", "zsh": "_kogge", "fish": "kogge.fish"}
BASH = """
source "$1"; line=$2; COMP_WORDS=($line); [ "${line: -1}" = " " ] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p kogge | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" kogge "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "source $argv[1]; complete -C $argv[2] | string split -f 1 \\t; true"
# zsh finishes words only for who types: on a pseudo-terminal, where it lists them
ZSH = """
zmodload zsh/zpty; zpty z zsh -f -i
zpty -w z "fpath=(${1:h} \\$fpath); autoload -Uz compinit; compinit -u -D; stty cols 300"
# the prompt: from then on zsh itself reads what is typed, and the terminal edits nothing
zpty -w z "unsetopt beep; LISTMAX=0; PS1=BE''GIN"; zpty -r z all '*BEGIN*'
zpty -n -w z "$2"$'\\t'$'\\t'; zpty -w z $'\\x15'"print E''ND"
zpty -r z all '*END*'; print -r -- $all
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for each shell, in a directory with files to name."""
    place = tmp_path_factory.mktemp("shells")
    for shell in NAMES:
        done = kogge("completion", shell)
        assert done.returncode == 0, done.stderr
        (place / NAMES[shell]).write_text(done.stdout, encoding="utf-8")
    for name in ("kogge.toml", "vectors.jsonl"):
        (place / name).touch()
    (place / "devices.toml").write_text(DEVICES, encoding="utf-8")
    asking = f'"{sys.executable}" -m gateway "$@" --config "{place}/kogge.toml"'
    (place / "bin").mkdir()
    program = place / "bin" / "kogge"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{HOUSE}' exec {asking}\n")
    program.chmod(0o755)
    return place


def shell(program: str, script: str, scripts: Path, line: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    plain = {"bash": ["--norc"], "fish": ["--no-config"], "zsh": ["-f"]}[program]
    done = subprocess.run(
        [program, *plain, "-c", script, *([] if program == "fish" else [program]),
         str(scripts / NAMES[program]), line],
        capture_output=True, text=True, timeout=HUNG, cwd=scripts, check=False,
        env={"PATH": f"{scripts}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(scripts),
             "TERM": "dumb"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr or program == "zsh"
    return done.stdout


@pytest.mark.parametrize(("line", "words"), CASES)
def test_bash_finishes_the_words(line: str, words: set[str], scripts: Path) -> None:
    assert set(shell("bash", BASH, scripts, line).split()) == words


@pytest.mark.parametrize(("line", "words"), CASES)
def test_fish_finishes_the_words(line: str, words: set[str], scripts: Path) -> None:
    assert words <= set(shell("fish", FISH, scripts, line).split())


def test_bash_knows_which_function_finishes_kogge(scripts: Path) -> None:
    told = shell("bash", 'source "$1"; complete -p kogge', scripts, "")
    assert told.endswith(" kogge\n")


@pytest.mark.parametrize(("line", "words"), [CASES[0], CASES[2], CASES[3], CASES[4], CASES[7]])
def test_zsh_finishes_the_words(line: str, words: set[str], scripts: Path) -> None:
    (word,) = words
    assert word in shell("zsh", ZSH, scripts, line)


@pytest.mark.parametrize("program", ["bash", "fish"])
def test_devices_that_nobody_may_tell_of_are_no_error(program: str, tmp_path: Path) -> None:
    """Where nothing runs, say, or for who is not of the group."""
    (tmp_path / NAMES[program]).write_text(kogge("completion", program).stdout, encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kogge").write_text("#!/bin/sh\necho kogge: no daemon >&2; exit 69\n")
    (tmp_path / "bin" / "kogge").chmod(0o755)
    script = {"bash": BASH, "fish": FISH}[program]
    assert shell(program, script, tmp_path, "kogge devices show b").strip() == ""


def test_another_shell_is_usage() -> None:
    assert kogge("completion", "powershell").returncode == 64


def test_words_of_the_script_are_german_where_that_is_spoken(scripts: Path) -> None:
    said = kogge("--lang", "de", "completion", "fish").stdout
    assert "alle 2 s neu, bis Strg-C" in said
    assert "again every 2 s" not in said


def test_completion_alone_brings_in_what_makes_it() -> None:
    assert "shtab" in loaded_by("completion", "bash")
    assert "shtab" not in loaded_by("status", "--socket", "/absent")
