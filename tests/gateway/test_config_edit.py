"""kogge.toml is changed key by key, and what else stands in it stays to the byte."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config, config_edit, file_edit
from gateway.config_edit import change, typed, with_key
from gateway.errors import ConfigError

TEXT = """# our lamp post

[gateway]
name = "corner"        # for people
[mqtt]   # the city
# batch_seconds = 7 was too slow
url = 'mqtts://city.example#1'  # "the" city's # own
"batch_seconds" = 1
fallback_urls = [   # in this order
  "mqtts://b",  # [the] second
  "mqtts://c",
]  # no more

# who may come in
[lorawan]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "devices.toml").touch()
    one = tmp_path / "kogge.toml"
    one.write_text(TEXT, encoding="utf-8")
    one.chmod(0o640)
    return one


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("gateway.name", "Süd", 'name = "corner"        # f', 'name = "Süd"           # f'),
        ("gateway.name", "x" * 20, 'name = "corner"        # f', f'name = "{"x" * 20}"  # f'),
        ("mqtt.batch_seconds", "2.5", '"batch_seconds" = 1\n', '"batch_seconds" = 2.5\n'),
        ("mqtt.url", "mqtts://d", "'mqtts://city.example#1'  #", '"mqtts://d"               #'),
        ("mqtt.order", "strict", "]  # no more\n", ']  # no more\norder = "strict"\n'),
        ("lorawan.join", "closed", "[lorawan]\n", '[lorawan]\njoin = "closed"\n'),
        ("store.max_mib", "64", "[lorawan]\n", "[lorawan]\n\n[store]\nmax_mib = 64\n"),
        (
            "mqtt.fallback_urls", "[]",
            TEXT[TEXT.index("[   # in") : TEXT.index("  # no more")], "[]",
        ),
    ],
)  # fmt: skip
def test_key_is_set_where_it_stands_and_all_else_stays(
    key: str, value: str, old: str, new: str, file: Path
) -> None:
    assert TEXT.count(old) == 1
    (done,) = change(file, {key: value})
    assert file.read_text(encoding="utf-8") == TEXT.replace(old, new)
    assert done.key == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("mqtt.protocol", "5", "5"),
        ("mqtt.batch_readings", "5", 5),
        ("mqtt.batch_seconds", "5", 5),
        ("gateway.name", "5", "5"),
        ("gateway.name", "", ""),
        ("mqtt.plain_is_ok", "true", True),
        ("lorawan.rx1_delay", "region", "region"),
        ("lorawan.rx1_delay", "5", 5),
        ("lorawan.join_allow", '["70b3d5"]', ["70b3d5"]),
        ("mqtt.order", "fastest", "fastest"),
    ],
)
def test_what_is_typed_is_read_as_the_key_wants_it(key: str, text: str, value: Any) -> None:
    found = typed(key, text, Path("kogge.toml"))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("key", "near"),
    [("mqtt.in_fligth", "mqtt.in_flight"), ("batch_second", "mqtt.batch_seconds"),
     ("gateway.url", "mqtt.url"), ("xyz.q", "kogge config show")],
)  # fmt: skip
def test_unknown_key_is_refused_with_the_nearest(key: str, near: str, file: Path) -> None:
    with pytest.raises(ConfigError, match=f"there is no such key; .*{near}"):
        change(file, {"gateway.name": "x", key: "1"})
    assert file.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        ({"mqtt.batch_seconds": "soon"}, "mqtt.batch_seconds"),
        ({"mqtt.cert_file": "x.pem"}, "mqtt.cert_file"),
        ({"concentrator.region": "XX"}, "concentrator.region"),
        ({"lorawan.rx2_data_rate": "99"}, "lorawan.rx2_data_rate"),
        ({"concentrator.board": "no-such"}, "concentrator.board"),
        ({"gateway.devices": "none.toml"}, ""),
    ],
)
def test_whole_file_is_checked_before_anything_is_written(
    wanted: dict[str, str], key: str, file: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        change(file, wanted)
    assert refused.value.key == key
    assert file.read_text(encoding="utf-8") == TEXT


def test_keys_that_go_together_are_set_together(file: Path) -> None:
    change(file, {"mqtt.cert_file": "x.pem", "mqtt.key_file": "x.key"})
    assert config.load(file).mqtt.key_file == str(file.parent / "x.key")


def test_wrong_file_is_put_right(file: Path) -> None:
    file.write_text(TEXT.replace("mqtts://city.example#1", "http://wrong"), encoding="utf-8")
    (done,) = change(file, {"mqtt.url": "mqtts://right"})
    assert done.before == "http://wrong"
    assert config.load(file).mqtt.url == "mqtts://right"


@pytest.mark.parametrize(
    "text",
    ['mqtt.url = "mqtts://a"\n', 'mqtt = {url = "mqtts://a"}\n', '["mqtt"]\nurl = """\na"""'],
)
def test_what_is_written_otherwise_is_left_to_its_operator(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"edit it by hand|write mqtts"):
        change(file, {"mqtt.order": "strict", "gateway.name": "x"})
    assert file.read_text(encoding="utf-8") == text


def test_link_stays_a_link_and_windows_lines_stay(file: Path) -> None:
    real = file.rename(file.with_name("real.toml"))
    file.symlink_to(real)
    real.write_bytes(b'[gateway]\r\nname = "a"  # b\r\n')
    change(file, {"gateway.name": "c"})
    assert file.is_symlink()
    assert real.read_bytes() == b'[gateway]\r\nname = "c"  # b\r\n'


@given(st.text(max_size=40), st.text(alphabet="#\"[]=\\\n\t ' x\u2028", max_size=20))
def test_any_text_goes_in_and_comes_out(name: str, comment: str) -> None:
    lines = "".join(f"# {line}\n" for line in comment.split("\n") if line.isprintable())
    text = f'{lines}[gateway]\n{lines}place = "p" {lines or chr(10)}[store]\n'
    new = with_key(with_key(text, "gateway", "name", name), "gateway", "place", name)
    assert tomllib.loads(new) == {"gateway": {"place": name, "name": name}, "store": {}}
    assert new.count("#") == text.count("#") + 2 * name.count("#")


def test_every_key_of_the_shipped_file_is_set_to_what_it_is(tmp_path: Path) -> None:
    """Nothing changes: not a byte."""
    from gateway.files import shipped
    from gateway.live_config import flat

    text = (shipped() / "kogge.toml").read_text(encoding="utf-8")
    for key, value in flat(tomllib.loads(text)).items():
        table, _, name = key.partition(".")
        assert with_key(text, table, name, value) == text, key
        assert config_edit.shape_of(key, tmp_path)


def test_brackets_without_end_are_refused_as_a_value_and_as_a_file(file: Path) -> None:
    deep = "[" * 100_000
    with pytest.raises(ConfigError):
        change(file, {"mqtt.fallback_urls": deep})
    assert file.read_text() == TEXT
    file.write_text(f"{TEXT}x = {deep}")
    with pytest.raises(ConfigError, match="nested too deep"):
        change(file, {"gateway.name": "corner"})
    with pytest.raises(ConfigError, match="nested too deep"):
        file_edit.tables(f"x = {deep}", file)
