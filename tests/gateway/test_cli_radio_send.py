"""kogge radio send: what the air hears, and what the technician is told."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from bench_board import bench, board, driver, write_files
from concentrator_standin import FakeConcentrator
from kogge import kogge

from drivers.concentrator import ConcentratorStatus, LinkLost, TxStatus
from gateway.cli import radio_send
from gateway.cli.radio_bench import Bench
from gateway.cli.radio_limits import Refused, Wish
from gateway.clock import Clock
from gateway.files import DATABASE
from gateway.store.database import Store

CLOCK = Clock(lambda: "ntp", "boot", wall=lambda: 1_700_000_000.0)
SF12 = Wish(frequency=869_000_000, sf=12, count=5, interval=0.01)


async def run(one: Bench, wish: Wish, as_json: bool = True) -> int:
    return await radio_send.send(one, wish, CLOCK, as_json)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No packet is waited for: there is no air."""
    monkeypatch.setattr(radio_send, "time_on_air_us", lambda _: 1_200_000)
    monkeypatch.setattr(radio_send, "END_MARGIN", -1.199)


@pytest.mark.parametrize(
    ("wish", "heard"),
    [
        (
            Wish(frequency=868_300_000, sf=8, power=16),
            {"frequency": 868_300_000, "sf": 8, "bw": 125_000, "inverted": True, "power_dbm": 14},
        ),
        (
            Wish(frequency=869_525_000, sf=7, bandwidth=250_000, power=27, inverted=False),
            {"sf": 7, "bw": 250_000, "inverted": False, "power_dbm": 25},
        ),
        (
            Wish(frequency=868_800_000, fsk=True, payload=b"\xe0abc"),
            {"modulation": "FSK", "frequency": 868_800_000, "payload": "e0616263"},
        ),
    ],
)
async def test_air_hears_what_was_asked_for(
    wish: Wish, heard: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The power is the connector's: an antenna of 2 dBi adds the rest."""
    async with board() as (running, sky):
        one = await asyncio.to_thread(driver, running, tmp_path)
        assert await run(one, wish) == 0
        downlink = await sky.hear()
    assert {**downlink, **heard} == downlink
    assert downlink["payload"].startswith("e0")
    sent, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (sent["status"], sent["payload"]) == ("OK", downlink["payload"])
    assert abs(sent["airtime_us"] - (downlink["end_us"] - downlink["counter_us"])) < 1000
    assert summary == {"event": "summary", "sent": 1, "wanted": 1, "kept": False}


async def test_packets_come_one_after_the_other(tmp_path: Path) -> None:
    async with board() as (running, sky):
        one = await asyncio.to_thread(driver, running, tmp_path)
        assert await run(one, Wish(frequency=868_100_000, sf=7, count=2, interval=0.4)) == 0
        first, second = await sky.hear(), await sky.hear()
    assert [each["payload"][:6] for each in (first, second)] == ["e00001", "e00002"]
    assert second["counter_us"] - first["counter_us"] > 200_000


async def test_duty_cycle_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], soon: None
) -> None:
    one = FakeConcentrator()
    assert await run(await asyncio.to_thread(bench, one, tmp_path), SF12) == 1
    *sent, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["status"] for each in sent] == ["OK"] * 3 + ["DUTY_CYCLE_OVERFLOW"]
    assert [each["seconds_left"] for each in sent] == [2.4, 1.2, 0.0, 0.0]
    assert (summary["sent"], summary["wanted"]) == (3, 5)
    assert len(one.sent) == 3


async def test_airtime_of_one_run_counts_in_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], soon: None
) -> None:
    await (await Store.open(tmp_path / DATABASE)).close()  # the daemon was here
    one = await asyncio.to_thread(bench, FakeConcentrator(), tmp_path)
    left = []
    for wish in (Wish(frequency=869_000_000, sf=12), SF12):
        await run(one, wish)
        first, *_, summary = map(json.loads, capsys.readouterr().out.splitlines())
        assert summary["kept"] is True
        left.append(first["seconds_left"])
    assert left == [2.4, 1.2]
    with pytest.raises(Refused, match=r"has 0\.000 s left"):
        await run(one, SF12)


