"""A `Client` of a broker on this machine."""

from typing import Any

from aiomqtt import ProtocolVersion, Will

from gateway.northbound.client import Client

V5, V311 = ProtocolVersion.V5, ProtocolVersion.V311
CONNACK = "20 03 00 00 00"


def client(port: int, protocol: ProtocolVersion = V5, **more: Any) -> Client:
    options: dict[str, Any] = {"in_flight": 20} | more
    return Client(
        "127.0.0.1", port, identifier="kogge-test", protocol=protocol, will=Will("will"), **options
    )
