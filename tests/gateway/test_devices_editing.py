"""devices.toml is edited, and what else stands in it stays to the byte."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.catalogue import Catalogue
from gateway.devices import devices_toml, editing
from gateway.errors import ConfigError
from gateway.files import shipped

CATALOGUE = Catalogue.load(shipped())
KEY = "000102030405060708090a0b0c0d0e0f"
NEW = {
    "dev_eui": "70b3d57ed0000009",
    "name": 'Tonne "9" \\ Süd',
    "join_eui": "0" * 16,
    "app_key": KEY,
}
TEXT = f"""# our street

# the first one, on the corner
[[device]]
dev_eui = "70b3d57ed0000001"     # printed inside
name = "corner"
join_eui = "70b3d57ed0000000"
app_key = "{KEY}"

# beside the tree:
# it is shaded
  [[ device ]]
dev_eui = "70b3d57ed0000002"
name = 'tree'
dev_addr = "26011bda"
nwk_s_key = "{KEY}"
app_s_key = "{KEY}"
# all of them
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    one = tmp_path / "devices.toml"
    one.write_text(TEXT, encoding="utf-8")
    one.chmod(0o640)
    return one


def euis(file: Path) -> list[str]:
    return [f"{one.dev_eui:016x}" for one in devices_toml.load(file, CATALOGUE)]


def test_added_device_stands_at_the_end_and_all_else_as_it_was(file: Path) -> None:
    editing.add(file, [NEW], CATALOGUE)
    text = file.read_text(encoding="utf-8")
    assert text.startswith(TEXT)
    assert tomllib.loads(text)["device"][2] == NEW


def test_removed_device_takes_its_own_comment_with_it(file: Path) -> None:
    editing.remove(file, "70b3d57ed0000002", CATALOGUE)
    assert file.read_text(encoding="utf-8") == TEXT[: TEXT.index("# beside the tree")]


def test_removed_first_device_leaves_the_others_and_the_head(file: Path) -> None:
    editing.remove(file, "70b3d57ed0000001", CATALOGUE)
    text = file.read_text(encoding="utf-8")
    assert text == "# our street\n\n" + TEXT[TEXT.index("# beside the tree") :]


def test_head_right_above_the_first_device_stays(file: Path) -> None:
    file.write_text(TEXT.replace("our street\n\n", "our street\n"), encoding="utf-8")
    editing.remove(file, "70b3d57ed0000001", CATALOGUE)
    assert file.read_text(encoding="utf-8").startswith("# our street\n")


def test_add_and_remove_is_nothing_but_a_line(file: Path) -> None:
    editing.add(file, [NEW], CATALOGUE)
    editing.remove(file, NEW["dev_eui"], CATALOGUE)
    assert file.read_text(encoding="utf-8").strip() == TEXT.strip()


def test_line_endings_of_others_stay(file: Path) -> None:
    file.write_bytes(TEXT.replace("\n", "\r\n").encode())
    editing.add(file, [NEW], CATALOGUE)
    assert file.read_bytes().startswith(TEXT.replace("\n", "\r\n").encode())


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_mode_stays_as_it_was(file: Path, mode: int) -> None:
    file.chmod(mode)
    editing.add(file, [NEW], CATALOGUE)
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert list(file.parent.iterdir()) == [file]


def test_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    editing.add(link, [NEW], CATALOGUE)
    assert link.is_symlink()
    assert NEW["dev_eui"] in euis(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dev_eui": "70b3d57ed0000001"}, "stands twice: corner"),
        ({"codec": "bosch/tps110-0229"}, "did you mean bosch/tps110-0292"),
        ({"app_key": "0011"}, "4 characters.*write 32 hex digits"),
        ({"app_key": ""}, "0 characters"),
        ({"nmae": "x"}, "edited here|no such key"),
        ({"lorawan": "2.0"}, "possible are 1.0.2"),
    ],
)
def test_what_is_refused_changes_nothing(file: Path, change: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        editing.add(file, [NEW | change], CATALOGUE)
    assert KEY not in str(error.value)
    assert file.read_text(encoding="utf-8") == TEXT


def test_file_that_cannot_be_cut_is_left_to_its_author(file: Path) -> None:
    eui = "70b3d57ed0000001"
    inline = f'dev_eui = "{eui}", name = "a", join_eui = "{eui}", app_key = "{KEY}"'
    text = f"device = [{{{inline}}}]\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="by hand"):
        editing.remove(file, "70b3d57ed0000001", CATALOGUE)
    with pytest.raises(ConfigError, match="by hand"):
        editing.add(file, [NEW], CATALOGUE)
    assert file.read_text(encoding="utf-8") == text


def test_header_inside_a_text_is_none(file: Path) -> None:
    text = TEXT.replace('name = "corner"', 'name = """\n[[device]]\n"""')
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="by hand"):
        editing.remove(file, "70b3d57ed0000002", CATALOGUE)
    assert file.read_text(encoding="utf-8") == text


def test_removing_what_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(ConfigError, match="no device in it has this DevEUI"):
        editing.remove(file, "70b3d57ed0000003", CATALOGUE)


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        editing.add(tmp_path / "devices.toml", [NEW], CATALOGUE)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, TEXTS, st.floats(0.001, 1e6), st.booleans())
def test_any_text_becomes_toml(name: str, place: str, depth: float, adr: bool) -> None:
    device = {"dev_eui": "0" * 16, "name": name, "place": place, "depth": depth, "adr": adr}
    assert tomllib.loads(editing.table(device)) == {"device": [device]}
