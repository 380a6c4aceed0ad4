"""Every secret that this user can read here is looked for."""

from pathlib import Path

import pytest

from gateway.report.secrets import known

KEY, OTHER = bytes(range(16)), bytes(range(16, 32))
SEALING = bytes(range(200, 232))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "kogge.key").write_text(SEALING.hex())
    (tmp_path / "password").write_text("of the broker\n")
    (tmp_path / "tls.key").write_text("-----BEGIN PRIVATE KEY-----\nMIIEow\n")
    (tmp_path / "devices.toml").write_text(
        f'[[device]]\nname = "a"\napp_key = "{KEY.hex()}"\n'
        f'[[device]]\nname = "b"\nnwk_s_key = "{OTHER.hex()}"\n'
    )
    file = tmp_path / "kogge.toml"
    file.write_text(
        '[gateway]\nstate_dir = "state"\n[mqtt]\nurl = "mqtts://joe:a%20b@broker"\n'
        'fallback_urls = ["mqtt://x:second@y"]\nusername = "token-user"\n'
        'password_file = "password"\nkey_file = "tls.key"\npassword = "in the open"\n'
    )
    return file


def test_secrets_of_all_files_and_of_the_environment_are_known(config: Path) -> None:
    credentials = config.parent / "credentials"
    credentials.mkdir()
    (credentials / "mqtt-password").write_text("of systemd\n")
    found = set(known(config, {"HOME": "/root", "BROKER_PASSWORD": "env"}, credentials))
    assert found >= {
        KEY, OTHER, KEY.hex().encode(), SEALING, b"joe", b"a b", b"second", b"token-user",
        b"of the broker", b"MIIEow", b"in the open", b"env",
        b"of systemd",
    }  # fmt: skip
    assert b"/root" not in found
    assert b"password" not in found, "the name of a file is none"


@pytest.mark.parametrize("name", ["kogge.toml", "devices.toml"])
def test_file_that_is_no_toml_is_searched_by_its_lines(config: Path, name: str) -> None:
    file = config.with_name(name)
    file.write_text(file.read_text() + "\nthis is [no TOML\n")
    found = set(known(config, {}))
    assert found >= {KEY, OTHER, b"token-user", b"in the open", b"joe"}


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert [one for one in known(tmp_path / "kogge.toml", {}) if one] == []
