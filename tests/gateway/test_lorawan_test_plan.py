"""The interoperability cases (tests/lorawan_cases.py): each demand has a test, and that is a test.

Beside that the tests of those cases that no other file holds.
"""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from lorawan_1_1_device import hears_join_accept as hears_join_accept_1_1
from lorawan_case import Demand
from lorawan_cases import CASES, NOT_SERVED
from lorawan_device import hears_join_accept, join_request
from lorawan_network import (
    ABP,
    ABP_ADDR,
    ABP_EUI,
    AIR,
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    joined,
    network,
    otaa,
    packet,
    reason,
    uplink,
)

from gateway.lorawan.device import Device, Version
from gateway.lorawan.outcome import DropReason
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import KnownState, Session

TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "docs" / "lorawan.md"
DEMANDS = [demand for case in CASES for demand in case.demands]


@cache
def functions_of(file: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a test file, by name."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("demand", DEMANDS, ids=lambda demand: demand.says)
def test_each_demand_has_a_test_that_asserts_and_is_not_skipped(demand: Demand) -> None:
    file, _, name = demand.test.partition("::")
    assert name.startswith("test_")
    test = functions_of(file)[name]
    assert not any("skip" in ast.unparse(one) for one in test.decorator_list)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(test)), "it holds something"


def test_each_case_is_named_once_and_demands_something() -> None:
    served = [(case.source, case.name) for case in CASES]
    others = [(case.source, case.name) for case in NOT_SERVED]
    assert len({*served, *others}) == len(served) + len(others)
    assert all(case.demands for case in CASES)
    assert all(case.reason for case in NOT_SERVED)


def test_document_shows_every_case_and_no_other() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    part = text.partition("## Interoperability")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    shown = {(row[0], row[1]) for row in rows if row[0] != "source"}
    assert shown == {(case.source, case.name) for case in (*CASES, *NOT_SERVED)}


# --- the plan's 3.2.1.1: ABP ---


def known(session: Session) -> KnownState:
    return KnownState((replace(session),))


@pytest.mark.parametrize("version", ["1.0.2", "1.0.3", "1.0.4"])
def test_restarted_abp_device_is_heard_in_its_session(version: Version) -> None:
    """It keeps its counters, as 1.0.4 demands; both sides were restarted."""
    device = replace(ABP, lorawan=version)
    before = uplink(network([device]).receive(packet(AIR.uplink(41, b"x", confirmed=True))))
    assert before.answer is not None
    net = network([device], known(before.session))
    after = uplink(net.receive(packet(AIR.uplink(42, b"y", confirmed=True))))
    assert (after.device, after.frm_payload, after.f_cnt) == (device, b"y", 42)
    assert after.session.dev_addr == ABP_ADDR
    assert after.session_hex == before.session_hex
    assert after.answer is not None
    first = before.session.f_cnt_down_reserved
    assert AIR.hears(after.answer.phy_payload, first) is not None, "its keys are its own"
    neighbour = replace(ABP, dev_eui=ABP_EUI + 1, nwk_s_key=b"M" * 16, app_s_key=b"B" * 16)
    assert reason(network([neighbour]).receive(packet(AIR.uplink(43)))) is DropReason.BAD_MIC


# --- the plan's 3.2.2: OTAA ---

NWK_KEY = b"n" * 16


def device_of(version: Version) -> Device:
    device = otaa(version)
    return replace(device, nwk_key=NWK_KEY) if version == "1.1" else device


def accepted_uplinks(version: Version, dev_nonce: int, phy_payload: bytes) -> list[bytes]:
    """The first uplinks of the device that heard this Join-Accept."""
    if version == "1.1":
        heard = hears_join_accept_1_1(NWK_KEY, APP_KEY, DEV_EUI, JOIN_EUI, dev_nonce, phy_payload)
        return [heard.air.uplink(f_cnt, b"x") for f_cnt in range(3)]
    air = hears_join_accept(APP_KEY, dev_nonce, phy_payload).air
    return [air.uplink(f_cnt, b"x") for f_cnt in range(3)]


@pytest.mark.parametrize("version", ["1.0.2", "1.0.3", "1.0.4", "1.1"])
def test_reset_device_joins_again_and_is_heard_in_the_new_session_alone(version: Version) -> None:
    net = network([device_of(version)])
    key = NWK_KEY if version == "1.1" else APP_KEY
    frames, sessions = {}, {}
    for dev_nonce in (1, 2):
        request = packet(join_request(key, JOIN_EUI, DEV_EUI, dev_nonce))
        got = joined(net.receive(request))
        assert got.changes.joins[0].dev_nonce == dev_nonce
        frames[dev_nonce] = accepted_uplinks(version, dev_nonce, got.answer.phy_payload)
        sessions[dev_nonce] = uplink(net.receive(packet(frames[dev_nonce][0]))).session
    first, second = sessions.values()
    assert second.id > first.id, "JoinNonce rises"
    assert first.app_s_key != second.app_s_key
    assert first.f_nwk_s_int_key != second.f_nwk_s_int_key
    assert reason(net.receive(packet(frames[1][1]))) in (
        DropReason.UNKNOWN_DEVICE,
        DropReason.BAD_MIC,
    )
    assert uplink(net.receive(packet(frames[2][1]))).f_cnt == 1


# --- certification ---


def test_every_payload_size_of_every_data_rate_is_heard() -> None:
    """M less FHDR and FPort is the largest FRMPayload (RP002-1.0.4 §2.4.6)."""
    f_cnt = 0
    for dr in EU868.uplink_data_rates:
        rate = EU868.data_rates[dr]
        if rate is None or not rate.sf:
            continue
        net = network([ABP])
        for size in range(rate.max_mac_payload - 8 + 1):
            f_cnt += 1
            heard = packet(AIR.uplink(f_cnt, bytes(range(size))))
            got = uplink(net.receive(replace(heard, sf=rate.sf, bandwidth=rate.bandwidth)))
            assert got.frm_payload == bytes(range(size))
    assert f_cnt > 500


def test_downlink_counter_rolls_over_sixteen_bits() -> None:
    session = Session(
        ABP_EUI, bytes.fromhex("01ab12cd00"), ABP_ADDR, b"N" * 16, b"N" * 16, b"N" * 16, b"A" * 16,
        f_cnt_down=0xFFFE, f_cnt_down_reserved=0xFFFE,
    )  # fmt: skip
    net = network([ABP], known(session))
    for n, f_cnt_down in enumerate(range(0xFFFE, 0x10003)):
        got = uplink(net.receive(packet(AIR.uplink(n, confirmed=True))))
        assert got.answer is not None
        assert got.answer.phy_payload[6:8] == (f_cnt_down & 0xFFFF).to_bytes(2, "little")
        assert AIR.hears(got.answer.phy_payload, f_cnt_down) is not None
        if f_cnt_down > 0xFFFF:
            assert AIR.hears(got.answer.phy_payload, f_cnt_down & 0xFFFF) is None
