"""The port's URL says which kind of concentrator it is."""

from pathlib import Path

import pytest

from drivers.semtech_udp.udp import SemtechUdp
from drivers.sx1302.concentrator import Sx1302
from gateway.board import hardware, radio_plan
from gateway.config import Concentrator


@pytest.mark.parametrize(
    ("port", "kind"),
    [
        ("/dev/kogge-concentrator", Sx1302),
        ("socket://127.0.0.1:5000", Sx1302),
        ("udp://127.0.0.1:1700", SemtechUdp),
    ],
)
def test_port_chooses_the_driver(port: str, kind: type) -> None:
    wanted = Concentrator(port=port)
    settings = radio_plan.load(wanted, Path("kogge.toml"))
    assert isinstance(hardware.concentrator(wanted, settings), kind)
