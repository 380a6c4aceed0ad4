"""Refused joins: each device once a minute, a flood bounded."""

from gateway.join_refusals import AT_MOST, JoinRefusals


def test_each_device_is_news_once_a_minute() -> None:
    refusals = JoinRefusals()
    told = [refusals.is_news(1, float(at), ours=True) for at in range(0, 130, 10)]
    assert [10 * n for n, news in enumerate(told) if news] == [0, 60, 120]


def test_flood_is_bounded_and_passes() -> None:
    refusals = JoinRefusals()
    assert sum(refusals.is_news(n, 0.0, ours=False) for n in range(10_000)) == AT_MOST
    assert refusals.is_news(10_001, 60.0, ours=False)


def test_flood_of_strangers_hides_none_of_our_devices() -> None:
    refusals = JoinRefusals()
    for n in range(10_000):
        refusals.is_news(n, 0.0, ours=False)
    ours = [refusals.is_news(n, 0.0, ours=True) for n in range(20_000, 20_100)]
    assert sum(ours) == AT_MOST
