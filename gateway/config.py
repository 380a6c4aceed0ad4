"""kogge.toml: typed, checked, every key with its default; an error names file, key, value, allowed.

Relative paths are relative to the file they stand in; after `load` all paths are absolute.
config/kogge.toml shows every key; docs and tests hold that file against the structs here.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from drivers.semtech_udp import address
from gateway.diagnostics.log_limits import USUAL_MIB_PER_DAY
from gateway.errors import ConfigError
from gateway.files import (
    DEFAULT_CODECS,
    DEFAULT_CONTROL_SOCKET,
    DEFAULT_DEVICES,
    read_toml,
)
from gateway.lorawan.join_control import USUAL_JOINS_PER_MINUTE
from gateway.metrics import listen
from gateway.shapes import plainly

Text = TypeVar("Text", bound=msgspec.Struct)


class Gateway(msgspec.Struct, forbid_unknown_fields=True):
    eui: Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?$")] = ""
    name: str = ""
    place: str = ""
    latitude: Annotated[float, Meta(ge=-90, le=90)] = 0.0
    longitude: Annotated[float, Meta(ge=-180, le=180)] = 0.0
    state_dir: str = "/var/lib/kogge"
    control_socket: str = DEFAULT_CONTROL_SOCKET
    devices: str = DEFAULT_DEVICES
    codecs: str = DEFAULT_CODECS


class Concentrator(msgspec.Struct, forbid_unknown_fields=True):
    port: str = "/dev/kogge-concentrator"
    board: str = "corecell-usb"
    region: str = "EU868"
    plan: str = ""
    firmware_dir: str = ""
    firmware_check: bool = True
    antenna_gain: Annotated[float, Meta(ge=-30, le=30)] = 2.0
    listen_before_talk: bool = True
    fine_timestamps: Literal["off", "all_sf", "high_capacity"] = "off"


Prefix: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{1,16}$")]


Region: TypeAlias = Literal["region"]
"""As the region has it; `gateway.settings` checks what else is said against the region."""


class Lorawan(msgspec.Struct, forbid_unknown_fields=True):
    net_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{6}$")] = "000000"
    join: Literal["open", "closed"] = "open"
    join_allow: list[Prefix] = []
    tell_foreign_joins: bool = False
    joins_per_minute: Annotated[int, Meta(ge=1, le=6000)] = USUAL_JOINS_PER_MINUTE
    rx1_delay: Annotated[int, Meta(ge=1, le=15)] | Region = "region"
    rx1_dr_offset: int | Region = "region"
    rx2_data_rate: int | Region = "region"
    rx2_frequency: int | Region = "region"
    downlink_dwell_time: bool = False
    repeater: bool = False


class Mqtt(msgspec.Struct, forbid_unknown_fields=True):
    url: str = "mqtts://localhost:8883"
    fallback_urls: list[str] = []
    topic_prefix: Annotated[str, Meta(pattern=r"^[^+#/\x00]+(/[^+#/\x00]+)*$")] = "kogge"
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    device_names: Literal["plain", "pseudonym"] = "plain"
    format: Literal["json", "senml+json", "senml+cbor"] = "json"
    compression: Literal["none", "deflate"] = "none"
    batch_readings: Annotated[int, Meta(ge=1, le=1000)] = 100
    batch_seconds: Annotated[float, Meta(ge=0, le=3600)] = 1
    in_flight: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Literal["live_first", "strict"] = "live_first"
    backlog_messages_per_s: Annotated[float, Meta(ge=0)] = 5
    backlog_kib_per_s: Annotated[float, Meta(ge=0)] = 256
    plain_is_ok: bool = False


class Store(msgspec.Struct, forbid_unknown_fields=True):
    window: Annotated[float, Meta(ge=0.1, le=600)] = 1.0
    max_age_days: Annotated[int, Meta(ge=1)] = 30
    max_mib: Annotated[int, Meta(ge=16)] = 1024
    min_free_mib: Annotated[int, Meta(ge=0)] = 256
    archive_days: Annotated[int, Meta(ge=0)] = 7


class Clock(msgspec.Struct, forbid_unknown_fields=True):
    source: Literal["auto", "rtc", "gnss"] = "auto"


class Metrics(msgspec.Struct, forbid_unknown_fields=True):
    listen: str = ""
    textfile: str = ""
    devices: bool = False


class Log(msgspec.Struct, forbid_unknown_fields=True):
    mib_per_day: Annotated[int, Meta(ge=1, le=1000)] = USUAL_MIB_PER_DAY


class Config(msgspec.Struct, forbid_unknown_fields=True):
    gateway: Gateway = msgspec.field(default_factory=Gateway)
    concentrator: Concentrator = msgspec.field(default_factory=Concentrator)
    lorawan: Lorawan = msgspec.field(default_factory=Lorawan)
    mqtt: Mqtt = msgspec.field(default_factory=Mqtt)
    store: Store = msgspec.field(default_factory=Store)
    clock: Clock = msgspec.field(default_factory=Clock)
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    log: Log = msgspec.field(default_factory=Log)


def told(config: Config) -> dict[str, Any]:
    """All keys by table. There is no secret in it: keys and passwords stand in files, and of those
    the paths are here alone.
    """
    tables: dict[str, Any] = msgspec.to_builtins(config)
    return tables


def told_to_city(config: Config) -> dict[str, Any]:
    """What the city is told when it asks: where devices are pseudonyms to it, not how their DevEUIs
    begin.
    """
    tables = told(config)
    if config.mqtt.device_names == "pseudonym":
        del tables["lorawan"]["join_allow"]
    return tables


def load(file: Path) -> Config:
    """Read and check kogge.toml; raises ConfigError."""
    return of_tables(read_toml(file), file)


def of_tables(tables: dict[str, Any], file: Path) -> Config:
    """As if `file` held these tables; raises ConfigError."""
    file = file.absolute()
    config = convert(tables, Config, file)
    _check_port(config.concentrator.port, file)
    _make_paths_absolute(config, file.parent)
    _check_mqtt(config.mqtt, file)
    _check_metrics(config.metrics, file)
    return config


def _check_port(port: str, file: Path) -> None:
    if not port:
        allowed = "name the board's port, such as /dev/serial/by-id/…"
        raise ConfigError(file, "concentrator.port", "", allowed)
    if port.startswith(address.SCHEME):
        try:
            address.Address.from_url(port)
        except ValueError as error:
            raise ConfigError(file, "concentrator.port", port, str(error)) from None


def convert(data: dict[str, Any], shape: type[Text], file: Path) -> Text:
    """Give `data` its types; the first thing that does not fit becomes a ConfigError."""
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        raise _explained(str(error), data, shape, file) from None


def _explained(message: str, data: Any, shape: type[msgspec.Struct], file: Path) -> ConfigError:
    """Turn msgspec's "… - at `$.mqtt.url`" into file, key, value and what is allowed."""
    text, _, place = message.partition(" - at `$")
    keys = re.findall(r"[^.\[\]]+", place.rstrip("`"))
    value: Any = data
    for key in keys:
        value = value[int(key)] if isinstance(value, list) else value[key]
    key = "".join(f"[{int(k) + 1}]" if k.isdigit() else f".{k}" for k in keys).lstrip(".")
    unknown = re.search(r"unknown field `(.+)`", text)
    if unknown is None:
        possible = _possible(shape, keys) if text.startswith("Invalid enum value") else []
        allowed = f"possible are {', '.join(possible)}" if possible else plainly(text)
        return ConfigError(file, key, None if isinstance(value, dict) else value, allowed)
    name = unknown.group(1)
    known = _fields_at(shape, keys)
    import difflib  # for mistakes alone: memory

    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known))}"
    return ConfigError(file, f"{key}.{name}".lstrip("."), None, f"there is no such key; {hint}")


