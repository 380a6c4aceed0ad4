"""The programs that the SX1302's two microcontrollers run: automatic gain control and arbiter.

They are Semtech's and not part of this project: they are installed once and read from a
directory. An image has 8192 bytes and a known SHA-256. With `check` off an unknown digest passes;
read-back, parity and the version that the running image shows are checked on the chip all the
same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from drivers.concentrator import ChipError

IMAGE_SIZE = 8192
AGC_FILE = "agc_fw_sx1250.bin"
ARB_FILE = "arb_fw.bin"
AGC_VERSION = 10
ARB_VERSION = 2

# SHA-256 of the images in sx1302_hal 2.1.0
KNOWN: Mapping[str, str] = MappingProxyType(
    {
        AGC_FILE: "8f612e878b946b8c7cc59a5fc27ad33bb18ab92ad6e291d873f5d6bb7daae0d4",
        ARB_FILE: "a6f542395e29cd258917f5948d1067ab18e3cf08ce5ee250e2caa08539f80fd0",
    }
)


@dataclass(frozen=True, slots=True)
class Firmware:
    """The two images; `verified` when both digests are known."""

    agc: bytes
    arb: bytes
    verified: bool


def load(directory: Path, *, check: bool = True, known: Mapping[str, str] = KNOWN) -> Firmware:
    """Read both images from a directory; ChipError says what to do about a missing or odd one."""
    images = {name: _read(directory / name) for name in (AGC_FILE, ARB_FILE)}
    odd = [name for name, image in images.items() if digest(image) != known[name]]
    if odd and check:
        raise ChipError(
            f"{directory / odd[0]} is not an image that this program knows (its SHA-256 is"
            f" {digest(images[odd[0]])}); install the one of Semtech's sx1302_hal 2.1.0 with"
            " `kogge firmware import PATH`, or set concentrator.firmware_check = false"
        )
    return Firmware(images[AGC_FILE], images[ARB_FILE], verified=not odd)


def digest(image: bytes) -> str:
    """SHA-256 of an image, as hex."""
    return hashlib.sha256(image).hexdigest()


def _read(path: Path) -> bytes:
    try:
        image = path.read_bytes()
    except OSError as error:
        raise ChipError(
            f"firmware image {path} cannot be read ({error.strerror}): the concentrator needs"
            " Semtech's images; get the source of sx1302_hal 2.1.0 and install them with"
            " `kogge firmware import PATH`"
        ) from error
    if len(image) != IMAGE_SIZE:
        raise ChipError(
            f"firmware image {path} has {len(image)} bytes instead of {IMAGE_SIZE}:"
            " install it again with `kogge firmware import PATH`"
        )
    return image
