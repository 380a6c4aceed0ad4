"""What a port sounds like that is not a concentrator's: a GPS, a modem, a console."""

import re

SIGNS = (
    (re.compile(rb"\$(G[ABLNPQ]|BD|P)[A-Z0-9]{2,8},"), "it speaks like a GPS (NMEA sentences)"),
    (re.compile(rb"\xb5b[\x01-\x28]"), "it speaks like a GPS (u-blox messages)"),
    (
        re.compile(rb"(?m)^(OK|ERROR|RING|BUSY|NO CARRIER|\+CM[ES] ERROR.*)\r?$"),
        "it answers like a modem",
    ),
)
TEXT = re.compile(rb"[\t\n\r\x1b -~]{8,}")
ADVICE = "name the concentrator's own port (ls -l /dev/serial/by-id shows which there are)"


def description(heard: bytes, sent: bytes) -> str | None:
    """What is at this port, in plain words, if what was heard tells; `sent` is what we sent."""
    voice = _voice(heard, sent)
    return voice and f"this port is not a concentrator: {voice}; {ADVICE}"


def _voice(heard: bytes, sent: bytes) -> str | None:
    for sign, voice in SIGNS:
        if sign.search(heard):
            return voice
    if sent and sent in heard:
        return "it sends our own bytes back, as a modem or a console does"
    return "it speaks plain text" if TEXT.search(heard) else None
