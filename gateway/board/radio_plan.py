"""Board profile and channel plan (config/boards, config/regions) become the driver's settings.

A board says what its maker soldered: the frequencies it is built for, which radio clocks the chip,
RSSI calibration, and by frequency the rows of transmit power. A plan says where the radios and
their eight channels listen, and where which radio may transmit; a radio without `frequency` and a
channel without `radio` are off. The antenna's gain and fine timestamps stand in kogge.toml. A
shipped plan begins with the channels that every device of its region knows.

Both are found by name among the shipped files, in upper or lower case, or by path, relative to
kogge.toml. Whatever board or chip cannot do is a ConfigError that names file, key, value and what
is allowed.
"""

import re
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from drivers.sx1302.settings import (
    MULTI_SF_CHAINS,
    Channel,
    FineTimestamps,
    Fsk,
    GainRow,
    ImplicitHeader,
    Radio,
    Service,
    SettingError,
    Settings,
)
from gateway import config, files
from gateway.errors import ConfigError

Shape = TypeVar("Shape", bound=msgspec.Struct)
TWO = Meta(min_length=2, max_length=2)
HEX_BYTES = Meta(pattern="^([0-9a-fA-F]{2}){1,8}$")

# Where a region has more channels than a gateway hears, the eight that most networks use.
DEFAULT_PLANS: Final = {
    "us915": "us915-2",
    "au915": "au915-2",
    "cn470": "cn470-1",
    "cn470-20b": "cn470-20b-1",
    "cn470-26a": "cn470-26a-1",
    "cn470-26b": "cn470-26b-4",
}


class Gain(msgspec.Struct, forbid_unknown_fields=True):
    rf_power: int
    pa_gain: int
    pwr_idx: int
    dig_gain: int = 0


class Powers(msgspec.Struct, forbid_unknown_fields=True):
    """The rows for transmissions within `frequencies`; None: wherever the board is built for."""

    gains: list[Gain]
    frequencies: tuple[int, int] | None = None


class BoardRadio(msgspec.Struct, forbid_unknown_fields=True):
    """`rssi_tcomp`: coefficients a…e of the temperature's effect on the RSSI."""

    rssi_offset: float
    rssi_tcomp: tuple[float, float, float, float, float]
    single_input: bool = False
    powers: list[Powers] = []


