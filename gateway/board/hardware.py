"""Which concentrator `[concentrator]` of kogge.toml means, ready to be started.

The daemon and the bench verbs both build theirs here.
"""

from functools import partial
from pathlib import Path

from drivers.concentrator import Concentrator
from drivers.link import open_link
from drivers.semtech_udp import address
from drivers.sx1302 import firmware
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.settings import Settings
from gateway import config


def concentrator(wanted: config.Concentrator, settings: Settings) -> Concentrator:
    """A board behind a serial port, or a packet forwarder at `udp://`; nothing is opened yet."""
    if wanted.port.startswith(address.SCHEME):
        from drivers.semtech_udp.udp import SemtechUdp  # most have none: memory

        return SemtechUdp(address.Address.from_url(wanted.port))
    return Sx1302(
        settings,
        partial(open_link, wanted.port),
        partial(firmware.load, Path(wanted.firmware_dir), check=wanted.firmware_check),
    )
