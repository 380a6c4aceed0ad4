"""A vendor's folder of The Things Network's lorawan-devices: index.yaml, and all beside it.

DEVICE.yaml names, by firmware and region, a profile and a codec; CODEC.yaml names its script and
has the examples. A profile of another vendor's folder is not looked for: `vendorID`.
"""

from collections.abc import Iterator
from typing import Any, Final

from gateway.codecs.profiles import found
from gateway.codecs.profiles.folder import Folder, Unusable, entries, table
from gateway.codecs.profiles.found import Found, Left

INDEX: Final = "index.yaml"
REGION: Final = "EU863-870"


def read(folder: Folder) -> Iterator[Found | Left]:
    """Raises Unusable where the folder as a whole is."""
    index = table(folder.yaml(INDEX))
    codecs: dict[str, Found | Left] = {}
    for identifier in entries(index.get("endDevices")):
        try:
            device = table(folder.yaml(f"{identifier}.yaml"))
        except Unusable as reason:
            name = f"{folder.vendor}/{identifier}"
            codecs.setdefault(name, Left(name, str(reason)))
            continue
        for region, said in _profiles(device):
            codec = said.get("codec")
            if isinstance(codec, str):
                if codec not in codecs:
                    codecs[codec] = _codec(folder, codec)
                _add(folder, codecs[codec], device, region, said)
    yield from codecs.values()


def _profiles(device: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for firmware in entries(device.get("firmwareVersions")):
        for region, said in table(table(firmware).get("profiles")).items():
            yield region, table(said)


def _codec(folder: Folder, identifier: str) -> Found | Left:
    name = f"{folder.vendor}/{identifier.removesuffix('-codec')}"
    try:
        decoder = table(table(folder.yaml(f"{identifier}.yaml")).get("uplinkDecoder"))
        if not decoder:
            return Left(name, f"{identifier}.yaml has no uplinkDecoder")
        script = folder.text(*str(decoder.get("fileName")).split("/"))
        return Found(
            name, script, found.examples(name, decoder.get("examples"), "output"), folder.vendor
        )
    except Unusable as reason:
        return Left(name, str(reason))


def _add(
    folder: Folder, codec: Found | Left, device: dict[str, Any], region: str, said: dict[str, Any]
) -> None:
    """The device is one of the codec's; Europe's profile counts, else the first."""
    if isinstance(codec, Left):
        return
    model = str(device.get("name"))
    if model not in codec.models:
        codec.models.append(model)
    if not codec.profile or region == REGION:
        codec.profile = _profile(folder, said) or codec.profile


def _profile(folder: Folder, said: dict[str, Any]) -> dict[str, Any]:
    if said.get("vendorID") not in (None, folder.vendor):
        return {}
    try:
        profile = table(folder.yaml(f"{said.get('id')}.yaml"))
    except Unusable:
        return {}
    wanted = ("macVersion", "supportsClassB", "supportsClassC")
    return found.profile(*(profile.get(key) for key in wanted))
