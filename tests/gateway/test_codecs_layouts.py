"""[layout] of a device file: what may stand there, and what an error says."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.codecs.catalogue import Catalogue
from gateway.codecs.layouts import SHARED, FieldTable, LayoutTable
from gateway.errors import ConfigError
from gateway.files import shipped

HEAD = """
vendor = "Anyone"
model = "Any"
codecs = ["anyone/any"]
lorawan = "1.0.3"
class = "A"
ports = [5]
interval_s = 600
measurement = [{ name = "distance", field = "far" }]
"""
FRAME = """
[[layout.frame]]
ports = [5]
fields = [{ name = "far", bytes = 2 }, { name = "state", at = 2, words = "yes" }]
"""


def catalogue(directory: Path, text: str) -> Catalogue:
    (directory / "devices").mkdir()
    (directory / "vocabulary.toml").write_bytes((shipped() / "vocabulary.toml").read_bytes())
    (directory / "devices" / "any.toml").write_text(text)
    return Catalogue.load(directory)


def test_operators_table_is_a_codec(tmp_path: Path) -> None:
    codec = catalogue(tmp_path, HEAD + FRAME).codec("anyone/any")
    assert codec.output(5, b"\x00\x07\x01") == {"data": {"far": 7, "state": "yes"}}
    assert codec.decode(5, b"\x00\x07\x01").measurements == {"distance": 7.0}
    assert codec.output(6, b"") == {"errors": ["unknown FPort"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bytes = 2", "bytes = 9", r"fields\[1\].bytes is 9"),
        ("bytes = 2", "byte = 2", "there is no such key"),
        ("bytes = 2", "divide = 0", "far: no such bytes, bits or division"),
        ('"yes"', '"ja"', "there are no words 'ja'; known are enable, yes"),
        ("[[layout.frame]]", "[milesight]\nchannel = []\n[[layout.frame]]", "more than one table"),
    ],
)
def test_wrong_table_says_where_and_what(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = catalogue(tmp_path, HEAD + FRAME.replace(old, new))
    with pytest.raises(ConfigError, match=message) as raised:
        found.codec("anyone/any")
    assert raised.value.file == str(tmp_path / "devices" / "any.toml")


def test_file_is_read_when_its_codec_is_asked_for(tmp_path: Path) -> None:
    found = catalogue(tmp_path, HEAD + "this is no TOML")
    assert found.names() == ["anyone/any"]
    with pytest.raises(ConfigError, match="is not valid TOML"):
        found.codec("anyone/any")


def test_order_of_the_table_is_that_of_its_fields_unless_they_say_otherwise() -> None:
    table = msgspec.convert(
        {
            "order": "little",
            "frame": [
                {
                    "fields": [
                        {"name": "a", "bytes": 2},
                        {"name": "b", "bytes": 2, "order": "big"},
                    ]
                }
            ],
        },
        LayoutTable,
    )
    assert table.decode()(1, b"\x01\x02") == {"data": {"a": 0x201, "b": 0x102}}


@pytest.mark.parametrize(
    ("raw", "zone"),
    [(0, "UTC"), (10, "UTC+1"), (55, "UTC+5:30"), (57, "UTC+5:45"), (-35, "UTC-3:30")],
)
def test_time_zones_are_in_tenths_of_an_hour(raw: int, zone: str) -> None:
    assert SHARED["time_zone"][str(raw)] == zone
    field = FieldTable(name="zone", size=2, signed=True, words="time_zone")
    frame = msgspec.convert({"frame": [{}]}, LayoutTable).frame[0]
    table = LayoutTable([msgspec.structs.replace(frame, fields=[field])])
    assert table.decode()(1, raw.to_bytes(2, "big", signed=True)) == {"data": {"zone": zone}}


def test_modules_of_families_that_no_device_has_are_not_imported() -> None:
    program = (
        "import sys\n"
        "from gateway.codecs.catalogue import Catalogue\n"
        "from gateway.files import shipped\n"
        "Catalogue.load(shipped()).codec('bosch/tps110-0292')\n"
        "families = {'elsys', 'nwave', 'dragino', 'milesight', 'decentlab', 'cayennelpp'}\n"
        "print(sorted(f for f in families if f'native.{f}' in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