async def test_database_that_the_daemon_has_is_69(tmp_path: Path) -> None:
    config = await asyncio.to_thread(write_files, tmp_path)
    store = await Store.open(tmp_path / DATABASE)
    arguments = ("--config", str(config), "--frequency", "868100000", "--sf", "7")
    done = await asyncio.to_thread(kogge, "radio", "send", *arguments)
    await store.close()
    assert (done.returncode, done.stdout) == (69, "")
    assert "sudo systemctl stop kogge" in done.stderr


async def test_status_of_each_packet_is_told_and_failure_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], soon: None
) -> None:
    one = FakeConcentrator(sends=[TxStatus.TX_POWER, TxStatus.OK])
    wish = Wish(frequency=869_525_000, sf=7, power=2, count=2, interval=0.01)
    on_bench = await asyncio.to_thread(bench, one, tmp_path)
    assert await run(on_bench, wish, as_json=False) == 1
    first, second, end = capsys.readouterr().out.splitlines()
    assert "TX_POWER (the board cannot send as weakly" in first
    assert "OK: 869.525 MHz, 2 dBm, 1\u00a0200.0 ms; 357.6 s of airtime left" in second
    assert end.startswith("1 of 2 sent.")
    assert "later runs do not know of this airtime" in end


async def test_packet_that_the_chip_kept_is_not_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], soon: None
) -> None:
    class Stuck(FakeConcentrator):
        def status(self) -> ConcentratorStatus:
            return ConcentratorStatus(drops={"never_sent": len(self.sent)})

    one = await asyncio.to_thread(bench, Stuck(), tmp_path)
    assert await run(one, Wish(frequency=868_100_000, sf=7)) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[0])
    assert told["status"] == "never_sent"
    assert "never_sent (the board took it" in radio_send.line(told)
    late = radio_send.line(told | {"status": "TOO_LATE"})
    assert "too late (TOO_LATE): 868.1 MHz" in late


async def test_what_is_forbidden_starts_nothing(tmp_path: Path) -> None:
    one = FakeConcentrator()
    with pytest.raises(Refused):
        await run(await asyncio.to_thread(bench, one, tmp_path), Wish(frequency=915_000_000, sf=7))
    assert one.done == []


async def test_board_that_is_unplugged_meanwhile_is_a_fault(tmp_path: Path) -> None:
    one = FakeConcentrator(sends=[LinkLost("the port ended")])
    on_bench = await asyncio.to_thread(bench, one, tmp_path)
    with pytest.raises(LinkLost):
        await run(on_bench, Wish(frequency=868_100_000, sf=7))
    assert one.done[-1] == "stop"


def test_refusal_is_1_in_words_and_nothing_on_stdout(tmp_path: Path) -> None:
    """As a process; there is no board, and none is needed for it."""
    config = write_files(tmp_path)
    arguments = ("--config", str(config), "--frequency", "868100000", "--sf", "7")
    done = kogge("radio", "send", *arguments, "--power", "20", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == "kogge: 20 dBm at 868.1 MHz is above the limit of EU868 there: 16 dBm e.i.r.p.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--frequency", "868.1", "--sf", "7"],
        ["--frequency", "868100000"],
        ["--frequency", "868100000", "--sf", "13"],
        ["--frequency", "868100000", "--sf", "7", "--fsk"],
        ["--frequency", "868100000", "--sf", "7", "--bandwidth", "62500"],
        ["--frequency", "868100000", "--sf", "7", "--payload", "xy"],
        ["--frequency", "868100000", "--sf", "7", "--payload", ""],
        ["--frequency", "868100000", "--sf", "7", "--size", "256"],
        ["--frequency", "868100000", "--sf", "7", "--count", "0"],
    ],
)
def test_wrong_usage_is_64(arguments: list[str]) -> None:
    from gateway.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["radio", "send", *arguments])
    assert ended.value.code == 64
