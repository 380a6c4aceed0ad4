"""A vendor's folder of chirpstack-device-profiles: vendor.toml, devices/, profiles/, codecs/.

A codec is codecs/NAME.js, its examples codecs/test_decode_NAME.json; or codecs/NAME-PARAMETERS.js,
where there is one such and no NAME.js. A device names, by firmware, profiles and codec. Codecs that
no device names are there too.
"""

from collections.abc import Iterator
from typing import Any, Final

from gateway.codecs.profiles import found
from gateway.codecs.profiles.folder import Folder, Unusable, entries, table
from gateway.codecs.profiles.found import Found, Left

INDEX: Final = "vendor.toml"
TEST: Final = "test_decode_"
REGION: Final = "EU868"


def read(folder: Folder) -> Iterator[Found | Left]:
    """Raises Unusable where the folder as a whole is."""
    vendor = table(folder.toml(INDEX).get("vendor"))
    devices = list(_devices(folder))
    for stem, file in _scripts(folder.names("codecs")).items():
        name = f"{folder.vendor}/{stem}"
        try:
            one = Found(
                name,
                folder.text("codecs", file),
                _examples(folder, name, stem),
                str(vendor.get("name") or folder.vendor),
            )
        except Unusable as reason:
            yield Left(name, str(reason))
            continue
        for device, firmware in devices:
            if firmware.get("codec") == file and device.get("name") not in one.models:
                one.models.append(str(device.get("name")))
                one.profile = one.profile or _profile(folder, firmware)
        yield one


def _scripts(files: list[str]) -> dict[str, str]:
    """The script of each codec by its name, which is that of its examples where there are some."""
    stems = [file.removesuffix(".js") for file in files if file.endswith(".js")]
    found = {stem: f"{stem}.js" for stem in stems}
    for file in sorted(files, key=len, reverse=True):
        test = file.removeprefix(TEST).removesuffix(".json")
        fitting = [stem for stem in found if stem.startswith(f"{test}-")]
        if file == f"{TEST}{test}.json" and test not in stems and len(fitting) == 1:
            found[test] = found.pop(fitting[0])
    return found


def _devices(folder: Folder) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each device with each of its firmwares; what cannot be read names no codec."""
    for file in folder.names("devices"):
        try:
            device = table(folder.toml("devices", file).get("device"))
        except Unusable:
            continue
        for firmware in entries(device.get("firmware")):
            yield device, table(firmware)


def _profile(folder: Folder, firmware: dict[str, Any]) -> dict[str, Any]:
    """Europe's, else the first that can be read."""
    names = [name for name in entries(firmware.get("profiles")) if isinstance(name, str)]
    for name in sorted(names, key=lambda name: REGION not in name):
        try:
            said = table(folder.toml("profiles", name).get("profile"))
        except Unusable:
            continue
        wanted = ("mac_version", "supports_class_b", "supports_class_c")
        return found.profile(*(said.get(key) for key in wanted))
    return {}


def _examples(folder: Folder, name: str, stem: str) -> list[Any]:
    file = f"{TEST}{stem}.json"
    if not folder.has("codecs", file):
        return []
    return found.examples(name, folder.json("codecs", file), "expected")
