"""How the line to the city is: for `kogge status`."""

import msgspec

from gateway.records import Moment


class State(msgspec.Struct):
    """`since` is the moment of the last change of `connected`; `commands`: they can reach us."""

    since: Moment
    connected: bool = False
    commands: bool = False
    protocol: str = ""
    reason: str = "not yet connected"
    published: int = 0
    refused: int = 0
    connections: int = 0
    in_flight: int = 0
