"""What can go wrong with a board, by name: begun, ended and asked for here, and nowhere else.

- `begin` switches a fault on, with its parameters; once more: with new ones. `end` switches it
  off, `heal` all of them: the board is then as if it had never been, but what the fault lost is
  lost. Some faults also end by themselves after `count` times, at a reset of the chip (the reset
  line, or power), or when the board loses power; `healed_by` says which.
- This file knows names and parameters; the parts that suffer (the wire, the microcontroller, the
  chip) ask `get` whether a fault is on, or `strike` whether it hits what they do now.
- What is random comes from the board's seed.
- The last four are no faults: healthy boards do that, and a driver must take it.
"""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ITSELF, RESET, POWER = "itself", "reset", "power"


class FaultError(ValueError):
    """No such fault, or one with impossible parameters; says what is possible."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a fault: what it is when not given, and what it may be."""

    default: Any
    allowed: str
    fits: Callable[[Any], bool]

    def check(self, name: str, value: Any) -> None:
        """A `FaultError` where the value is impossible."""
        if not self.fits(value):
            raise FaultError(f'"{name}" must be {self.allowed}')


@dataclass(frozen=True, slots=True)
class Kind:
    """What is always the same about a fault; `end` and `heal` end every one."""

    about: str
    healed_by: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high


def _is_file_name(value: Any) -> bool:
    try:
        return type(value) is str and value != "" and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _count(default: int | None) -> Parameter:
    return Parameter(
        default,
        "a whole number from 1 to 1000000, or null: until ended",
        lambda value: value is None or _whole(value, 1, 1_000_000),
    )


def _choice(*values: Any) -> Parameter:
    allowed = " or ".join(str(value) for value in values)
    return Parameter(
        values[0],
        allowed,
        lambda value: type(value) is type(values[0]) and value in values,
    )


def _size(default: int, high: int) -> Parameter:
    return Parameter(
        default, f"a whole number from 1 to {high}", lambda value: _whole(value, 1, high)
    )


SHARE = Parameter(1.0, "a number from 0 to 1", lambda value: _number(value, 0, 1))
SECONDS = Parameter(1.0, "a number from 0 to 86400", lambda value: _number(value, 0, 86400))
FOR_SECONDS = Parameter(
    None,
    "a number from 0 to 86400, or null: until plugged",
    lambda value: value is None or _number(value, 0, 86400),
)
LINK = Parameter(
    None,
    "the name of a link, or null: the one before",
    lambda value: value is None or _is_file_name(value),
)
EMITTING = Parameter(False, "true or false", lambda value: type(value) is bool)
CORE = _choice("agc", "arb")
SOME: Mapping[str, Parameter] = {"count": _count(1), "share": SHARE}

KINDS: Mapping[str, Kind] = {
    # the wire between the board and the host; an answer is what one request brings
    "lose": Kind("answers vanish", (ITSELF,), SOME),
    "corrupt": Kind("one byte of an answer is another", (ITSELF,), SOME),
    "garbage": Kind("answers are random bytes", (ITSELF,), {"count": _count(None), "share": SHARE}),
    "split": Kind("answers come in pieces of `size` bytes", (), {"size": _size(1, 4096)}),
    "delay": Kind("answers come `seconds` late", (), {"seconds": SECONDS}),
    "stall": Kind("requests are taken, not done and not answered", (POWER,)),
    "unplug": Kind(
        "port and power are gone; after `seconds` they come back, under another tty name",
        (ITSELF,),
        {"seconds": FOR_SECONDS},
    ),
    "plug": Kind("the end of unplug; `link`: under another name", (ITSELF,), {"link": LINK}),
    # the chip in operation
    "chip_reset": Kind("the chip starts anew, and the host is not told", (ITSELF,)),
    "agc_stuck": Kind("AGC status 0x14, both parity flags, nothing received", (RESET,)),
    "parity": Kind("the parity flag of one core is set", (RESET,), {"core": CORE}),
    "deaf": Kind("nothing received, all registers look healthy", (RESET,)),
    "bad_crc": Kind("every packet comes with a wrong CRC", (RESET,)),
    "counter_stopped": Kind(
        "the chip's clock stands: no count, no reception, no trigger", (RESET,)
    ),
    "tx_stuck": Kind(
        "a transmission never starts, or with `emitting` never ends; one that never starts can be"
        " taken back, one that never ends takes a reset",
        (ITSELF, RESET),
        {"count": _count(1), "emitting": EMITTING},
    ),
    # the chip at its start
    "firmware_mismatch": Kind("a program reads back with a wrong bit", (), {"core": CORE}),
    "wrong_chip": Kind("the chip's SPI reads `value` everywhere", (), {"value": _choice(255, 0)}),
    "wrong_radio": Kind("a radio never answers", (), {"radio": _choice(0, 1)}),
    "late_status": Kind("the status of a core stays 0", (), {"core": CORE}),
    # the receive buffer
    "torn_count": Kind("a reading of the byte count lacks its low byte", (ITSELF,), SOME),
    "bad_checksum": Kind("a packet's checksum is wrong", (ITSELF,), SOME),
    "fifo_garbage": Kind(
        "`size` random bytes stand before a packet", (ITSELF,), {**SOME, "size": _size(5, 255)}
    ),
    # healthy
    "constant_id": Kind("every answer has the request id 0"),
    "agc_0x0f": Kind("the AGC status stays 0x0F after the handshake"),
    "late_tx_status": Kind("the first reading of the TX status after arming is 0x80"),
}


