"""What this gateway says to the city, and on which topic: docs/mqtt.md."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from gateway.config import Mqtt
from gateway.northbound.formats import Content, Format, json
from gateway.northbound.formats.json import RadioState
from gateway.northbound.names import PLAIN, Names
from gateway.records import Event, Moment, Reading
from gateway.store.buffer import Batch


class Message(NamedTuple):
    topic: str
    payload: bytes
    content: Content = Content()


class Messages:
    """`dated` and `now` are the clock's; `names` says what devices are called."""

    def __init__(
        self,
        mqtt: Mqtt,
        eui: str,
        dated: Callable[[Moment], Moment],
        now: Callable[[], Moment],
        names: Names = PLAIN,
    ) -> None:
        self._root, self._eui, self._format = f"{mqtt.topic_prefix}/{eui}", eui, Format(mqtt)
        self._dated, self._now, self._names = dated, now, names

    def topic(self, kind: str) -> str:
        return f"{self._root}/{kind}"

    def of(self, batch: Batch, protocol: str) -> Message:
        """A batch is of readings or of events; `protocol` is "5" or "3.1.1"."""
        readings = [
            self._names.reading(record) for record in batch.records if isinstance(record, Reading)
        ]
        if readings:
            kind = "readings" if protocol == "5" else self._format.topic
            payload = self._format.readings(
                self._eui, batch.number, readings, batch.historical, self._dated, self._now()
            )
            content = self._format.content if kind == "readings" else Content()
            return Message(self.topic(kind), payload, content)
        events = [record for record in batch.records if isinstance(record, Event)]
        return Message(self.topic("events"), self.events(events))

    def events(self, events: list[Event]) -> bytes:
        return json.events(self._eui, map(self._names.event, events), self._dated)

    def status(
        self,
        state: Literal["online", "offline"],
        since: Moment | None,
        backlog: int,
        radio: RadioState,
        paused: bool,
        certificate_until: float | None = None,
    ) -> Message:
        """Without `since` it is the last will's: nobody knows yet when that will be."""
        dated = None if since is None else self._dated(since)
        said = json.status(self._eui, state, dated, backlog, radio, paused, certificate_until)
        return Message(self.topic("status"), said)
