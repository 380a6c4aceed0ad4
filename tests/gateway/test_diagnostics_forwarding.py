"""The op "forward": what is asked, and how it stands then."""

from typing import Any

import pytest
from forwarder_bench import Gateway, MemoryBuffer

from gateway.diagnostics.forwarding import answer


def asked(gateway: Gateway, **request: Any) -> dict[str, Any]:
    return answer(gateway.forwarder, {"op": "forward", **request}, 7)


async def test_pause_has_an_end_from_its_beginning() -> None:
    gateway = Gateway(1, MemoryBuffer())
    running = {
        "forward": "running", "seconds_left": None, "connected": False, "backlog": 7, "parked": 0,
    }  # fmt: skip
    assert asked(gateway) == running
    found = asked(gateway, action="pause")
    assert found["forward"] == "paused"
    assert found["seconds_left"] == pytest.approx(3600, abs=5)
    assert asked(gateway, action="pause", minutes=5)["seconds_left"] == pytest.approx(300, abs=5)
    assert asked(gateway, action="status")["forward"] == "paused"
    assert asked(gateway, action="resume") == running
    assert asked(gateway, action="retry") == running | {"retried": 0}


@pytest.mark.parametrize(
    "request_", [{"action": "stop"}, {"minutes": 0}, {"action": "pause", "minutes": 1441}]
)
async def test_nonsense_is_refused(request_: dict[str, Any]) -> None:
    gateway = Gateway(1, MemoryBuffer())
    assert "not understood" in asked(gateway, **request_)["error"]
    assert gateway.forwarder.state.paused is None


def test_before_the_eui_is_known_it_says_so() -> None:
    assert "EUI" in answer(None, {}, 0)["error"]
