"""The properties of MQTT 5 that we send, and what a PUBLISH with them weighs."""

from typing import Final

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.northbound.formats import Content

SESSION_SECONDS: Final = 7 * 86_400  # so long the broker keeps commands (MQTT 5 §3.1.2.11.2)
UNDONE_MESSAGES: Final = 16  # sent to us and not acknowledged (MQTT 5 §3.1.2.11.3)


def lasting_session() -> Properties:
    """Of a CONNECT (§3.1.2.11)."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_SECONDS
    properties.ReceiveMaximum = UNDONE_MESSAGES
    return properties


def publish_properties(content: Content, correlation_data: bytes = b"") -> Properties | None:
    """Of a PUBLISH in MQTT 5 (§3.3.2.3); None where there is nothing to say."""
    if not (correlation_data or any(content)):
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if content.type:
        properties.ContentType = content.type
    if content.encoding:  # MQTT has no property of its own for it
        properties.UserProperty = ("content-encoding", content.encoding)
    if correlation_data:
        properties.CorrelationData = correlation_data
    return properties


def publish_size(topic: str, payload: bytes, properties: Properties | None) -> int:
    """Bytes of a PUBLISH with QoS 1 in MQTT 5 (§3.3)."""
    packed = 1 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
    rest = 2 + len(topic.encode()) + 2 + packed + len(payload)
    return 1 + -(-rest.bit_length() // 7) + rest  # type, length of the rest, rest
