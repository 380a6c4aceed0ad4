"""`{"op":"devices"}` on the control socket: what the daemon knows of its devices, without a key.

- `{"op":"devices"}`: lines `{"devices": […]}`, and a last one `{"done": …}` about the gateway.
- With `"dev_eui"`: all that is known of this one, its last uplinks and its refusals too; also of
  one that is not in devices.toml (`known` is false then).
- `"action":"reload"`: devices.toml is read anew; `{"done": {"devices", "added", "changed",
  "removed"}}`, or an `error`, and everything stays as it was.
- `"action":"signals"`: lines `{"signals": […]}` of how the last uplinks of each were heard.

Times are Unix seconds, None while the clock is not to be trusted, and ages in seconds beside them.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.air.rhythm import SLACK, Rhythm
from gateway.clock import Clock
from gateway.devices.facts import DeviceFacts, Heard, Refusal
from gateway.lorawan.activation import Activation
from gateway.lorawan.adr import Link
from gateway.lorawan.device import Device
from gateway.lorawan.mac_state import Mac
from gateway.lorawan.mac_uplink import DevStatusAns
from gateway.lorawan.network import Network
from gateway.northbound.names import PLAIN, Names
from gateway.shapes import plainly

Line = dict[str, Any]

AT_ONCE: Final = 50  # devices in a line: some 25 kB
MISSED: Final = 3  # uplinks of a regular device in a row: it is overdue
IRREGULAR: Final = 10  # intervals of any other, and a day at least
DAY: Final = 86_400.0
FLOOR_PER_SF: Final = 2.5  # dB; SF7 is demodulated down to -7.5 dB (SX1302 data sheet)


class Request(msgspec.Struct):
    action: Literal["list", "reload", "signals"] = "list"
    dev_eui: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")] | None = None


class Devices:
    """`reload` reads devices.toml anew, and tells what has changed; `gateway` is told last; `names`
    says what the city calls a device.
    """

    def __init__(
        self,
        network: Network,
        facts: DeviceFacts,
        rhythm: Rhythm,
        clock: Clock,
        reload: Callable[[], Awaitable[Line]],
        gateway: Callable[[], Line],
        names: Names = PLAIN,
    ) -> None:
        self._network, self._facts, self._rhythm = network, facts, rhythm
        self._clock, self._reload, self._gateway = clock, reload, gateway
        self._names = names

    async def answer(self, request: Line) -> AsyncGenerator[Line, None]:
        try:
            asked = msgspec.convert(request, Request)
        except msgspec.ValidationError as error:
            yield {"error": f"not understood: {plainly(error)}"}
            return
        if asked.action == "reload":
            try:
                yield {"done": await self._reload()}
            except PermissionError as error:
                yield {"error": str(error)}
            return
        if asked.action == "signals":
            for found in self._in_parts(self.signals):
                yield {"signals": found}
        elif asked.dev_eui is not None:
            yield {"devices": [self.whole(int(asked.dev_eui, 16))]}
        else:
            for found in self._in_parts(self.one):
                yield {"devices": found}
        now = self._clock.now()
        yield {"done": {"now": now.at, "time_quality": now.time_quality, **self._gateway()}}

    def _in_parts(self, told: Callable[[Device], Line]) -> Iterator[list[Line]]:
        devices = list(self._network.devices.values())
        for at in range(0, len(devices), AT_ONCE):
            yield [told(device) for device in devices[at : at + AT_ONCE]]

    def signals(self, device: Device) -> Line:
        """How its last uplinks were heard: [SF, SNR], oldest first."""
        heard = self._facts.of(device.dev_eui).heard()
        return {
            "dev_eui": f"{device.dev_eui:016x}",
            "name": device.name,
            "uplinks": [[one.sf, one.snr] for one in heard],
        }

    def one(self, device: Device) -> Line:
        """What a list has of it."""
        now = self._clock.now().monotonic_s
        facts = self._facts.of(device.dev_eui)
        heard = facts.heard()
        last = heard[-1] if heard else None
        sessions = self._network.sessions(device.dev_eui)
        interval, regular = self._rhythm.usual(device.dev_eui)
        silent = None if last is None else now - last.at
        return {
            **described(device),
            "pseudonym": self._names.pseudonym(device.dev_eui),
            **_session(device, sessions),
            "joins": facts.joins,
            "joined": self._when(facts.joined_at, now),
            "dev_nonces": self._network.dev_nonces(device.dev_eui),
            "seen": self._when(None if last is None else last.at, now),
            "interval_s": None if interval is None else round(interval, 1),
            "regular": regular,
            "overdue_s": overdue(silent, interval, regular),
            "rssi": None if last is None else last.rssi,
            "snr": None if last is None else last.snr,
            "sf": None if last is None else last.sf,
            "margin": None if last is None else margin(last),
            **loss(heard),
            "adr": self._network.adr_reason(device.dev_eui),
            "codec_errors": facts.codec_errors,
            "codec_error": facts.codec_error,
            "codec_error_when": self._when(facts.codec_error_at, now),
        }

    def whole(self, dev_eui: int) -> Line:
        """All that is known of one."""
        now = self._clock.now().monotonic_s
        device = self._network.devices.get(dev_eui)
        sessions = self._network.sessions(dev_eui)
        unused = self._network.unused_sessions(dev_eui)
        addresses = {one.session.dev_addr for one in sessions} | {one.dev_addr for one in unused}
        found = {"dev_eui": f"{dev_eui:016x}"} if device is None else self.one(device)
        refusals = self._facts.refusals(dev_eui, addresses)
        return {
            "known": device is not None,
            **found,
            "unused_dev_addrs": [f"{one.dev_addr:08x}" for one in unused],
            "uplinks": [self._uplink(one, now) for one in self._facts.of(dev_eui).heard()],
            "refused": [self._refusal(one, now) for one in refusals],
        }

    def _uplink(self, heard: Heard, now: float) -> Line:
        told = heard._asdict()
        del told["at"]
        return {**self._seen(heard.at, now), **told, "margin": margin(heard)}

    def _refusal(self, refusal: Refusal, now: float) -> Line:
        return {
            **self._seen(refusal.last_at, now),
            "reason": str(refusal.reason),
            "says": refusal.says,
            "by": "dev_addr" if refusal.by_address else "dev_eui",
            "dev_addr": f"{refusal.whose:08x}" if refusal.by_address else None,
            "count": refusal.count,
            "since_s": round(now - refusal.first_at, 1),
            "rssi": round(refusal.rssi, 1),
        }

    def _when(self, at: float | None, now: float) -> Line | None:
        return None if at is None else self._seen(at, now)

    def _seen(self, at: float, now: float) -> Line:
        return {"at": self._clock.moment(at).at, "age_s": round(max(now - at, 0.0), 1)}


def changed(before: Mapping[int, Device], now: Mapping[int, Device]) -> Line:
    """What a reload did, by DevEUI."""
    common = before.keys() & now.keys()
    return {
        "devices": len(now),
        "added": _hex(now.keys() - before.keys()),
        "changed": _hex(dev_eui for dev_eui in common if before[dev_eui] != now[dev_eui]),
        "removed": _hex(before.keys() - now.keys()),
    }


def _hex(dev_euis: Iterable[int]) -> list[str]:
    return sorted(f"{dev_eui:016x}" for dev_eui in dev_euis)


def described(device: Device) -> Line:
    """As devices.toml has it, without the keys."""
    join_eui, dev_addr = device.join_eui, device.dev_addr
    return {
        "dev_eui": f"{device.dev_eui:016x}",
        "name": device.name,
        "codec": device.codec,
        "lorawan": device.lorawan,
        "class": device.device_class,
        "place": device.place,
        "activation": "OTAA" if device.root_key else "ABP",
        "join_eui": None if join_eui is None else f"{join_eui:016x}",
        "dev_addr": None if dev_addr is None else f"{dev_addr:08x}",
    }


def _session(device: Device, sessions: list[Activation]) -> Line:
    """The session in use; `state` is "joined", "join_unheard": it was let in, and not heard since,
    "heard" of ABP, or "new": never heard.
    """
    used = next((one.session for one in sessions if not one.session.pending), None)
    mac = Mac() if used is None else used.mac
    link = mac.link or Link(-1)
    return {
        **({} if used is None else {"dev_addr": f"{used.dev_addr:08x}"}),
        "state": _state(device, sessions),
        "f_cnt": None if used is None or used.f_cnt_up < 0 else used.f_cnt_up,
        "battery": battery(mac),
        "hears_margin": mac.margin,
        "data_rate": link.dr if mac.link else None,
        "tx_power": link.tx_power if mac.link else None,
        "nb_trans": link.nb_trans if mac.link else None,
    }


def _state(device: Device, sessions: list[Activation]) -> str:
    if device.root_key is None:
        return "heard" if any(one.session.f_cnt_up >= 0 for one in sessions) else "new"
    if any(not one.session.pending for one in sessions):
        return "joined"
    return "join_unheard" if sessions else "new"


def battery(mac: Mac) -> float | str | None:
    """%, or "external"; None as long as it has not said, or cannot measure it."""
    if mac.battery is None:
        return None
    said = DevStatusAns(mac.battery, 0)
    percent = said.battery_percent
    return "external" if said.external_power else None if percent is None else round(percent)


def margin(heard: Heard) -> float | None:
    """dB above the weakest signal that this spreading factor is understood at."""
    if heard.snr is None:
        return None
    return round(heard.snr + FLOOR_PER_SF * (heard.sf - 4), 1)


def loss(heard: list[Heard]) -> Line:
    """Of the last uplinks, in the run of counters that they end with: `heard` and `lost`."""
    run = list(_run(heard))
    if not run:
        return {"heard": 0, "lost": 0}
    return {"heard": len(run), "lost": run[0].f_cnt - run[-1].f_cnt + 1 - len(run)}


def _run(heard: list[Heard]) -> Iterator[Heard]:
    """Newest first, as long as the counter rises: a session that ended has lost nothing since."""
    below: int | None = None
    for one in reversed(heard):
        if below is not None and one.f_cnt >= below:
            return
        below = one.f_cnt
        yield one


def overdue(silent: float | None, interval: float | None, regular: bool) -> float | None:
    """For how many seconds it should have spoken; None: it need not have, or nobody can tell."""
    if silent is None or interval is None:
        return None
    patience = MISSED * interval * (1 + SLACK) if regular else max(IRREGULAR * interval, DAY)
    return None if silent <= patience else round(silent - interval, 1)
