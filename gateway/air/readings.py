"""What an uplink says: its reading, decoded as far as that can be done at once, and the events that
it is. Pure: what becomes of them is for `gateway.air.uplinks`.
"""

from typing import Any

from drivers.concentrator import RxPacket
from gateway.air.decoding import NO_CODEC
from gateway.codecs.catalogue import Codec
from gateway.lorawan.device import Device
from gateway.lorawan.mac_uplink import DevStatusAns
from gateway.lorawan.outcome import Uplink
from gateway.lorawan.session import Session
from gateway.lorawan.uplink import MAX_RESETS
from gateway.records import Event, Moment, Radio, Reading, Record, Value

MANY_RESETS = 128
WITHOUT_RESETS = (
    "without one left it is refused. It restarts often, or somebody replays its old frames: give it"
    " another dev_addr, in the device and in devices.toml"
)
BATTERY_LEVEL = "battery_level"


def reading_of(uplink: Uplink, codec: Codec | None, packet: RxPacket, moment: Moment) -> Reading:
    """With a codec in JavaScript it is undecoded, and goes on by gateway.air.decoding."""
    device = uplink.device
    decoded, undecoded = None, codec is not None and codec.script is not None
    if codec is not None and not undecoded:
        decoded = codec.decode(uplink.f_port, uplink.frm_payload, device.depth)
    error = NO_CODEC if codec is None else None if decoded is None else decoded.error
    return Reading(
        id=uplink.reading_id,
        device=f"{device.dev_eui:016x}",
        session=uplink.session_hex,
        name=device.name,
        moment=moment,
        f_port=uplink.f_port,
        f_cnt=uplink.f_cnt,
        confirmed=uplink.confirmed,
        measurements=_level(uplink.status) | (decoded.measurements if decoded else {}),
        units=_level_unit(uplink.status) | (decoded.units if decoded else {}),
        radio=_radio(packet),
        payload=uplink.frm_payload.hex() if error or undecoded else None,
        error=error,
        flags=(decoded.flags or None) if decoded else None,
        undecoded=undecoded,
    )


def events_of(uplink: Uplink, moment: Moment) -> list[Record]:
    """What an uplink says beside its payload: its battery; or that its counter begins anew."""
    found: list[Record] = []
    if uplink.begun_anew:
        found.append(Event("join", moment, _begun_anew(uplink)))
    if uplink.status is not None:
        found.append(_battery(uplink.device, uplink.status, moment))
    return found


def activation_detail(device: Device, session: Session) -> dict[str, Value | None]:
    """Whose session begins, as a join event tells it."""
    return {
        "device": f"{device.dev_eui:016x}",
        "name": device.name,
        "dev_addr": f"{session.dev_addr:08x}",
        "session": session.id.hex(),
    }


def shown(reading: Reading) -> dict[str, Any]:
    """A reading as an onlooker sees it."""
    moment: Moment = reading.moment
    return {
        "id": reading.id,
        "device": reading.device,
        "name": reading.name,
        "at": moment.at,
        "f_cnt": reading.f_cnt,
        "measurements": reading.measurements,
        "units": reading.units,
        "flags": reading.flags,
        "error": reading.error,
        "radio": {"rssi": reading.radio.rssi, "snr": reading.radio.snr, "sf": reading.radio.sf},
    }


def _level(status: DevStatusAns | None) -> dict[str, Value]:
    """A DevStatusAns as a measurement, where it says a charge."""
    percent = None if status is None else status.battery_percent
    return {} if percent is None else {BATTERY_LEVEL: round(percent, 1)}


def _level_unit(status: DevStatusAns | None) -> dict[str, str]:
    return {BATTERY_LEVEL: "%EL"} if _level(status) else {}


def _radio(packet: RxPacket) -> Radio:
    return Radio(
        rssi=round(packet.rssi, 1),
        snr=packet.snr,
        sf=packet.sf,
        bw=packet.bandwidth,
        frequency=packet.frequency,
    )


def _begun_anew(uplink: Uplink) -> dict[str, Value | None]:
    resets = uplink.session.id[4]
    said = activation_detail(uplink.device, uplink.session)
    said |= {"f_cnt_reset": True, "resets": resets}
    if resets < MANY_RESETS:
        return said
    return said | {"reason": f"{resets} of {MAX_RESETS} resets are spent; {WITHOUT_RESETS}"}


def _battery(device: Device, status: DevStatusAns, moment: Moment) -> Event:
    """`margin` in dB: the SNR with which the device hears us."""
    return Event(
        "battery",
        moment,
        {
            "device": f"{device.dev_eui:016x}",
            "name": device.name,
            BATTERY_LEVEL: _level(status).get(BATTERY_LEVEL),
            "external_power": status.external_power,
            "margin": status.margin,
        },
    )