@dataclass(slots=True)
class Fault:
    """A fault that is on, with all its parameters; `count` is how often it still strikes."""

    name: str
    parameters: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]


class Faults:
    """The faults of one board. `on_begin` and `on_end`, by name, are for those that act at once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"faults of {seed}")
        self.on_begin: dict[str, Callable[[Fault], None]] = {}
        self.on_end: dict[str, Callable[[], None]] = {}
        self._active: dict[str, Fault] = {}

    def __bool__(self) -> bool:
        return bool(self._active)

    @property
    def active(self) -> list[dict[str, Any]]:
        """Those that are on: name and parameters, in the order in which they began."""
        return [{"name": fault.name} | fault.parameters for fault in self._active.values()]

    def begin(self, name: object, /, **parameters: Any) -> None:
        """Switch on; a `FaultError` where that makes no sense."""
        name, kind = _kind(name)
        fault = Fault(name, _checked(kind, parameters))
        act = self.on_begin.get(name)
        if act is not None:
            act(fault)
        elif name in ("unplug", "plug"):
            raise FaultError("this board is on no cable: it runs within its program")
        if name not in ("plug", "chip_reset"):
            self._active[name] = fault

    def end(self, name: object) -> None:
        """Switch off, if it is on; a `FaultError` where there is no such fault."""
        name, _ = _kind(name)
        self._active.pop(name, None)
        if (act := self.on_end.get(name)) is not None:
            act()

    def heal(self) -> None:
        """Switch all of them off."""
        for name in KINDS:
            self.end(name)

    def lift(self, cause: str) -> None:
        """What heals by a `RESET` is healed, or also what heals by `POWER`."""
        causes = (RESET, POWER) if cause == POWER else (cause,)
        for name in list(self._active):
            if any(healer in causes for healer in KINDS[name].healed_by):
                del self._active[name]

    def get(self, name: str) -> Fault | None:
        """The fault, if it is on."""
        return self._active.get(name)

    def strike(self, name: str) -> Fault | None:
        """The fault, if it is on and hits now; this uses up one of its count."""
        fault = self._active.get(name)
        if fault is None or self.random.random() >= fault.parameters.get("share", 1.0):
            return None
        if fault["count"] is not None:
            fault.parameters["count"] -= 1
            if not fault["count"]:
                del self._active[name]
        return fault


def _kind(name: object) -> tuple[str, Kind]:
    if not isinstance(name, str) or name not in KINDS:
        raise FaultError(f"no such fault; there are {', '.join(KINDS)}")
    return name, KINDS[name]


def _checked(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """All parameters. A share without a count holds until ended."""
    for name, value in given.items():
        if name not in kind.parameters:
            known = ", ".join(kind.parameters) or "none"
            raise FaultError(f"no such parameter; this fault takes {known}")
        kind.parameters[name].check(name, value)
    values: dict[str, Any] = {
        name: parameter.default for name, parameter in kind.parameters.items()
    } | given
    if "share" in given and "count" not in given:
        values["count"] = None
    return values
