"""Response topics: where answers go beside the events."""

import pytest
from commands_bench import DOWN, TOPIC, City
from messages import EUI, MOMENT

from gateway.northbound.replies import Reply
from gateway.records import Event


def result(status: str, correlation: str = "a-1", *, final: bool = True) -> Event:
    return Event("downlink", MOMENT, {"correlation": correlation, "status": status, "final": final})


async def test_answers_go_to_the_response_topic_until_the_final_one() -> None:
    city = City()
    await city.sends(DOWN, response_topic="city/answers", correlation_data=b"\1\2")
    reply = Reply("city/answers", b"\1\2")
    assert city.commands.reply_to(result("OK", "other")) is None
    assert city.commands.reply_to(result("OK", final=False)) == reply
    assert city.commands.reply_to(result("ACKED")) == reply
    assert city.commands.reply_to(result("ACKED")) is None


@pytest.mark.parametrize(
    "topic", ["", "a/#", "a/+", f"kogge/{EUI}/status", f"{TOPIC}/down", "x" * 1025]
)
async def test_unusable_response_topic_is_no_topic(topic: str) -> None:
    city = City()
    await city.sends(DOWN, response_topic=topic)
    assert len(city.orders) == 1
    assert city.commands.reply_to(result("OK")) is None


async def test_response_topics_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.northbound.replies.MOST", 2)
    city = City()
    for name in "abc":
        await city.sends(DOWN | {"correlation": name}, response_topic=f"to/{name}")
    found = [city.commands.reply_to(result("OK", name)) for name in "abc"]
    assert found == [None, Reply("to/b", b""), Reply("to/c", b"")]
