"""Finding and installing images; the known digests are an argument, so the images are made up."""

from pathlib import Path

import pytest

from drivers.sx1302 import firmware, firmware_source
from drivers.sx1302.firmware import AGC_FILE, ARB_FILE, IMAGE_SIZE, digest

AGC, ARB = (bytes((n * step) % 256 for n in range(IMAGE_SIZE)) for step in (3, 5))
KNOWN = {AGC_FILE: digest(AGC), ARB_FILE: digest(ARB)}


def c_array(image: bytes, name: str = "agc_firmware") -> bytes:
    rows = [image[at : at + 16] for at in range(0, len(image), 16)]
    text = ",\n".join(", ".join(f"0x{byte:02X}" for byte in row) for row in rows)
    return f"static uint8_t {name}[{len(image)}] = {{\n{text} }};\n".encode()


def test_images_are_found_in_a_source_tree_whatever_their_files_are_called(tmp_path: Path) -> None:
    source = tmp_path / "libloragw" / "src"
    source.mkdir(parents=True)
    (source / "one.var").write_bytes(c_array(AGC))
    (source / "two.bin").write_bytes(ARB)
    (source / "other.var").write_bytes(c_array(bytes(IMAGE_SIZE)))
    (source / "code.c").write_bytes(b"int main(void) { return 0x00; }")
    assert firmware_source.find(tmp_path, KNOWN) == {AGC_FILE: AGC, ARB_FILE: ARB}


def test_what_is_installed_is_what_the_driver_loads(tmp_path: Path) -> None:
    firmware_source.install({AGC_FILE: AGC, ARB_FILE: ARB}, tmp_path / "firmware")
    loaded = firmware.load(tmp_path / "firmware", known=KNOWN)
    assert (loaded.agc, loaded.arb, loaded.verified) == (AGC, ARB, True)
    assert sorted(path.name for path in (tmp_path / "firmware").iterdir()) == [AGC_FILE, ARB_FILE]


def test_an_image_with_another_digest_is_not_taken(tmp_path: Path) -> None:
    damaged = bytes([AGC[0] ^ 1]) + AGC[1:]
    (tmp_path / "agc.var").write_bytes(c_array(damaged))
    assert firmware_source.find(tmp_path, KNOWN) == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}",
        AGC[:-1],
        c_array(AGC[:-1]),
        c_array(AGC + b"\x00"),
        c_array(AGC).replace(b"}", b""),
    ],
)
def test_a_file_without_a_whole_image_holds_none(data: bytes) -> None:
    assert firmware_source.image(data) is None