def _fields_at(shape: type[msgspec.Struct], keys: list[str]) -> list[str]:
    """The key names allowed in the table that `keys` lead to."""
    return [field.encode_name for field in _type_at(shape, keys).fields]


def _possible(shape: type[msgspec.Struct], keys: list[str]) -> list[str]:
    """The words allowed where `keys` lead to."""
    found = _type_at(shape, keys)
    return list(map(str, found.values)) if isinstance(found, msgspec.inspect.LiteralType) else []


def _type_at(shape: type[msgspec.Struct], keys: list[str]) -> Any:
    at: Any = msgspec.inspect.type_info(shape)
    for key in keys:
        if isinstance(at, msgspec.inspect.ListType):
            at = at.item_type
        else:
            at = next(f.type for f in at.fields if f.encode_name == key)
        if isinstance(at, msgspec.inspect.UnionType):  # a table that may be left out
            at = next(t for t in at.types if not isinstance(t, msgspec.inspect.NoneType))
    return at


def _make_paths_absolute(config: Config, base: Path) -> None:
    gateway, concentrator, mqtt = config.gateway, config.concentrator, config.mqtt
    for name in ("state_dir", "control_socket", "devices", "codecs"):
        setattr(gateway, name, str(base / getattr(gateway, name)))
    if concentrator.port and "://" not in concentrator.port:
        concentrator.port = str(base / concentrator.port)
    firmware = concentrator.firmware_dir
    default = Path(gateway.state_dir) / "firmware"
    concentrator.firmware_dir = str(base / firmware if firmware else default)
    for name in ("password_file", "ca_file", "cert_file", "key_file"):
        if getattr(mqtt, name):
            setattr(mqtt, name, str(base / getattr(mqtt, name)))
    if config.metrics.textfile:
        config.metrics.textfile = str(base / config.metrics.textfile)


def _check_mqtt(mqtt: Mqtt, file: Path) -> None:
    _check_url("mqtt.url", mqtt.url, mqtt.plain_is_ok, file)
    for number, url in enumerate(mqtt.fallback_urls, 1):
        _check_url(f"mqtt.fallback_urls[{number}]", url, mqtt.plain_is_ok, file)
    if bool(mqtt.cert_file) != bool(mqtt.key_file):
        raise ConfigError(
            file, "mqtt.cert_file", mqtt.cert_file, "cert_file and key_file go together"
        )


def _check_metrics(metrics: Metrics, file: Path) -> None:
    if metrics.listen:
        try:
            listen.place(metrics.listen)
        except ValueError as error:
            raise ConfigError(file, "metrics.listen", metrics.listen, str(error)) from None
    if metrics.textfile and not metrics.textfile.endswith(".prom"):
        allowed = 'node_exporter reads files that end in .prom: write "…/kogge.prom"'
        raise ConfigError(file, "metrics.textfile", metrics.textfile, allowed)


def _check_url(key: str, text: str, plain_is_ok: bool, file: Path) -> None:
    allowed = "write mqtts://HOST:PORT, or mqtt://HOST:PORT for a line without encryption"
    try:
        url = urlsplit(text)
        usable = url.scheme in ("mqtt", "mqtts") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if "@" in text:  # not shown: messages end up in journals and mails
        secret = f"holds a user or password; {allowed}, and use mqtt.username and password_file"
        raise ConfigError(file, key, None, secret)
    if not usable or url.path.strip("/"):
        raise ConfigError(file, key, text, allowed)
    if url.scheme == "mqtt" and not plain_is_ok:
        raise ConfigError(
            file,
            key,
            text,
            "this line is not encrypted: use mqtts://, or set mqtt.plain_is_ok = true",
        )
