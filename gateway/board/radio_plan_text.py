"""The driver's settings as the text of a board profile and of a channel plan (TOML).

What `radio_plan.py` makes of both files, with antenna gain and fine timestamps in kogge.toml,
are the same settings again.
"""

import json
from collections.abc import Iterator

from drivers.sx1302.settings import CALIBRATION_BANDS, Channel, Fsk, Radio, Service, Settings

NO_RADIO = Radio(frequency=0)


def board(settings: Settings, name: str) -> str:
    """The board profile; its frequencies are the bands that the settings use."""
    low, high = _built_for(settings)
    lines = [
        f"name = {quoted(name)}",
        f"frequencies = [{low:_}, {high:_}]",
        f"clock_source = {settings.clock_source}                               "
        "# the radio that clocks the SX1302",
    ]
    for radio in settings.radios:
        lines += ["", *_made(radio or NO_RADIO)]
    return "\n".join(lines) + "\n"


def plan(settings: Settings, region: str) -> str:
    """The channel plan, each channel with its frequency."""
    factors = ", ".join(str(factor) for factor in sorted(settings.spreading_factors))
    lines = [
        f"region = {quoted(region)}",
        f"public = {_truth(settings.public)}",
        f"spreading_factors = [{factors}]",
    ]
    for radio in settings.radios:
        lines += ["", *_tuned(radio)]
    for channel in _without_tail(settings.channels):
        lines += ["", *_heard(settings, channel)]
    if settings.service is not None:
        lines += ["", *_service(settings, settings.service)]
    if settings.fsk is not None:
        lines += ["", *_fsk(settings, settings.fsk)]
    return "\n".join(lines) + "\n"


def megahertz(hertz: int) -> str:
    """As people write it: 868.1, 865.0625."""
    return f"{hertz / 1_000_000:.6f}".rstrip("0").rstrip(".")


def quoted(text: str) -> str:
    """A TOML string: JSON's, which lets one character pass that TOML does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _commented(key: str, comment: str) -> str:
    return f"{key:47}# {comment}"


def _built_for(settings: Settings) -> tuple[int, int]:
    edges: list[int] = []
    for _, radio in settings.radio_chains:
        edges += radio.transmit or ()
        for low, high in CALIBRATION_BANDS:
            if low * 1_000_000 < radio.frequency < high * 1_000_000:
                edges += (low * 1_000_000, high * 1_000_000)
    return min(edges), max(edges)


def _made(radio: Radio) -> Iterator[str]:
    yield "[[radios]]"
    yield f"rssi_offset = {radio.rssi_offset!r}"
    yield f"rssi_tcomp = [{', '.join(repr(c) for c in radio.rssi_tcomp)}]"
    if radio.single_input:
        yield "single_input = true"
    if radio.transmit is None:
        return
    yield ""
    yield "[[radios.powers]]"
    yield "gains = ["
    for row in radio.gains:
        digital = f", dig_gain = {row.dig_gain}" if row.dig_gain else ""
        power = f"rf_power = {row.rf_power}, pa_gain = {row.pa_gain}, pwr_idx = {row.pwr_idx}"
        yield f"  {{ {power}{digital} }},"
    yield "]"


def _tuned(radio: Radio | None) -> Iterator[str]:
    if radio is None:
        yield _commented("[[radios]]", "off")
        return
    yield "[[radios]]"
    yield f"frequency = {radio.frequency:_}"
    if radio.transmit is not None:
        low, high = radio.transmit
        yield f"transmit = [{low:_}, {high:_}]"


def _without_tail(channels: tuple[Channel | None, ...]) -> list[Channel | None]:
    """Up to the last channel that is on, but at least one."""
    last = max((i for i, channel in enumerate(channels) if channel is not None), default=0)
    return list(channels[: last + 1])


def _heard(settings: Settings, channel: Channel | None) -> Iterator[str]:
    if channel is None:
        yield _commented("[[channels]]", "off")
        return
    yield _commented("[[channels]]", f"{megahertz(settings.centre(channel))} MHz")
    yield from _place(channel)


def _place(channel: Channel) -> Iterator[str]:
    yield f"radio = {channel.radio}"
    yield f"offset = {channel.offset:_}"


def _service(settings: Settings, service: Service) -> Iterator[str]:
    yield _commented("[service]", f"{megahertz(settings.centre(service))} MHz")
    yield from _place(service)
    yield f"bandwidth = {service.bandwidth:_}"
    yield f"sf = {service.sf}"
    if service.implicit is not None:
        yield ""
        yield "[service.implicit]"
        yield f"length = {service.implicit.length}"
        yield f"crc = {_truth(service.implicit.crc)}"
        yield f"coding_rate = {service.implicit.coding_rate}"


def _fsk(settings: Settings, fsk: Fsk) -> Iterator[str]:
    yield _commented("[fsk]", f"{megahertz(settings.centre(fsk))} MHz")
    yield from _place(fsk)
    yield f"bandwidth = {fsk.bandwidth:_}"
    yield f"bit_rate = {fsk.bit_rate:_}"
    yield f'sync_word = "{fsk.sync_word.hex()}"'
