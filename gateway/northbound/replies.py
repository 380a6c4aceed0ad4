"""Where answers go beside the events: the MQTT 5 response topics of commands.

Best effort: from memory, in bounds, forgotten at a restart. A topic of our own is none.
"""

from typing import Final, NamedTuple

from gateway.northbound.client import Received
from gateway.records import Event

LONGEST: Final = 1024  # bytes of a response topic, and of correlation data
MOST: Final = 1000


class Reply(NamedTuple):
    """Where an answer goes beside the events."""

    topic: str
    correlation_data: bytes


class Replies:
    """By correlation; `ours` is what the topics of this gateway begin with."""

    def __init__(self, ours: str) -> None:
        self._ours = ours
        self._replies: dict[str, Reply] = {}

    def remember(self, message: Received, correlation: str) -> None:
        reply = Reply(message.response_topic, message.correlation_data)
        if not self._is_usable(reply):
            return
        self._replies[correlation] = reply
        if len(self._replies) > MOST:
            del self._replies[next(iter(self._replies))]

    def to(self, event: Event) -> Reply | None:
        """Where this event is wanted too; after a final answer nothing more is."""
        correlation = event.detail.get("correlation")
        if not isinstance(correlation, str):
            return None
        if event.detail.get("final", True):
            return self._replies.pop(correlation, None)
        return self._replies.get(correlation)

    def _is_usable(self, reply: Reply) -> bool:
        short = max(len(reply.topic), len(reply.correlation_data)) <= LONGEST
        is_topic = bool(reply.topic) and not set(reply.topic) & set("+#\0")
        return short and is_topic and not reply.topic.startswith(self._ours)
