"""Everything the daemon is told by files, read and checked together."""

from dataclasses import dataclass
from pathlib import Path

from drivers.sx1302.settings import Settings as RadioSettings

from gateway import config, device_file, radio_plan
from gateway.codecs.catalogue import Catalogue
from gateway.config import Config
from gateway.lorawan.device import Device


@dataclass(frozen=True, slots=True)
class Settings:
    config: Config
    devices: tuple[Device, ...]
    catalogue: Catalogue
    radio: RadioSettings


def load(file: Path) -> Settings:
    """Read kogge.toml and all that it names; raises ConfigError."""
    found = config.load(file)
    catalogue = Catalogue.load(config.shipped())
    devices = device_file.load(Path(found.gateway.devices), catalogue)
    return Settings(found, devices, catalogue, radio_plan.load(found.concentrator, file))