class Board(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    frequencies: tuple[int, int]
    clock_source: int
    radios: Annotated[list[BoardRadio], TWO]


class PlanRadio(msgspec.Struct, forbid_unknown_fields=True):
    frequency: int | None = None
    transmit: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.frequency is None and self.transmit is not None:
            raise ValueError("a radio that transmits needs its frequency; without both it is off")


class PlanChannel(msgspec.Struct, forbid_unknown_fields=True):
    radio: int | None = None
    offset: int | None = None

    def __post_init__(self) -> None:
        if (self.radio is None) != (self.offset is None):
            raise ValueError("radio and offset go together; a channel without both is off")


class PlanHeader(msgspec.Struct, forbid_unknown_fields=True):
    length: int
    crc: bool
    coding_rate: int


class PlanService(msgspec.Struct, forbid_unknown_fields=True):
    radio: int
    offset: int
    bandwidth: int
    sf: int
    implicit: PlanHeader | None = None


class PlanFsk(msgspec.Struct, forbid_unknown_fields=True):
    radio: int
    offset: int
    bandwidth: int
    bit_rate: int
    sync_word: Annotated[str, HEX_BYTES] = "c194c1"


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    radios: Annotated[list[PlanRadio], TWO]
    channels: Annotated[list[PlanChannel], Meta(min_length=1, max_length=MULTI_SF_CHAINS)]
    spreading_factors: list[int]
    public: bool = True
    service: PlanService | None = None
    fsk: PlanFsk | None = None


def load(concentrator: config.Concentrator, file: Path) -> Settings:
    """The driver's settings for what `[concentrator]` of kogge.toml (`file`) asks for."""
    board_file = _find("boards", concentrator.board, "concentrator.board", file)
    key = "concentrator.plan" if concentrator.plan else "concentrator.region"
    plan_file = _find("regions", concentrator.plan or concentrator.region, key, file)
    board, plan = _read(board_file, Board), read_plan(plan_file)
    if plan.region.lower() != concentrator.region.lower():
        allowed = f"but its plan {plan_file.name} is for {plan.region}"
        raise ConfigError(file, "concentrator.region", concentrator.region, allowed)
    _check_reach(board, plan, board_file, plan_file)
    try:
        return _settings(concentrator, board, plan)
    except SettingError as error:
        raise _placed(error, board, plan, board_file, plan_file) from None


def read_plan(file: Path) -> Plan:
    """The plan of one file; ConfigError."""
    return _read(file, Plan)


def shipped_plans() -> list[Plan]:
    """The plans of config/regions."""
    return [read_plan(file) for file in sorted((files.shipped() / "regions").glob("*.toml"))]


def shipped_regions() -> list[str]:
    """The names that `concentrator.region` may have."""
    return sorted({plan.region for plan in shipped_plans()})


def frequencies(plan: Plan) -> list[int]:
    """What the plan's channels listen at, in its order."""
    return [
        (plan.radios[channel.radio].frequency or 0) + channel.offset
        for channel in plan.channels
        if channel.radio is not None and channel.offset is not None
    ]


def _find(kind: str, name: str, key: str, file: Path) -> Path:
    shipped = files.shipped() / kind
    known_as = DEFAULT_PLANS.get(name.lower(), name.lower())
    for path in (shipped / f"{known_as}.toml", file.parent / name):
        if path.is_file():
            return path
    if key == "concentrator.region":
        raise ConfigError(file, key, name, f"known are: {', '.join(shipped_regions())}")
    known = ", ".join(sorted(path.stem for path in shipped.glob("*.toml")))
    raise ConfigError(file, key, name, f"known are: {known}, or give the path of a file")


def _read(file: Path, shape: type[Shape]) -> Shape:
    return config.convert(files.read_toml(file), shape, file)


def _check_reach(board: Board, plan: Plan, board_file: Path, plan_file: Path) -> None:
    """The plan stays within what the board is built for."""
    low, high = board.frequencies
    allowed = (
        f"{board.name} ({board_file.name}) is built for {_mhz(low)}–{_mhz(high)} MHz:"
        " choose a concentrator.board and a plan for one band"
    )
    for i, radio in enumerate(plan.radios, 1):
        if radio.frequency is not None and not low <= radio.frequency <= high:
            raise ConfigError(plan_file, f"radios[{i}].frequency", radio.frequency, allowed)
        if radio.transmit is None:
            continue
        if min(radio.transmit) < low or max(radio.transmit) > high:
            raise ConfigError(plan_file, f"radios[{i}].transmit", radio.transmit, allowed)
        if _powers(board.radios[i - 1], radio.transmit) is None:
            allowed = f"radios[{i}].powers of {board_file} are not for all of it"
            raise ConfigError(plan_file, f"radios[{i}].transmit", radio.transmit, allowed)


def _mhz(hertz: int) -> str:
    return f"{hertz / 1e6:g}"


def _powers(made: BoardRadio, transmit: tuple[int, int]) -> int | None:
    """Which of the radio's tables is for this range: the first that covers it."""
    for number, powers in enumerate(made.powers):
        low, high = powers.frequencies or transmit
        if low <= transmit[0] and transmit[1] <= high:
            return number
    return None


def _settings(concentrator: config.Concentrator, board: Board, plan: Plan) -> Settings:
    channels = [_channel(each) for each in plan.channels]
    off = [None] * (MULTI_SF_CHAINS - len(channels))
    return Settings(
        radios=(
            _radio(board.radios[0], plan.radios[0]),
            _radio(board.radios[1], plan.radios[1]),
        ),
        clock_source=board.clock_source,
        channels=(*channels, *off),
        spreading_factors=frozenset(plan.spreading_factors),
        service=_service(plan.service) if plan.service else None,
        fsk=_fsk(plan.fsk) if plan.fsk else None,
        public=plan.public,
        fine_timestamps=FineTimestamps(concentrator.fine_timestamps),
        antenna_gain=concentrator.antenna_gain,
    )


def _radio(made: BoardRadio, planned: PlanRadio) -> Radio | None:
    if planned.frequency is None:
        return None
    table = _powers(made, planned.transmit) if planned.transmit else None
    rows = made.powers[table].gains if table is not None else []
    return Radio(
        frequency=planned.frequency,
        rssi_offset=made.rssi_offset,
        rssi_tcomp=made.rssi_tcomp,
        single_input=made.single_input,
        transmit=planned.transmit,
        gains=tuple(GainRow(**msgspec.structs.asdict(row)) for row in rows),
    )


def _channel(planned: PlanChannel) -> Channel | None:
    if planned.radio is None or planned.offset is None:
        return None
    return Channel(radio=planned.radio, offset=planned.offset)


def _service(planned: PlanService) -> Service:
    header = planned.implicit
    return Service(
        radio=planned.radio,
        offset=planned.offset,
        bandwidth=planned.bandwidth,
        sf=planned.sf,
        implicit=ImplicitHeader(**msgspec.structs.asdict(header)) if header else None,
    )


def _fsk(planned: PlanFsk) -> Fsk:
    return Fsk(
        radio=planned.radio,
        offset=planned.offset,
        bandwidth=planned.bandwidth,
        bit_rate=planned.bit_rate,
        sync_word=bytes.fromhex(planned.sync_word),
    )


def _placed(
    error: SettingError, board: Board, plan: Plan, board_file: Path, plan_file: Path
) -> ConfigError:
    """Say in which file the key stands, and how it is written there."""
    key = re.sub(r"\.(\d+)", lambda found: f"[{int(found[1]) + 1}]", error.key)
    gains = re.fullmatch(r"radios\[(\d)\]\.(gains.*)", key)
    if gains is not None:
        number = int(gains[1]) - 1
        table = _powers(board.radios[number], plan.radios[number].transmit or (0, 0)) or 0
        key = f"radios[{gains[1]}].powers[{table + 1}].{gains[2]}"
    file = board_file if gains is not None or key == "clock_source" else plan_file
    return ConfigError(file, key, error.value, error.allowed)
