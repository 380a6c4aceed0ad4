"""Which broker is asked next, with brokers that are only names."""

from typing import Any, cast

import pytest
from broker import fake_broker, free_port

from gateway.config import Mqtt
from gateway.northbound.broker import Broker
from gateway.northbound.brokers import FAILURES, RETURN_SECONDS, Brokers
from gateway.northbound.tls import Certificates


class Named:
    def __init__(self, url: str) -> None:
        self.url = url


def brokers(count: int = 3) -> Brokers:
    return Brokers(cast(Any, [Named(name) for name in "abc"[:count]]), lambda: 0.5)


def urls(brokers: Brokers, failures: int) -> str:
    found = ""
    for _ in range(failures):
        found += brokers.current.url
        brokers.failed()
    return found


def test_each_is_asked_a_few_times_and_after_the_last_the_first_again() -> None:
    assert FAILURES == 3
    assert urls(brokers(), 11) == "aaabbbcccaa"


def test_one_broker_is_asked_for_ever() -> None:
    assert urls(brokers(1), 7) == "aaaaaaa"


def test_failures_count_in_a_row() -> None:
    several = brokers()
    assert urls(several, 2) == "aa"
    several.worked()
    assert urls(several, 4) == "aaab"


def test_server_that_says_it_is_elsewhere_is_left_at_once() -> None:
    several = brokers()
    several.failed(elsewhere=True)
    assert (several.current.url, several.is_fallback) == ("b", True)


def test_return_to_the_first_that_fails_leads_back_at_once() -> None:
    several = brokers()
    urls(several, 6)
    assert several.current.url == "c"
    several.return_to_first()
    assert (several.current.url, several.is_fallback) == ("a", False)
    several.failed()
    assert several.current.url == "c"
    several.return_to_first()
    several.worked()
    assert urls(several, 4) == "aaab"


def test_gateways_do_not_return_together() -> None:
    looks = {
        Brokers(cast(Any, [Named("a")]), lambda n=n: n / 10).next_look()  # type: ignore[misc]
        for n in range(10)
    }
    assert len(looks) == 10
    assert RETURN_SECONDS / 2 <= min(looks) <= max(looks) <= RETURN_SECONDS


@pytest.mark.parametrize("there", [True, False])
async def test_first_that_listens_is_found(there: bool) -> None:
    async def serve(wire: object) -> None:
        pass

    async with fake_broker(serve) as port:
        mqtt = Mqtt(url=f"mqtt://127.0.0.1:{port if there else free_port()}")
        certificates = Certificates(mqtt, lambda: True, lambda: 0.0)
        first = Broker(mqtt, mqtt.url, "kogge-x", certificates)
        assert await Brokers([first], lambda: 0.5).first_listens() is there
