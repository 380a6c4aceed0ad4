"""Kogge: the software of a LoRaWAN street gateway."""

from typing import Final

VERSION: Final = "0.1.0"
