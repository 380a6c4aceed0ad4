"""The reason codes of MQTT 5 (§2.4) by name: what each means, and what to do about it.

A refused PUBLISH is told apart by whose fault it may be:

- `CONTENT`: what the message holds or how large it is. It goes out again in halves, and the one
  record that is refused alone is parked.
- `UNSAID`: the broker does not say (a rule or a plugin). It waits; the one record that is refused
  again and again while others pass is parked.
- all others: of the gateway as a whole (rights, quota, topic). Everything waits, nothing is parked.
"""

from collections.abc import Mapping
from typing import Final

TOO_LARGE: Final = 0x95
SESSION_TAKEN_OVER: Final = 0x8E
CONTENT: Final = frozenset({TOO_LARGE, 0x99})
UNSAID: Final = frozenset({0x80, 0x83})
ELSEWHERE: Final = frozenset({0x9C, 0x9D})  # of CONNACK and DISCONNECT: this is not the server

_LOG: Final = "the reason stands in the broker's log"
_QUOTA: Final = "a quota of the broker's is used up: raise it for this gateway, or send less"
_LARGE: Final = "raise the broker's largest packet, or lower mqtt.batch_readings"
_OURS: Final = "it takes this for a fault of the protocol: please report it, with the broker's name"
_MOVED: Final = "put the new address into mqtt.url; mqtt.fallback_urls are tried meanwhile"

PUBACK: Final[Mapping[int, str]] = {
    0x80: f"the broker does not say why: {_LOG}",
    0x83: f"a rule or plugin of the broker's refuses it: {_LOG}",
    0x87: "this gateway may not write there: check the broker's access list",
    0x90: "the broker does not take this topic: check mqtt.topic_prefix",
    0x91: "the broker holds another message under this number: it is sent again under a new one",
    TOO_LARGE: _LARGE,
    0x97: _QUOTA,
    0x99: "the broker checks what messages hold: check its schema against mqtt.format",
}

CONNACK: Final[Mapping[int, str]] = {
    0x80: f"the broker does not say why: {_LOG}",
    0x81: _OURS,
    0x82: _OURS,
    0x83: f"a rule or plugin of the broker's refuses it: {_LOG}",
    0x85: "it does not take this client's name, kogge- and the gateway's EUI: allow it there",
    0x88: "the broker is not ready: it is asked again, ever later",
    0x89: "the broker is busy: it is asked again, ever later",
    0x8A: "the broker has banned this gateway: lift the ban there",
    0x8C: "it wants another kind of login; Kogge has user name, password and certificate",
    0x90: "it does not take the topic of the last will: check mqtt.topic_prefix",
    TOO_LARGE: "it takes no packet as large as a CONNECT: raise its largest packet",
    0x97: _QUOTA,
    0x9A: "it keeps no retained messages: the status is one, allow them",
    0x9B: "it does not take QoS 1: allow it, without it nothing is safe",
    0x9C: f"it sends us to another server for now: {_MOVED}",
    0x9D: f"the server has moved: {_MOVED}",
    0x9F: "too many gateways connect at once: it is asked again, ever later",
}

DISCONNECT: Final[Mapping[int, str]] = {
    0x00: "the broker ended it in good order",
    0x80: f"the broker does not say why: {_LOG}",
    0x81: _OURS,
    0x82: _OURS,
    0x83: f"a rule or plugin of the broker's ended it: {_LOG}",
    0x87: "this gateway may not do what it did: check the broker's access list",
    0x89: "the broker is busy: it is asked again, ever later",
    0x8B: "the broker is shutting down",
    0x8D: "the broker has heard nothing for too long: the line loses what the gateway sends",
    SESSION_TAKEN_OVER: "is another gateway using this EUI?",
    0x90: "the broker does not take a topic: check mqtt.topic_prefix",
    0x93: "the broker counts more messages on their way than it allows: lower mqtt.in_flight",
    TOO_LARGE: f"the next batches are smaller; {_LARGE}",
    0x96: "too many messages a second for the broker: raise mqtt.batch_seconds, "
    "lower mqtt.backlog_messages_per_s",
    0x97: _QUOTA,
    0x98: "somebody ended it at the broker: ask who runs it",
    0x99: "the broker checks what messages hold: check its schema against mqtt.format",
    0x9A: "it keeps no retained messages: the status is one, allow them",
    0x9B: "it does not take QoS 1: allow it, without it nothing is safe",
    0x9C: f"it sends us to another server for now: {_MOVED}",
    0x9D: f"the server has moved: {_MOVED}",
    0x9F: "too many gateways connect at once: it is asked again, ever later",
    0xA0: "the broker lets no connection live longer: it is made anew",
}

# asked again soon these only get worse
_NOT_SOON: Final = frozenset({0x89, 0x96, 0x97, 0x98, 0x9F})


def named(name: str, code: int, meaning: Mapping[int, str]) -> str:
    """`name` is the specification's; with what it means and what to do, as far as it is known."""
    told = f"{name} (0x{code:02x})"
    return f"{told}; {meaning[code]}" if code in meaning else told


def is_soon_over(code: int) -> bool:
    """Whether it makes sense to connect again at once after this DISCONNECT; 0: there was none."""
    return code not in _NOT_SOON | ELSEWHERE | {SESSION_TAKEN_OVER}
