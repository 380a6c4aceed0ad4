"""Tables of devices as spreadsheets write them."""

import csv
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codecs.catalogue import Catalogue
from gateway.devices import devices_toml, spreadsheet
from gateway.errors import ConfigError
from gateway.files import shipped

CATALOGUE = Catalogue.load(shipped())
KEY = "000102030405060708090a0b0c0d0e0f"
PLAIN = f"""dev_eui,name,join_eui,app_key,depth,adr
70b3d57ed0000001,bin,70b3d57ed0000000,{KEY},1.2,false
"""
DEVICE = {
    "dev_eui": "70b3d57ed0000001", "name": "bin", "join_eui": "70b3d57ed0000000", "app_key": KEY,
    "depth": 1.2, "adr": False,
}  # fmt: skip
AS_EXCEL_HAS_IT = (
    "DevEUI;Name;AppEUI;AppKey;Depth;ADR\r\n"
    f"70-B3-D5-7E-D0-00-00-01;bin;70 B3 D5 7E D0 00 00 00;{KEY.upper()};1,2;FALSCH\r\n;;;;;\r\n"
)


def written(directory: Path, data: bytes) -> Path:
    file = directory / "devices.csv"
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.replace(",", "\t").encode("utf-16"),
        AS_EXCEL_HAS_IT.encode("utf-8-sig"),
        AS_EXCEL_HAS_IT.encode("cp1252"),
        b"\r\n" + AS_EXCEL_HAS_IT.encode(),
        b"sep=;\r\n" + AS_EXCEL_HAS_IT.encode("cp1252"),
        ("SEP=;\r\n" + AS_EXCEL_HAS_IT).encode("utf-8-sig"),
        AS_EXCEL_HAS_IT.replace("bin;", '"bin";').replace("1,2;", '"1,2";').encode(),
    ],
    ids=[
        "plain",
        "utf-16 with tabs",
        "excel utf-8",
        "excel ansi",
        "empty line first",
        "excel sep",
        "excel sep and utf-8",
        "excel quoted",
    ],
)
def test_table_of_any_spreadsheet_is_read(tmp_path: Path, data: bytes) -> None:
    assert spreadsheet.load(written(tmp_path, data)).devices == [DEVICE]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    lines = [line.split(",") for line in PLAIN.splitlines()]
    for turn in range(len(lines[0])):
        text = "\n".join(",".join(line[turn:] + line[:turn]) for line in lines)
        assert spreadsheet.load(written(tmp_path, text.encode())).devices == [DEVICE]


def test_what_the_device_file_refuses_is_told_by_its_line(tmp_path: Path) -> None:
    head, row = PLAIN.splitlines()
    wrong = row.replace("0001,", "0002,").replace(KEY, KEY[:-1])
    for text, says in (
        (f"{head}\n\n{row}\n{wrong}\n", ":4: app_key is '31 characters'; write 32 hex digits"),
        (
            f"{head}\n{row}\n\n\n{row.replace(',bin', ',other')}\n",
            ":5: dev_eui is .*; stands twice",
        ),
        (
            f"{head},codec\n{row},cayenelpp\n",
            ":2: codec is 'cayenelpp'; did you mean",
        ),
        (f"{head}\n{row.replace(',bin', ',')}\n", ":2; .*name"),
    ):
        file = written(tmp_path, text.encode())
        table = spreadsheet.load(file)
        with pytest.raises(ConfigError) as found:
            devices_toml.check({"device": table.devices}, file, CATALOGUE)
        assert re.search(says, str(table.placed(found.value))), table.placed(found.value)
        assert KEY[:-1] not in str(found.value)


def test_umlauts_survive_both_codings(tmp_path: Path) -> None:
    text = "dev_eui;name\n70b3d57ed0000001;Müll am Großen Tor\n"
    for coding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        (one,) = spreadsheet.load(written(tmp_path, text.encode(coding))).devices
        assert one["name"] == "Müll am Großen Tor", coding


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("name\nbin\n", "no column dev_eui"),
        ("dev_eui,nmae\n1,2\n", "did you mean name"),
        ("dev_eui,dev_eui\n1,2\n", "stands twice"),
        ("dev_eui,depth\n1,deep\n", ":2: depth is 'deep'; write metres"),
        ("dev_eui,adr\n\n\n1,perhaps\n", ":4: adr is 'perhaps'; write true or false"),
        ("dev_eui,name\n1,2,3\n", ":2; has more fields"),
        ("sep=;\ndev_eui;name\n1;2\n1;2;3\n", ":4; has more fields"),
        ('dev_eui;name\n1;"a\nb"\n7,00000000000012E+15;b\n', ":4: dev_eui; the spreadsheet"),
        ("dev_eui,app_key\n1,1.2E+31\n", ":2: app_key; the spreadsheet has made a number"),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        spreadsheet.load(written(tmp_path, text.encode()))


def test_keys_are_found_by_dev_eui_whatever_else_stands_there(tmp_path: Path) -> None:
    text = f"Serial;Dev EUI;App Key;Price\n17;70B3D57ED0000001;{KEY.upper()};9,90\n"
    file = written(tmp_path, text.encode())
    assert spreadsheet.keys_of(file, "70b3d57ed0000001") == {"app_key": KEY}
    with pytest.raises(ConfigError, match="no line with keys for the device 70b3d57ed0000002"):
        spreadsheet.keys_of(file, "70b3d57ed0000002")


NAME = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAME, st.floats(0.01, 50)), max_size=5))
def test_what_is_written_is_read_again(tmp_path: Path, found: list[tuple[str, float]]) -> None:
    devices = [
        {"dev_eui": f"{n:016x}", "name": name, "depth": depth, "adr": False}
        for n, (name, depth) in enumerate(found)
    ]
    text = spreadsheet.text_of(devices)
    assert spreadsheet.load(written(tmp_path, text.encode())).devices == devices


STRANGE = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(str.encode),
    st.text(max_size=200).map(lambda text: f"dev_eui;name;depth\n{text}".encode()),
    st.text("\"';,\n\r\t\0a1", max_size=60).map(lambda text: f"dev_eui,name\n{text}".encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STRANGE)
def test_strangers_bytes_are_a_table_or_refused(tmp_path: Path, data: bytes) -> None:
    file = written(tmp_path, data)
    with suppress(ConfigError):
        devices_toml.check({"device": spreadsheet.load(file).devices}, file, CATALOGUE)


def test_field_larger_than_csv_takes_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, b"dev_eui,name\n1," + b"x" * (csv.field_size_limit() + 1))
    with pytest.raises(ConfigError, match="is no table"):
        spreadsheet.load(file)
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        spreadsheet.load(written(tmp_path, b" " * (spreadsheet.LARGEST + 1)))
