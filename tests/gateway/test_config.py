"""kogge.toml: every key has its place in the file, every wrong one an answer."""

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway import config, files
from gateway.errors import ConfigError

PLAIN = '[mqtt]\nurl = "mqtt://localhost"\nplain_is_ok = true\n'


def write(directory: Path, text: str) -> Path:
    file = directory / "kogge.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(directory: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.load(write(directory, text))
    return caught.value


def test_shipped_file_shows_every_key_with_its_default() -> None:
    shown = tomllib.loads((files.shipped() / "kogge.toml").read_text(encoding="utf-8"))
    assert shown == msgspec.to_builtins(config.Config())


def test_every_key_of_the_shipped_file_has_a_comment() -> None:
    lines = (files.shipped() / "kogge.toml").read_text(encoding="utf-8").splitlines()
    undocumented = {line.split("=")[0].strip() for line in lines if "=" in line and "#" not in line}
    assert undocumented == set()


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = config.load(
        write(tmp_path, f'[gateway]\nstate_dir = "state"\n{PLAIN}password_file = "secret"\n')
    )
    assert found.gateway.state_dir == str(tmp_path / "state")
    assert found.gateway.devices == str(tmp_path / "devices.toml")
    assert found.gateway.control_socket == "/run/kogge/kogge.sock"
    assert found.concentrator.firmware_dir == str(tmp_path / "state" / "firmware")
    assert found.mqtt.password_file == str(tmp_path / "secret")
    assert found.mqtt.ca_file == ""


def test_wrong_type_names_file_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    error = refused(tmp_path, f'{PLAIN}batch_readings = "many"\n')
    assert error.key == "mqtt.batch_readings"
    assert error.value == "many"
    assert str(tmp_path / "kogge.toml") in str(error)
    assert "int" in str(error)


def test_unknown_key_offers_the_one_that_was_meant(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{PLAIN}in_fligth = 5\n")
    assert error.key == "mqtt.in_fligth"
    assert "did you mean 'in_flight'?" in str(error)


def test_unknown_table_lists_what_there_is(tmp_path: Path) -> None:
    error = refused(tmp_path, "[zzz]\na = 1\n")
    assert error.key == "zzz"
    assert "concentrator" in str(error)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[gateway]\neui = "70B3D57ED0000001"\n', "gateway.eui"),
        ("[gateway]\nlatitude = 91.0\n", "gateway.latitude"),
        ("[store]\nwindow = 0.0\n", "store.window"),
        ('[lorawan]\nnet_id = "0x0013"\n', "lorawan.net_id"),
        ('[lorawan]\njoin = "never"\n', "lorawan.join"),
        ('[lorawan]\njoin_allow = ["70B3D5"]\n', "lorawan.join_allow[1]"),
        ('[lorawan]\njoin_allow = ["70b3d57ed00000011"]\n', "lorawan.join_allow[1]"),
        ('[lorawan]\njoin_allow = [""]\n', "lorawan.join_allow[1]"),
        ("[lorawan]\njoins_per_minute = 0\n", "lorawan.joins_per_minute"),
        ('[mqtt]\nprotocol = "4"\n', "mqtt.protocol"),
        ('[mqtt]\nurl = "mqtt://localhost"\n', "mqtt.url"),
        ('[mqtt]\nurl = "http://localhost"\n', "mqtt.url"),
        ('[mqtt]\nurl = "mqtts://host:99999"\n', "mqtt.url"),
        ('[mqtt]\nurl = "mqtts://user:pw@host"\n', "mqtt.url"),
        ('[mqtt]\ncert_file = "a.pem"\n', "mqtt.cert_file"),
        ('[mqtt]\nformat = "senml+xml"\n', "mqtt.format"),
        ('[mqtt]\ncompression = "gzip"\n', "mqtt.compression"),
        ('[mqtt]\ntopic_prefix = "a/#"\n', "mqtt.topic_prefix"),
    ],
)
def test_impossible_value_is_refused_by_key(tmp_path: Path, text: str, key: str) -> None:
    assert refused(tmp_path, text).key == key


