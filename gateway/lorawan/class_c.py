"""Downlinks at once, to devices that always listen (class C, TS001-1.0.4 §15).

Rules:

- Between its windows a class C device listens with RX2's frequency and data rate.
- A LoRaWAN 1.1 device is of class C from its DeviceModeInd on, an older one as devices.toml says.
  One that has joined has to be heard first, in whichever session: it may not have heard the
  Join-Accept, and in the session that it has left nobody would hear a downlink.
- One that was just asked to move its windows has to be heard once more: nobody knows if it did.
- Behind a confirmed one nothing goes until it is acknowledged or CLASS_C_RESP_TIMEOUT is over: a
  device up to 1.0.3 acknowledges the latest downlink alone (1.0.3 §4.3.1.2), so an unconfirmed one
  in between would take the ACK away.
- After an uplink its windows come first: while they are open nothing else is sent. What was
  composed before it and has not left until then does not stand any more: an answer may have taken
  the next counter, and the order of the downlink counters is that of the air.
"""

from gateway.lorawan.activation import Activation
from gateway.lorawan.downlink import (
    Answer,
    application_of,
    compose,
    immediate_window,
    payload_room,
    room,
)
from gateway.lorawan.moment import Moment
from gateway.lorawan.order import NOTHING, Queued, Step
from gateway.lorawan.plan import Plan
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.requests import windows_in_doubt

RESP_TIMEOUT = 8.0
"""CLASS_C_RESP_TIMEOUT in seconds (RP002-1.0.4): by then a device has answered, or does later."""


def listens(activation: Activation, moment: Moment) -> bool:
    """Whether the device can be sent to now."""
    session = activation.session
    known = not (session.pending or activation.doubtful or windows_in_doubt(session))
    is_c = activation.device.device_class == "C" and known
    says_so = session.version == "1.0" or session.mac.class_c
    return is_c and says_so and moment.monotonic_s >= activation.windows_until


def stands(activation: Activation, queued: Queued, moment: Moment) -> bool:
    """Whether a downlink that was composed in this session may still be sent: it listens, and
    nothing was composed since that counts on from it.
    """
    following = activation.session.next_f_cnt_down(queued.order.f_port)
    return listens(activation, moment) and queued.f_cnt == following - 1


def downlink_now(
    activation: Activation, moment: Moment, plan: Plan, downlinks: DownlinkQueue
) -> tuple[Answer | None, Step]:
    """The next downlink of a device that `listens`; the caller commits session and step first."""
    session = activation.session
    if moment.monotonic_s < downlinks.ends_at(session.dev_eui) + RESP_TIMEOUT:
        return None, NOTHING
    windows = immediate_window(plan.region, plan.rx_of(session.mac))
    queued, step = downlinks.next_for(session.dev_eui, payload_room(windows), moment.unix_s)
    if queued is None:
        return None, step
    composed = compose(
        session,
        activation.keys,
        ack=None,
        adr=activation.device.adr,
        commands=(),
        application=application_of(queued),
        room=room(windows),
        more=downlinks.has_more(session.dev_eui, moment.unix_s, queued),
    )
    step += downlinks.hand_over(queued, session.id, composed.f_cnt)
    return Answer(composed.phy_payload, windows, queued.number, session.dev_eui), step
