"""Where the control socket is, mistakes told in a sentence; which files everybody may read."""

import tempfile
from pathlib import Path

import pytest

from gateway import config
from gateway.cli import EX_CONFIG, main
from gateway.errors import ConfigError
from gateway.files import DEFAULT_CONTROL_SOCKET, control_socket, is_public, read_toml


@pytest.mark.parametrize("text", ["", "[gateway]\n", '[mqtt]\nurl = "mqtts://city:8883"\n'])
def test_control_socket_that_is_not_named_is_the_default(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text(text)
    assert str(control_socket(file)) == DEFAULT_CONTROL_SOCKET


@pytest.mark.parametrize("path", ["kogge.sock", "run/kogge.sock", "/run/other.sock"])
def test_asker_and_daemon_find_the_same_control_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text(f'[gateway]\ncontrol_socket = "{path}"\n')
    monkeypatch.chdir(tmp_path)
    for given in (file, Path("kogge.toml")):
        assert str(control_socket(given)) == config.load(given).gateway.control_socket
        assert control_socket(given) == tmp_path / path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "there is no such file; start from "),
        (b"[gateway\n", "is not valid TOML"),
        (b"\xff", "is not UTF-8 text (byte 0)"),
        (b"gateway = 3\n", "gateway is 3; write it as a table"),
        (b"[[gateway]]\n", "write it as a table"),
        (b"[gateway]\ncontrol_socket = 7\n", "gateway.control_socket is 7; write a path"),
    ],
)
@pytest.mark.parametrize("verb", ["status", "watch"])
def test_file_that_names_no_socket_is_a_sentence_and_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, text: bytes | None, told: str
) -> None:
    file = tmp_path / "kogge.toml"
    if text is not None:
        file.write_bytes(text)
    assert main([verb, "--config", str(file)]) == EX_CONFIG
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"kogge: {file}")
    assert told in captured.err
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("mode", "above", "public"),
    [(0o644, 0o755, True), (0o640, 0o755, False), (0o644, 0o750, False)],
)
def test_file_is_public_if_everybody_gets_to_it(mode: int, above: int, public: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:  # pytest's own is private
        file = Path(directory) / "devices.toml"
        file.touch()
        file.chmod(mode)
        file.parent.chmod(above)
        assert is_public(file) == public


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="nested too deep"):
        read_toml(file)