@pytest.mark.parametrize(
    "url", ["mqtts://user:pw-0815@host", "user:pw-0815@host", "mqtts://u:pw-0815@["]
)
def test_password_in_the_url_is_not_shown(tmp_path: Path, url: str) -> None:
    error = refused(tmp_path, f'[mqtt]\nurl = "{url}"\n')
    assert error.key == "mqtt.url"
    assert "pw-0815" not in str(error)
    assert "password_file" in str(error)


def test_unknown_key_in_a_table_that_may_be_left_out_is_named_too() -> None:
    plan = {"service": {"radio": 0, "offset": 0, "bandwidth": 125_000, "sf": 7, "sff": 7}}

    class Service(msgspec.Struct, forbid_unknown_fields=True):
        radio: int
        offset: int
        bandwidth: int
        sf: int

    class Plan(msgspec.Struct):
        service: Service | None = None

    with pytest.raises(ConfigError, match=r"service\.sff.*did you mean 'sf'"):
        config.convert(plan, Plan, Path("plan.toml"))


@pytest.mark.parametrize(
    ("port", "found"),
    [("board", "{}/board"), ("/dev/ttyACM0", "/dev/ttyACM0"), ("socket://a:1", "socket://a:1")],
)
def test_port_is_a_path_relative_to_the_file_or_a_url(
    tmp_path: Path, port: str, found: str
) -> None:
    loaded = config.load(write(tmp_path, f'[concentrator]\nport = "{port}"\n{PLAIN}'))
    assert loaded.concentrator.port == found.format(tmp_path)


def test_empty_port_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, f'[concentrator]\nport = ""\n{PLAIN}')
    assert error.key == "concentrator.port"


def test_missing_file_says_where_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file; start from .*(config|shipped)"):
        config.load(tmp_path / "absent.toml")


@pytest.mark.parametrize("data", [b"[mqtt\n", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "kogge.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=r"kogge\.toml"):
        config.load(file)


def test_packet_forwarder_port_is_taken_as_it_is(tmp_path: Path) -> None:
    port = "udp://127.0.0.1:1700?eui=0016c001f0000001"
    found = config.load(write(tmp_path, f'[concentrator]\nport = "{port}"\n{PLAIN}'))
    assert found.concentrator.port == port


def test_packet_forwarder_port_that_is_none_says_what_is_allowed(tmp_path: Path) -> None:
    error = refused(tmp_path, f'[concentrator]\nport = "udp://127.0.0.1"\n{PLAIN}')
    assert (error.key, error.value) == ("concentrator.port", "udp://127.0.0.1")
    assert "write udp://HOST:PORT" in str(error)


SECRET = re.compile("pass|secret|token|key")


def test_what_the_city_is_told_has_no_secret() -> None:
    """The paths of files that hold one are told; no key of the configuration holds one itself."""
    secret = [
        f"{table}.{key}"
        for table, values in config.told(config.Config()).items()
        for key in values
        if SECRET.search(key) and not key.endswith("_file")
    ]
    assert secret == []


def test_city_that_knows_pseudonyms_is_not_told_which_dev_euis_may_join() -> None:
    """A beginning of 16 digits is a whole one."""
    found = config.Config(lorawan=config.Lorawan(join_allow=["70b3d57ed0000001"]))
    assert config.told_to_city(found) == config.told(found)
    found.mqtt.device_names = "pseudonym"
    assert "70b3d57ed0000001" not in json.dumps(config.told_to_city(found))


def test_contents_of_files_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse")
    file = write(tmp_path, PLAIN + 'password_file = "password"\n')
    tables = config.told(config.load(file))
    assert tables["mqtt"]["password_file"] == str(tmp_path / "password")
    assert "horse" not in json.dumps(tables)


@pytest.mark.parametrize(
    "line", ['url = "mqtt://city.example"', 'fallback_urls = ["mqtt://city.example"]']
)
def test_line_without_encryption_has_to_be_said_twice(tmp_path: Path, line: str) -> None:
    assert config.Config().mqtt.url.startswith("mqtts://"), "nothing is said: it is encrypted"
    assert not config.Config().mqtt.plain_is_ok
    error = refused(tmp_path, f"[mqtt]\n{line}\n")
    assert "not encrypted" in str(error)
    said_twice = write(tmp_path, f"[mqtt]\n{line}\nplain_is_ok = true\n")
    assert "city.example" in repr(config.load(said_twice).mqtt)
