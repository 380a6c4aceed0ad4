"""Refused joins: each device once a minute, a flood bounded, and nobody hidden by it."""

from gateway.air.join_refusals import AT_MOST, JoinRefusals
from gateway.lorawan.outcome import DropReason

STRANGER, FORGED, OURS = (
    DropReason.UNKNOWN_DEVICE, DropReason.BAD_MIC, DropReason.DEV_NONCE_REUSED,
)  # fmt: skip


def test_each_device_is_news_once_a_minute() -> None:
    refusals = JoinRefusals()
    told = [refusals.is_news(1, OURS, float(at)) for at in range(0, 130, 10)]
    assert [10 * n for n, news in enumerate(told) if news] == [0, 60, 120]


def test_another_reason_of_the_same_device_is_news() -> None:
    """Or anybody could hide why it is refused, by a request with its DevEUI and a wrong MIC."""
    refusals = JoinRefusals()
    assert refusals.is_news(1, FORGED, 0.0)
    assert refusals.is_news(1, OURS, 1.0)
    assert refusals.is_news(1, DropReason.JOIN_CLOSED, 2.0)


def test_flood_is_bounded_and_passes() -> None:
    refusals = JoinRefusals()
    assert sum(refusals.is_news(n, STRANGER, 0.0) for n in range(10_000)) == AT_MOST
    assert refusals.is_news(10_001, STRANGER, 60.0)


def test_flood_of_strangers_and_of_forged_requests_hides_none_of_our_devices() -> None:
    refusals = JoinRefusals()
    for n in range(10_000):
        refusals.is_news(n, STRANGER, 0.0)
        refusals.is_news(n, FORGED, 0.0)
    ours = [refusals.is_news(n, OURS, 0.0) for n in range(20_000, 20_100)]
    assert sum(ours) == AT_MOST


def test_forged_requests_that_go_on_do_not_hide_a_device_whose_key_is_wrong() -> None:
    """A hundred DevEUIs of ours, again and again, and one that tries every ten minutes."""
    refusals = JoinRefusals()
    told = []
    for second in range(0, 3600, 2):
        for n in range(100):
            refusals.is_news(n, FORGED, float(second))
        if second % 600 == 300:
            told.append(refusals.is_news(1000, FORGED, second + 0.5))
    assert any(told)
