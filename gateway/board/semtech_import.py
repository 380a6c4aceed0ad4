"""global_conf.json of Semtech's packet forwarder becomes a board profile and a channel plan.

The file is JSON with comments (/* */ and //). Taken over is what the concentrator is told; listen
before talk and spectral scan need the SX1261, which is not driven, and everything outside
`SX130x_conf` belongs to the packet forwarder: both are left out, and said so.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from drivers.sx1302 import semtech
from drivers.sx1302.settings import SettingError, Settings
from gateway.board import radio_plan, radio_plan_text
from gateway.errors import ConfigError, GatewayError

CONF = "SX130x_conf"
COMMENT_OR_STRING = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*', re.DOTALL)
TAKEN = re.compile(
    r"lorawan_public|clksrc|antenna_gain|full_duplex|fine_timestamp|radio_[01]|desc|sx1261_conf"
    r"|chan_multiSF_(All|[0-7])|chan_Lora_std|chan_FSK|_comment.*"
)
REASONS = {
    "gateway_conf": "servers, GPS and beacon are the packet forwarder's; Kogge's are in kogge.toml"
    " (gateway.eui, mqtt.url)",
    "debug_conf": "the packet forwarder's own test aids",
    "com_type": "the port stands in kogge.toml",
    "com_path": "the port stands in kogge.toml",
}
NOT_KNOWN = "not a key of sx1302_hal 2.1.0, or without effect there"
WITHOUT_SX1261 = "it needs the SX1261, which is not driven"


@dataclass(frozen=True, slots=True)
class Imported:
    """`left_out` says key and reason."""

    settings: Settings
    region: str
    left_out: tuple[tuple[str, str], ...]


def read(file: Path, region: str | None) -> Imported:
    """What `file` says, for the named region or the one its channels tell; ConfigError."""
    whole = _json(file)
    conf, left_out = _conf(whole, file)
    try:
        left_out += _take_sx1261(conf)
        settings = semtech.settings(conf)
    except SettingError as error:
        key = f"{CONF}.{error.key}".removeprefix(f"{CONF}.{CONF}.")
        raise ConfigError(file, key, error.value, error.allowed) from None
    return Imported(settings, _region(settings, region, file), tuple(left_out))


def write(found: Imported, source: Path, directory: Path, force: bool) -> tuple[Path, Path]:
    """Write both files; neither, if one is there and `force` is not given. GatewayError."""
    name = source.name.partition(".")[0]
    board, plan = (directory.absolute() / f"{name}.{kind}.toml" for kind in ("board", "plan"))
    for file in (board, plan):
        if file.exists() and not force:
            raise GatewayError(f"{file} is there already; --force writes over it")
    head = f"# From {json.dumps(source.name)} by kogge config import-semtech.\n\n"
    _write(board, head + radio_plan_text.board(found.settings, name))
    _write(plan, head + radio_plan_text.plan(found.settings, found.region))
    return board, plan


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except PermissionError as error:
        raise PermissionError(f"{file} may not be written by this user") from error
    except OSError as error:
        raise GatewayError(f"{file} cannot be written: {error.strerror}") from None


def concentrator(found: Imported, board: Path, plan: Path) -> dict[str, str | float]:
    """What belongs into `[concentrator]` of kogge.toml."""
    return {
        "board": str(board),
        "plan": str(plan),
        "region": found.region,
        "antenna_gain": found.settings.antenna_gain,
        "fine_timestamps": str(found.settings.fine_timestamps),
    }


def _json(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except PermissionError as error:
        raise PermissionError(f"{file} may not be read by this user") from error
    except OSError as error:
        raise ConfigError(file, "", None, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", None, f"is not UTF-8 text (byte {error.start})") from None
    try:
        return json.loads(COMMENT_OR_STRING.sub(_without_comment, text), parse_constant=_no_number)
    except RecursionError:
        raise ConfigError(file, "", None, "is nested too deeply") from None
    except ValueError as error:
        raise ConfigError(file, "", None, f"is not JSON with comments ({error})") from None


def _without_comment(found: re.Match[str]) -> str:
    """Lines stay where they are: the error's line is the file's."""
    text = found[0]
    return text if text.startswith('"') else re.sub(r"[^\n]", " ", text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _conf(whole: Any, file: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """`SX130x_conf` without its wrapper, and what is not for the concentrator."""
    if not isinstance(whole, dict):
        raise ConfigError(file, "", None, f"an object is needed: {{ {CONF!r}: … }}")
    outer = [key for key in whole if key != CONF] if CONF in whole else []
    conf = whole.get(CONF, whole)
    if not isinstance(conf, dict) or not {"radio_0", "radio_1"} & set(conf):
        allowed = "the concentrator's part is needed, an object with radio_0 or radio_1"
        raise ConfigError(file, CONF, None, allowed)
    inner = [key for key in conf if not TAKEN.fullmatch(key)]
    named = [(key, key) for key in outer] + [(f"{CONF}.{key}", key) for key in inner]
    reasons = [(_shown(key), REASONS.get(name, NOT_KNOWN)) for key, name in named]
    return dict(conf), reasons


def _shown(key: str) -> str:
    """A key that may hold anything, in one line of a terminal."""
    return key if key.isprintable() else ascii(key)


def _take_sx1261(conf: dict[str, Any]) -> list[tuple[str, str]]:
    """Take `sx1261_conf` out of `conf`; what of it was switched on is left out."""
    key = "sx1261_conf"
    sx1261 = semtech.part(conf.pop(key, {}), key)
    parts = [sx1261.part(name) for name in ("lbt", "spectral_scan")]
    return [(f"{CONF}.{part.at}", WITHOUT_SX1261) for part in parts if part.flag("enable")]


def _region(settings: Settings, asked: str | None, file: Path) -> str:
    """The region that was asked for, or the one whose channels are heard.

    Those are the two that a shipped plan begins with, which every device of the region knows; of a
    region with several plans all channels of one. Where bands overlap, the service channel's
    bandwidth tells regions apart.
    """
    plans = radio_plan.shipped_plans()
    known = {plan.region.lower(): plan.region for plan in plans}
    if asked is not None and asked.lower() in known:
        return known[asked.lower()]
    several = Counter(plan.region for plan in plans)
    fits = sorted(
        {plan.region for plan in plans if _fits(plan, several[plan.region] > 1, settings)}
    )
    if asked is None and len(fits) == 1:
        return fits[0]
    names = f"known are: {', '.join(sorted(known.values()))}"
    if asked is not None:
        raise ConfigError(file, "--region", asked, names)
    if fits:
        told = f"its channels are those of {' and '.join(fits)}; say which with --region"
        raise ConfigError(file, "", None, told)
    told = f"its channels are those of no region alone; say which with --region; {names}"
    raise ConfigError(file, "", None, told)


def _fits(plan: radio_plan.Plan, whole: bool, settings: Settings) -> bool:
    heard = {settings.centre(channel) for channel in settings.channels if channel is not None}
    first = radio_plan.frequencies(plan)[: None if whole else 2]
    return set(first) <= heard and _same_service(plan, settings)


def _same_service(plan: radio_plan.Plan, settings: Settings) -> bool:
    if plan.service is None or settings.service is None:
        return True
    return plan.service.bandwidth == settings.service.bandwidth
