"""Everything the daemon is told by files, read and checked together."""

import grp
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.sx1302.settings import Channel
from drivers.sx1302.settings import Settings as RadioSettings
from gateway import config, files
from gateway.board import radio_plan
from gateway.codecs.catalogue import Catalogue, Codec
from gateway.config import Config, Mqtt
from gateway.devices import devices_toml
from gateway.errors import ConfigError
from gateway.lorawan.device import Device
from gateway.lorawan.mac_state import RxParams
from gateway.lorawan.plan import factory_rx
from gateway.lorawan.region import Region
from gateway.lorawan.regions import REGIONS

WIDE_CHANNEL = 500_000
LISTENS_IN_JAPAN_ONLY = "AS923-1"
RX_KEYS = ("rx1_delay", "rx1_dr_offset", "rx2_data_rate", "rx2_frequency")


@dataclass(frozen=True, slots=True)
class Settings:
    """`codecs` are those that the devices use, by name; `rx` are the windows that these open;
    `file` is kogge.toml.
    """

    config: Config
    devices: tuple[Device, ...]
    codecs: Mapping[str, Codec]
    radio: RadioSettings
    region: Region
    rx: RxParams
    file: Path

    @property
    def heard(self) -> frozenset[int]:
        """The frequencies in Hz on which channels are received, as devices are told them.

        Among them the service channel's where it is 500 kHz wide: US915 and AU915 number those too.
        """
        radio, service = self.radio, self.radio.service
        chains: list[Channel] = [chain for chain in radio.channels if chain is not None]
        if service is not None and service.bandwidth == WIDE_CHANNEL:
            chains.append(service)
        return frozenset(map(radio.centre, chains))


def load(file: Path) -> Settings:
    """Read kogge.toml and all that it names; raises ConfigError."""
    return of(config.load(file), file)


def of(found: Config, file: Path) -> Settings:
    """With all that this configuration names; raises ConfigError."""
    catalogue = Catalogue.load(files.shipped(), Path(found.gateway.codecs))
    devices = devices_toml.load(Path(found.gateway.devices), catalogue)
    region = region_of(found, file)
    return Settings(
        found,
        devices,
        _codecs(catalogue, devices),
        radio_plan.load(found.concentrator, file),
        region,
        rx_of(found, region, file),
        file,
    )


def with_devices_anew(found: Settings) -> Settings:
    """With devices.toml as it is now, and the codecs that it names; raises ConfigError."""
    catalogue = Catalogue.load(files.shipped(), Path(found.config.gateway.codecs))
    devices = devices_toml.load(Path(found.config.gateway.devices), catalogue)
    return replace(found, devices=devices, codecs=_codecs(catalogue, devices))


def codecs(found: Settings) -> dict[str, Codec]:
    """Those that its devices use, as their files are now; raises ConfigError, UnknownCodecError."""
    catalogue = Catalogue.load(files.shipped(), Path(found.config.gateway.codecs))
    return _codecs(catalogue, found.devices)


def _codecs(catalogue: Catalogue, devices: Iterable[Device]) -> dict[str, Codec]:
    return {device.codec: catalogue.codec(device.codec) for device in devices if device.codec}


def warnings(found: Settings) -> list[str]:
    """What works, and should not stay as it is."""
    return [*_public(found), *_unreadable(found.config.mqtt)]


def _public(found: Settings) -> Iterator[str]:
    devices = Path(found.config.gateway.devices)
    if found.devices and files.is_public(devices):
        yield (
            f"{devices} holds the devices' keys, and everybody on this machine may read it:"
            f" {_hide(devices)}"
        )


def _unreadable(mqtt: Mqtt) -> Iterator[str]:
    """Files for the broker that this user cannot read; the service's user may differ."""
    for key in ("password_file", "ca_file", "cert_file", "key_file"):
        name = getattr(mqtt, key)
        try:
            if name:
                Path(name).read_bytes()
        except OSError as error:
            yield (
                f"mqtt.{key} = {name} cannot be read ({error.strerror}): without it the broker is"
                " not reached; put it there, readable for the service's user"
            )


def _hide(file: Path) -> str:
    """The command; the group is there where the service is installed."""
    try:
        grp.getgrnam("kogge")
    except KeyError:
        return f"chmod 600 {file}"
    return f"sudo chgrp kogge {file} && sudo chmod 640 {file}"


def region_of(found: Config, file: Path) -> Region:
    """The region's tables, and whether its country demands listen-before-talk."""
    name = found.concentrator.region
    if name.upper() not in REGIONS:
        allowed = f"this version knows {', '.join(REGIONS)}"
        raise ConfigError(file, "concentrator.region", name, allowed)
    region = replace(REGIONS[name.upper()], repeater=found.lorawan.repeater)
    if found.lorawan.downlink_dwell_time:
        if not region.knows_dwell_time:
            allowed = f"{region.name} knows none for downlinks, AS923 does: write false"
            raise ConfigError(file, "lorawan.downlink_dwell_time", "true", allowed)
        region = replace(region, downlink_dwell_time=True)
    if found.concentrator.listen_before_talk or not region.listen_before_talk:
        return region
    if region.name != LISTENS_IN_JAPAN_ONLY:
        allowed = f"{region.name} demands it everywhere"
        raise ConfigError(file, "concentrator.listen_before_talk", "false", allowed)
    return replace(region, listen_before_talk=False)


def rx_of(found: Config, region: Region, file: Path) -> RxParams:
    """The windows that devices are to open: the region's, where nothing else is said."""
    wanted = {key: getattr(found.lorawan, key) for key in RX_KEYS}
    told = {key: value for key, value in wanted.items() if value != "region"}
    rx = replace(factory_rx(region), **told)
    if rx.rx1_dr_offset not in region.rx1_dr_offsets:
        allowed = f"0 to {region.rx1_dr_offsets[-1]}"
        raise _of_region(file, "rx1_dr_offset", rx.rx1_dr_offset, region, allowed)
    if rx.rx2_data_rate not in region.rx2_data_rates:
        allowed = ", ".join(f"{dr} (SF{region.rate(dr).sf})" for dr in region.rx2_data_rates)
        raise _of_region(file, "rx2_data_rate", rx.rx2_data_rate, region, allowed)
    if not region.may_be_rx2(rx.rx2_frequency):
        allowed = ", ".join(_rx2_places(region))
        raise _of_region(file, "rx2_frequency", rx.rx2_frequency, region, allowed)
    return rx


def _of_region(file: Path, key: str, value: int, region: Region, allowed: str) -> ConfigError:
    says = f'{region.name} allows {allowed}; "region" is what its devices have by themselves'
    return ConfigError(file, f"lorawan.{key}", value, says)


def _rx2_places(region: Region) -> list[str]:
    if region.fixed:
        return [str(frequency) for frequency in region.downlink_channels]
    return [f"{band.low} to {band.high}" for band in region.sub_bands]
