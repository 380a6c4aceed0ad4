"""Packets of the last minutes: what is older is not counted, and the last one is dated."""

from gateway.diagnostics.heard import Heard


def test_packets_of_the_last_five_minutes_are_counted() -> None:
    heard = Heard()
    assert heard.told(1000.0) == {"minutes": 5, "packets": 0, "seconds": None}
    for at, packets in ((1000.0, 2), (1001.0, 1), (1130.0, 4)):
        heard.note(packets, at)
    assert heard.told(1131.5) == {"minutes": 5, "packets": 7, "seconds": 1.5}
    assert heard.told(1000.0 + 300)["packets"] == 4
    assert heard.told(1000.0 + 3600) == {"minutes": 5, "packets": 0, "seconds": 3470.0}


def test_a_long_life_needs_no_more_room_than_minutes() -> None:
    heard = Heard()
    for minute in range(1000):
        heard.note(1, minute * 60.0)
    assert len(heard._minutes) <= 6
    assert heard.told(999 * 60.0)["packets"] == 5
