"""A city that sends commands, and has what followed from them."""

import json
from collections.abc import Sequence
from typing import Any

from messages import EUI, MOMENT, check

from gateway.air.decoding import NotEncoded
from gateway.lorawan.order import Order
from gateway.northbound.client import Received
from gateway.northbound.commands import Commands
from gateway.northbound.formats import json as wire
from gateway.northbound.names import PLAIN, Names
from gateway.records import Event
from gateway.replay import Command

TOPIC = f"kogge/{EUI}/command"
DEVICE = "70b3d57ed0000001"
DOWN = {"correlation": "a-1", "device": DEVICE, "f_port": 10, "payload": "b3Blbg=="}
REPLAY = {
    "correlation": "r-1",
    "device": DEVICE,
    "from": "2026-11-22T12:00:00+01:00",
    "to": "2026-11-22T12:00:00.500Z",
}
LOG_LEVEL = {"correlation": "l-1", "level": "debug", "minutes": 5}
LAMP = 0x70B3D57ED00000C0


class City:
    """Sends commands; has what followed from them."""

    def __init__(self, *, archives: bool = True, waiting: int = 0, names: Names = PLAIN) -> None:
        self.waiting = waiting
        self.remembered: list[Command] = []
        self.commits = 0
        self.orders: list[Order] = []
        self.events: list[Event] = []
        self.levels: list[tuple[str, int]] = []
        self.commands = Commands(
            TOPIC,
            order=self._order,
            encode=self._encode,
            keep=self._keep,
            now=lambda: MOMENT,
            devices={int(DEVICE, 16), LAMP},
            listening={LAMP},
            largest=242,
            replays=self,
            archives=archives,
            config=lambda: {
                "store": {"archive_days": 7},
                "mqtt": {"password_file": "/etc/kogge/password"},
            },
            set_log_level=lambda level, minutes: self.levels.append((level, minutes)),
            names=names,
        )

    async def _encode(self, dev_eui: int, f_port: int, data: dict[str, Any]) -> tuple[int, bytes]:
        if "valve" not in data:
            raise NotEncoded("the codec says: no valve")
        return 85, bytes([data["valve"], f_port])

    async def _order(self, order: Order) -> None:
        self.orders.append(order)

    async def _keep(self, events: Sequence[Event], commands: Sequence[Command]) -> None:
        for event in events:
            check("events", wire.events(EUI, [event], lambda moment: moment))
        self.events += events
        self.remembered += commands
        self.commits += 1

    def knows(self, correlation: str) -> bool:
        remembered = (command.correlation for command in self.remembered)
        return correlation in {*remembered, *(order.correlation for order in self.orders)}

    def __len__(self) -> int:
        return self.waiting

    async def sends(self, command: Any, verb: str = "down", **more: Any) -> None:
        payload = command if isinstance(command, bytes) else json.dumps(command).encode()
        await self.commands.take(received(payload, verb, **more))

    @property
    def reason(self) -> str:
        (event,) = self.events
        assert event.detail["status"] == "REFUSED"
        assert self.orders == []
        return str(event.detail["reason"])


def received(payload: bytes, verb: str = "down", **more: Any) -> Received:
    rest: dict[str, Any] = {"retained": False, "response_topic": "", "correlation_data": b""}
    return Received(f"{TOPIC}/{verb}", payload, **(rest | more), mid=1, qos=1)
