"""Settings written as board and plan are read as the same settings."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from drivers.sx1302.settings import (
    Channel,
    FineTimestamps,
    Fsk,
    GainRow,
    ImplicitHeader,
    Radio,
    Service,
    Settings,
)
from gateway.board import radio_plan, radio_plan_text
from gateway.config import Concentrator

BANDS = [(430, 440), (470, 510), (779, 787), (863, 870), (902, 928)]
FINITE = st.floats(-1e6, 1e6)
ROWS = st.builds(
    GainRow, st.integers(-20, 30), st.integers(0, 3), st.integers(0, 22), st.integers(0, 3)
)
TABLES = st.lists(ROWS, min_size=1, max_size=16).map(
    lambda rows: tuple(sorted(rows, key=lambda row: row.rf_power))
)
BANDWIDTHS = st.sampled_from([125_000, 250_000, 500_000])


@st.composite
def radios(draw: st.DrawFn) -> Radio:
    low, high = draw(st.sampled_from(BANDS))
    inside = st.integers(low * 1_000_000 + 1, high * 1_000_000 - 1)
    ends = sorted((draw(inside), draw(inside)))
    transmit = draw(st.sampled_from([None, (ends[0], ends[1])]))
    return Radio(
        frequency=draw(inside),
        rssi_offset=draw(FINITE),
        rssi_tcomp=draw(st.tuples(*[FINITE] * 5)),
        single_input=draw(st.booleans()),
        transmit=transmit,
        gains=draw(TABLES) if transmit else (),
    )


@st.composite
def places(draw: st.DrawFn, on: list[int], bandwidth: int) -> tuple[int, int]:
    limit = 800_000 - bandwidth // 2
    return draw(st.sampled_from(on)), draw(st.integers(-limit, limit))


@st.composite
def services(draw: st.DrawFn, on: list[int]) -> Service:
    bandwidth = draw(BANDWIDTHS)
    radio, offset = draw(places(on, bandwidth))
    headers = st.builds(
        ImplicitHeader,
        length=st.integers(1, 255),
        crc=st.booleans(),
        coding_rate=st.integers(1, 4),
    )
    sf, implicit = draw(st.integers(5, 12)), draw(st.none() | headers)
    return Service(radio=radio, offset=offset, bandwidth=bandwidth, sf=sf, implicit=implicit)


@st.composite
def fsks(draw: st.DrawFn, on: list[int]) -> Fsk:
    bandwidth = draw(BANDWIDTHS)
    radio, offset = draw(places(on, bandwidth))
    rate, word = draw(st.integers(500, 250_000)), draw(st.binary(min_size=1, max_size=8))
    return Fsk(radio=radio, offset=offset, bandwidth=bandwidth, bit_rate=rate, sync_word=word)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    clock = draw(st.integers(0, 1))
    both = [draw(radios()), draw(st.none() | radios())]
    pair = (both[0], both[1]) if clock == 0 else (both[1], both[0])
    on = [i for i, radio in enumerate(pair) if radio is not None]
    chains: dict[int, Channel] = {}
    for _ in range(8):
        number, offset = draw(places(on, 125_000))
        tuned = pair[number]
        assert tuned is not None
        chains[tuned.frequency + offset] = Channel(radio=number, offset=offset)
    heard = list(chains.values())
    return Settings(
        radios=pair,
        clock_source=clock,
        channels=tuple(draw(st.permutations([*heard, *[None] * 8][:8]))),
        spreading_factors=draw(st.frozensets(st.integers(5, 12))),
        service=draw(st.none() | services(on)),
        fsk=draw(st.none() | fsks(on)),
        public=draw(st.booleans()),
        fine_timestamps=draw(st.sampled_from(FineTimestamps)),
        antenna_gain=draw(st.floats(-30, 30)),
    )


@given(any_settings(), st.text())
def test_settings_survive_being_written_and_read(settings: Settings, name: str) -> None:
    with TemporaryDirectory() as place:
        directory = Path(place)
        board, plan = directory / "board.toml", directory / "plan.toml"
        board.write_text(radio_plan_text.board(settings, name), encoding="utf-8")
        plan.write_text(radio_plan_text.plan(settings, "EU868"), encoding="utf-8")
        asked = Concentrator(
            board="board.toml",
            plan="plan.toml",
            antenna_gain=settings.antenna_gain,
            fine_timestamps=settings.fine_timestamps.value,
        )
        assert radio_plan.load(asked, directory / "kogge.toml") == settings
