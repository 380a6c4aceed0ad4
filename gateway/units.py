"""Units as people write them; on the wire they are SenML's (RFC 8428, RFC 8798)."""

from typing import Final

FOR_PEOPLE: Final = {
    "Cel": "°C", "deg": "°", "/100": "%", "%RH": "%", "%EL": "%", "ug/m3": "µg/m³",
}  # fmt: skip
