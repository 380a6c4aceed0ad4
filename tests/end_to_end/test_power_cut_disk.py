"""The disk that forgets: what real processes write is followed, and forgotten by the rules."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from power_cut.disk import SECTOR, Disk
from power_cut.trials import build_recorder, put, record

A, B, C = (letter * SECTOR for letter in (b"a", b"b", b"c"))
OPEN = "import os; f = os.open('{0}/f', os.O_RDWR | os.O_CREAT); "
SYNC_DIRECTORY = "; d = os.open('{0}', os.O_RDONLY); os.fsync(d)"
SEEDS = 400

Images: TypeAlias = list[dict[str, bytes]]
After: TypeAlias = Callable[..., Images]


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture
def after(recorder: Path, tmp_path: Path) -> After:
    """What power cuts may leave when this program has run, with these files safe before."""

    def images(program: str, before: dict[str, bytes] | None = None) -> Images:
        directory = tmp_path / "disk"
        put(directory, before or {})
        recording = record(recorder, directory, "-c", program.format(directory))
        disk = Disk(recording.before)
        for entry in recording.entries:
            disk.do(entry)
        return [disk.image(Random(seed)) for seed in range(SEEDS)]

    return images


def contents(images: Images, name: str = "f") -> set[bytes | None]:
    return {image.get(name) for image in images}


def test_synced_bytes_are_there_whatever_happens(after: After) -> None:
    program = OPEN + "os.write(f, b'new'); os.fdatasync(f); os.close(f)" + SYNC_DIRECTORY
    assert contents(after(program)) == {b"new"}


def test_bytes_that_were_not_synced_arrive_by_sectors_in_any_order(after: After) -> None:
    found = contents(after(OPEN + f"os.pwrite(f, {B + B + B!r}, 0)", {"f": A + A + A}))
    assert found == {x + y + z for x in (A, B) for y in (A, B) for z in (A, B)}


def test_sector_may_stay_as_it_was_at_any_time_since_the_sync(after: After) -> None:
    program = (
        OPEN
        + f"os.pwrite(f, {B!r}, 0); os.fsync(f); os.pwrite(f, {C!r}, 0); os.pwrite(f, {A!r}, 0)"
    )
    assert contents(after(program, {"f": A})) == {A, B, C}


def test_write_inside_a_sector_keeps_the_rest_of_it(after: After) -> None:
    found = contents(after(OPEN + "os.pwrite(f, b'xy', 511)", {"f": A + A}))
    first, second = {A, A[:-1] + b"x"}, {A, b"y" + A[1:]}
    assert found == {x + y for x in first for y in second}


def test_size_without_data_shows_zeros_or_what_was_there_before(after: After) -> None:
    found = contents(after(OPEN + f"os.pwrite(f, {B!r}, {SECTOR})", {"f": A}))
    assert {A, A + B, A + bytes(SECTOR)} < found
    assert all(content is not None and content.startswith(A) for content in found)
    assert len(found) > 10


def test_cut_file_may_be_as_long_as_before(after: After) -> None:
    found = contents(after(OPEN + "os.ftruncate(f, 1)", {"f": A}))
    assert found == {A, b"a", b"a" + bytes(SECTOR - 1)}


def test_new_file_is_there_for_good_only_when_its_directory_is_synced(after: After) -> None:
    program = OPEN + "os.write(f, b'new'); os.fsync(f)"
    assert contents(after(program)) == {None, b"new"}
    assert contents(after(program + SYNC_DIRECTORY)) == {b"new"}


def test_synced_directory_does_not_save_a_file_s_bytes(after: After) -> None:
    assert {b"", b"new"} < contents(after(OPEN + "os.write(f, b'new')" + SYNC_DIRECTORY))


def test_file_takes_another_s_place_as_a_whole_or_not_at_all(after: After) -> None:
    program = (
        "import os; f = os.open('{0}/g', os.O_RDWR | os.O_CREAT); os.write(f, b'new');"
        " os.fsync(f); os.replace('{0}/g', '{0}/f')"
    )
    images = after(program, {"f": b"old"})
    assert contents(images) == {b"old", b"new"}
    assert contents(after(program + SYNC_DIRECTORY, {"f": b"old"})) == {b"new"}
    assert {b"new", None} == contents(images, "g")


def test_deleted_file_may_come_back(after: After) -> None:
    program = "import os; os.unlink('{0}/f')"
    assert contents(after(program, {"f": A})) == {A, None}
    assert contents(after(program + SYNC_DIRECTORY, {"f": A})) == {None}


def test_write_that_the_recorder_does_not_see_is_noticed(after: After) -> None:
    with pytest.raises(AssertionError, match="does not see"):
        after(OPEN + "os.writev(f, [b'new'])")
