"""Board profile and channel plan (config/boards, config/regions) become the driver's settings.

A board says what its maker soldered: which radio clocks the chip, RSSI calibration, transmit
powers. A plan says where the radios and their eight channels listen. Both are found by name among
the shipped files, in upper or lower case, or by path, relative to kogge.toml. Whatever the chip
cannot do is a ConfigError that names file, key, value and what is allowed.
"""

import re
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from drivers.sx1302.settings import (
    MULTI_SF_CHAINS,
    Channel,
    Fsk,
    GainRow,
    Radio,
    Service,
    SettingError,
    Settings,
)
from gateway import config, files
from gateway.errors import ConfigError

Shape = TypeVar("Shape", bound=msgspec.Struct)
TWO = Meta(min_length=2, max_length=2)


class BoardRadio(msgspec.Struct, forbid_unknown_fields=True):
    """`rssi_tcomp`: coefficients a…e of the temperature's effect on the RSSI."""

    rssi_offset: float
    rssi_tcomp: tuple[float, float, float, float, float]
    transmits: bool = False
    single_input: bool = False


class Gain(msgspec.Struct, forbid_unknown_fields=True):
    rf_power: int
    pa_gain: int
    pwr_idx: int


class Board(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    clock_source: int
    radios: Annotated[list[BoardRadio], TWO]
    gains: list[Gain]


class PlanRadio(msgspec.Struct, forbid_unknown_fields=True):
    frequency: int


class PlanChannel(msgspec.Struct, forbid_unknown_fields=True):
    radio: int
    offset: int


class PlanService(PlanChannel, forbid_unknown_fields=True):
    bandwidth: int
    sf: int


class PlanFsk(PlanChannel, forbid_unknown_fields=True):
    bandwidth: int
    bit_rate: int


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    transmit: tuple[int, int]
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
    board, plan = _read(board_file, Board), _read(plan_file, Plan)
    if plan.region.lower() != concentrator.region.lower():
        allowed = f"but the plan {plan_file} is for {plan.region}"
        raise ConfigError(file, "concentrator.region", concentrator.region, allowed)
    try:
        return _settings(board, plan)
    except SettingError as error:
        raise _placed(error, board_file, plan_file) from None


def _find(kind: str, name: str, key: str, file: Path) -> Path:
    shipped = files.shipped() / kind
    for path in (shipped / f"{name.lower()}.toml", file.parent / name):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in shipped.glob("*.toml")))
    raise ConfigError(file, key, name, f"known are: {known}, or give the path of a file")


def _read(file: Path, shape: type[Shape]) -> Shape:
    return config.convert(files.read_toml(file), shape, file)


def _settings(board: Board, plan: Plan) -> Settings:
    channels = [Channel(radio=each.radio, offset=each.offset) for each in plan.channels]
    off = [None] * (MULTI_SF_CHAINS - len(channels))
    return Settings(
        radios=(_radio(board, plan, 0), _radio(board, plan, 1)),
        clock_source=board.clock_source,
        channels=(*channels, *off),
        spreading_factors=frozenset(plan.spreading_factors),
        service=Service(**msgspec.structs.asdict(plan.service)) if plan.service else None,
        fsk=Fsk(**msgspec.structs.asdict(plan.fsk)) if plan.fsk else None,
        public=plan.public,
    )


def _radio(board: Board, plan: Plan, number: int) -> Radio:
    made = board.radios[number]
    rows = (GainRow(row.rf_power, row.pa_gain, row.pwr_idx) for row in board.gains)
    return Radio(
        frequency=plan.radios[number].frequency,
        rssi_offset=made.rssi_offset,
        rssi_tcomp=made.rssi_tcomp,
        single_input=made.single_input,
        transmit=plan.transmit if made.transmits else None,
        gains=tuple(rows) if made.transmits else (),
    )


def _placed(error: SettingError, board_file: Path, plan_file: Path) -> ConfigError:
    """Say in which file the key stands, and how it is written there."""
    key = re.sub(r"\.(\d+)", lambda found: f"[{int(found[1]) + 1}]", error.key)
    gains = re.fullmatch(r"radios\[\d\]\.(gains.*)", key)
    if gains is not None:
        return ConfigError(board_file, gains[1], error.value, error.allowed)
    file = board_file if key == "clock_source" else plan_file
    key = "transmit" if key.endswith(".transmit") else key
    return ConfigError(file, key, error.value, error.allowed)
