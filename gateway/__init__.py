"""Kogge: the software of a LoRaWAN street gateway."""

from typing import Final

VERSION: Final = "0.1.0"
RELEASED: Final = 1_793_491_200  # 2026-11-01, Unix seconds: no clock that is right says less
