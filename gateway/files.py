"""Where files are and how one is read, without their types: `kogge status` starts fast with it.

Only the standard library is imported here. The types, and every other check: gateway.config.
"""

import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError

DEFAULT_FILE: Final = Path("/etc/kogge/kogge.toml")
DEFAULT_CONTROL_SOCKET: Final = "/run/kogge/kogge.sock"
DEFAULT_STATE_DIR: Final = "/var/lib/kogge"
DATABASE: Final = "kogge.db"
DEFAULT_CODECS: Final = "codecs"
DEFAULT_DEVICES: Final = "devices.toml"


def shipped() -> Path:
    """Where the data of config/ is: in a checkout, inside a wheel, or in a Debian package."""
    package = Path(__file__).resolve().parent
    candidates = [package.parent / "config", package / "shipped", Path("/usr/share/kogge")]
    for candidate in candidates:
        if (candidate / "vocabulary.toml").exists():
            return candidate
    raise ConfigError(candidates[0], "", None, "Kogge's own data is missing: install it again")


def toml_of(text: str) -> dict[str, Any]:
    """A text's tables. Raises TOMLDecodeError, also for brackets that would use up the stack."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deep") from None


def read_toml(file: Path) -> dict[str, Any]:
    """The file's tables; ConfigError or PermissionError in plain words."""
    try:
        return toml_of(text_of(file))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", None, f"is not valid TOML ({error})") from None


def text_of(file: Path) -> str:
    """What is in it; ConfigError or PermissionError in plain words."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(file, "", None, _absent(file)) from None
    except PermissionError as error:
        raise PermissionError(
            f"{file} may not be read by this user: use sudo, or join its group"
            " (sudo adduser $USER kogge, then log in again)"
        ) from error
    except OSError as error:
        raise ConfigError(file, "", None, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", None, f"is not UTF-8 text (byte {error.start})") from None


def _absent(file: Path) -> str:
    if file.suffix != ".toml":
        return "there is no such file"
    said = f"there is no such file; start from the examples in {shipped()}"
    if file != DEFAULT_FILE:
        return said
    return f"{said}, or say --config FILE (docs/emulator.md has one that needs no hardware)"


def is_public(file: Path) -> bool:
    """Whether everybody on this machine may read it."""
    above = file.resolve().parents
    reachable = all(directory.stat().st_mode & stat.S_IXOTH for directory in above)
    return reachable and bool(file.stat().st_mode & stat.S_IROTH)


def control_socket(file: Path) -> Path:
    """gateway.control_socket of kogge.toml; a mistake elsewhere in the file is not ours to tell."""
    return _gateway_path(file, "control_socket", DEFAULT_CONTROL_SOCKET)


def database(file: Path) -> Path:
    """In gateway.state_dir of kogge.toml."""
    return _gateway_path(file, "state_dir", DEFAULT_STATE_DIR) / DATABASE


def codecs(file: Path) -> Path:
    """gateway.codecs of kogge.toml: the operator's own."""
    return _gateway_path(file, "codecs", DEFAULT_CODECS)


def devices(file: Path) -> Path:
    """gateway.devices of kogge.toml."""
    return _gateway_path(file, "devices", DEFAULT_DEVICES)


def _gateway_path(file: Path, key: str, default: str) -> Path:
    gateway = read_toml(file).get("gateway", {})
    if not isinstance(gateway, dict):
        raise ConfigError(file, "gateway", gateway, "write it as a table: [gateway]")
    path = gateway.get(key, default)
    if not isinstance(path, str):
        raise ConfigError(file, f"gateway.{key}", path, "write a path in quotes")
    return file.absolute().parent / path
