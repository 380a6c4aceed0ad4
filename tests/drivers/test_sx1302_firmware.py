"""Firmware images: what is refused, and that the refusal says what to do."""

from pathlib import Path

import pytest

from drivers.concentrator import ChipError
from drivers.sx1302 import firmware

AGC, ARB = bytes(8192), bytes(range(256)) * 32
KNOWN = {firmware.AGC_FILE: firmware.digest(AGC), firmware.ARB_FILE: firmware.digest(ARB)}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "agc_fw_sx1250.bin").write_bytes(AGC)
    (tmp_path / "arb_fw.bin").write_bytes(ARB)
    return tmp_path


def test_known_images_are_loaded_as_verified(directory: Path) -> None:
    assert firmware.load(directory, known=KNOWN) == firmware.Firmware(AGC, ARB, verified=True)


@pytest.mark.parametrize("name", ["agc_fw_sx1250.bin", "arb_fw.bin"])
def test_missing_image_says_what_to_do(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(ChipError, match=rf"{name}.*sx1302_hal 2\.1\.0.*`kogge firmware import"):
        firmware.load(directory, check=False)


def test_image_of_wrong_size_is_refused_even_unchecked(directory: Path) -> None:
    (directory / "arb_fw.bin").write_bytes(ARB[:-1])
    with pytest.raises(ChipError, match="8191 bytes instead of 8192"):
        firmware.load(directory, check=False)


def test_unknown_image_is_refused_with_its_digest(directory: Path) -> None:
    with pytest.raises(ChipError, match=firmware.digest(AGC)):
        firmware.load(directory)


def test_unknown_image_passes_unchecked_but_not_as_verified(directory: Path) -> None:
    assert not firmware.load(directory, check=False).verified
    assert firmware.load(directory, check=False, known=KNOWN).verified
