"""What an interoperability case of LoRaWAN is (`lorawan_cases` has them all).

Sources:

- PLAN: LoRa Alliance, End-Device and Network-Server Interoperability Test Plan v1.0.0 (2025-04-03).
  Its page 8 was to be had: sections 3.2.1 and 3.2.2 stand here under their numbers. Its other
  sections were not; no number of theirs stands here.
- CERTIFICATION: the published names of the cases of LoRaWAN end-device certification, read the
  other way round: what the device is tested for, the network server has to begin or to understand.
- LINK_LAYER: TS001-1.0.4 by command or rule, and LINK_LAYER_1_1 what only LoRaWAN 1.1 has.

A demand is what the case asks of a network server; its test is FILE::NAME below `tests/`.
"""

from typing import NamedTuple

PLAN = "Interoperability Test Plan"
CERTIFICATION = "End-device certification"
LINK_LAYER = "TS001-1.0.4"
LINK_LAYER_1_1 = "LoRaWAN 1.1"


class Demand(NamedTuple):
    """What is asked of a network server, and the test that proves it."""

    says: str
    test: str


class Case(NamedTuple):
    """One case that is served."""

    source: str
    name: str
    demands: tuple[Demand, ...]


class NotServed(NamedTuple):
    """One case that is not, and why."""

    source: str
    name: str
    reason: str
