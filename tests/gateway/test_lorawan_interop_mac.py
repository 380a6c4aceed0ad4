"""The network against the demo's end device for days: ADR, channels, rejoins, loss, restarts."""

import pytest
from lorawan_days import Days
from lorawan_network import HEARD

from gateway.lorawan.device import Version
from gateway.lorawan.outcome import DropReason


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("version", "abp"), [("1.0.3", False), ("1.0.4", False), ("1.1", False), ("1.0.4", True)]
)
def test_days_with_loss_leave_nothing_to_object_to(version: Version, abp: bool, seed: int) -> None:
    days = Days(version, abp, seed, loss=0.05, snr=2.0)
    days.join()
    for n in range(400):
        days.speak(confirmed=n % 10 == 0)
        if n % 90 == 80:
            days.restart()
        if version == "1.1" and n % 50 == 49:
            days.send(days.device.rejoin_request(n // 50 % 3))
    assert days.device.violations == []
    assert set(days.drops) <= {DropReason.DUPLICATE, DropReason.REPLAY}
    assert days.device.settings.dr >= 4, "ADR has made it fast"
    assert sorted(days.device.channels) == sorted(HEARD)
