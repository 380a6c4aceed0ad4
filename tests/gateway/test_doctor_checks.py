"""Every check by itself: what it is told, and how it judges."""

from typing import Any

import pytest
from screen_cases import AT, MACHINE, STATUS, facts, known

from drivers.sx1302.noise import ChannelNoise
from gateway.diagnostics.machine import Memory
from gateway.doctor import broker, machine, radio, service, storage
from gateway.doctor.certificates import DAY, UNREADABLE, Files
from gateway.doctor.finding import Finding, Known
from gateway.northbound.certificate import Certificate
from gateway.northbound.trial import Trial
from gateway.store.look import Found

UP, DOWN = known("healthy"), known("healthy")
DOWN = Known(UP.file, UP.settings, "", (), None, "nobody answers", MACHINE, "ntp", AT)
LINE: broker.Line = facts("healthy")["broker"]
PORT: radio.Radio = facts("healthy")["radio"]
UNIT: dict[str, str] = facts("healthy")["service"]


NO_IMAGES = PORT._replace(images=(("agc_fw_sx1250.bin", "missing"),))
UNSET = known("clock_unset")


def with_status(**change: Any) -> Known:
    return Known(UP.file, UP.settings, "", (), STATUS | change, "", MACHINE, "ntp", AT)


def of_machine(**change: Any) -> Known:
    return Known(UP.file, UP.settings, "", (), STATUS, "", MACHINE._replace(**change), "ntp", AT)


def hearing(**heard: Any) -> Known:
    radio = STATUS["radio"]
    return with_status(radio=radio | {"heard": radio["heard"] | heard})


def own(*until: float) -> Files:
    """The certificate, and those in its file that vouch for it."""
    return Files(own=tuple(Certificate(b"own", b"ca", one) for one in until))


def metered(*levels: float) -> radio.Radio:
    noise = (ChannelNoise(n, 868_100_000, one, one, one) for n, one in enumerate(levels))
    return PORT._replace(noise=tuple(noise))


CITY = STATUS["city"]
CUT = with_status(city=CITY | {"state": "disconnected", "reason": "broke"})

CASES: list[tuple[Finding, str, str]] = [
    # clock and machine
    (machine.clock(UP, None), "ok", "from a time service"),
    (machine.undervoltage(UP, None), "ok", ""),
    (machine.undervoltage(of_machine(undervoltage=None), None), "unknown", "no sensor"),
    (machine.undervoltage(of_machine(undervoltage=None), 0x50000), "note", "since power-up"),
    (machine.undervoltage(of_machine(undervoltage=None), 0x50005), "bad", "now"),
    (machine.undervoltage(of_machine(undervoltage=True), None), "bad", "now"),
    (machine.temperature(of_machine(temperature=79.0), None), "note", "79.0"),
    (machine.temperature(of_machine(temperature=85.0), None), "bad", "85.0"),
    (machine.temperature(of_machine(temperature=None), None), "unknown", "no sensor"),
    (machine.memory(of_machine(memory=Memory(9, 100, None)), None), "note", "9"),
    (machine.memory(of_machine(memory=None), None), "unknown", ""),
    # the service
    (service.state(UP, UNIT), "ok", "it runs for"),
    (service.state(UP, UNIT | {"NRestarts": "4"}), "note", "4 restarts"),
    (service.state(with_status(stuck=["store"]), UNIT), "bad", "store"),
    (service.state(DOWN, None), "bad", "nobody answers"),
    (service.state(DOWN, UNIT | {"ActiveState": "failed", "SubState": "failed"}), "bad",
     "not started again (failed)"),
    (service.state(DOWN, UNIT | {"ActiveState": "inactive", "SubState": "dead"}), "bad",
     "the service is stopped (inactive)"),
    (service.state(DOWN, UNIT | {"SubState": "auto-restart", "Result": "core-dump"}), "bad",
     "again (auto-restart): it crashed (core-dump)"),
    (service.state(DOWN, UNIT | {"Result": "a-new-one"}), "bad", ": a-new-one"),
    (service.state(DOWN, UNIT | {"ExecMainStatus": "78"}), "bad", "running (active)"),
    (service.watchdog(UP, None), "unknown", ""),
    (service.watchdog(UP, UNIT), "ok", "1 min"),
    (service.watchdog(UP, UNIT | {"WatchdogUSec": "infinity"}), "note", "off"),
    (service.complaints(UP, None), "unknown", ""),
    (service.complaints(UP, ["usb 1-1: new device"]), "ok", ""),
    (service.complaints(UP, ["Out of memory: Killed process 7"]), "bad", "Killed process 7"),
    (service.usb(UP, ["usb 1-1.2: USB disconnect, device number 4"]), "note", "number 4"),
    (service.usb(UP, ["eth0: link down"]), "ok", ""),
    (service.codecs(DOWN, None), "ok", ""),
    # the radio
    (radio.port_present(UP, PORT._replace(present=False)), "bad", PORT.port),
    (radio.port_permission(DOWN, PORT._replace(allowed=False)), "bad", "group dialout"),
    (radio.port_permission(UP, PORT._replace(allowed=False)), "ok", ""),
    (radio.board_answers(DOWN, PORT), "unknown", ""),
    (radio.board_answers(DOWN, PORT._replace(chip_problem="silent")), "bad", "silent"),
    (radio.firmware(UP, PORT._replace(images=(("a.bin", "missing"),))), "bad", "a.bin"),
    (radio.firmware(UP, PORT._replace(images=(("a.bin", "unknown"),))), "note", "a.bin"),
    (radio.firmware(UP, PORT._replace(port="udp://0.0.0.0:1700")), "ok", "its own"),
    (radio.firmware(UP, radio.Radio()), "unknown", ""),
    (radio.chip(DOWN, PORT), "unknown", ""),
    (radio.radio_temperature(
        with_status(radio=STATUS["radio"] | {"temperature": 90.0}), PORT), "bad", "90.0"),
    (radio.packets(with_status(
        radio=STATUS["radio"] | {"heard": {"minutes": 5, "packets": 0, "seconds": 601.0}}
    ), PORT), "note", "10"),
    (radio.board_answers(DOWN, NO_IMAGES._replace(chip_problem="no image")), "unknown", "firmware"),
    (radio.board_answers(with_status(radio=STATUS["radio"] | {"state": "fault", "reason": "no"}),
                         NO_IMAGES), "bad", "no"),
    (radio.noise_floor(UP, PORT), "ok", "about -117 dBm in 125 kHz, estimated from 31 weak"),
    (radio.noise_floor(hearing(noise=-96.0, noise_packets=1), PORT), "note", "disturbed"),
    (radio.noise_floor(hearing(noise=None, noise_packets=0), PORT), "unknown", "weak enough"),
    (radio.noise_floor(DOWN, PORT), "unknown", "not been measured"),
    (radio.noise_floor(DOWN, metered(-118, -113)), "ok", "-118 to -113 dBm on 2"),
    (radio.noise_floor(DOWN, metered(-118, -90)), "note", "disturbed"),
    (radio.noise_floor(DOWN, metered(-215, -215)), "unknown", "shows nothing"),
    # the way to the city
    (broker.dns(UP, LINE._replace(dns_problem="not known")), "bad", "not known"),
    (broker.dns(UP, broker.Line()), "unknown", ""),
    (broker.tls(UP, LINE._replace(tls=False)), "note", "not encrypted"),
    (broker.tls(UP, LINE._replace(tls_problem="self-signed")), "bad", "self-signed"),
    (broker.tls(UP, LINE._replace(expires=AT + 20 * 86_400)), "note", "20 days"),
    (broker.tls(UP, LINE._replace(expires=AT + 86_400)), "bad", "1 day"),
    (broker.tls(UP, LINE._replace(spoken=False, tls_problem="wrong")), "bad", "not speak TLS"),
    (broker.tls(UP, LINE._replace(refusal="it was revoked", tls_problem="x")), "bad", "revoked"),
    (broker.authority(UP, LINE._replace(tls=False)), "ok", "none is needed"),
    (broker.authority(UP, broker.Line()), "unknown", ""),
    (broker.authority(UP, LINE), "ok", "900 days"),
    (broker.authority(UP, LINE._replace(files=Files())), "ok", "the system trusts"),
    (broker.own(UP, LINE._replace(files=Files())), "ok", "none is configured"),
    (broker.own(UP, LINE._replace(files=own(AT - 1))), "bad", "has expired, on 22 Nov 2026"),
    (broker.own(UP, LINE._replace(files=own(AT + 8 * DAY))), "note", "8 days"),
    (broker.own(UP, LINE._replace(files=own(AT + 400 * DAY, AT + 2 * DAY))), "bad", "2 days"),
    (broker.own(UNSET, LINE._replace(files=own(AT))), "ok", "not known"),
    (broker.own(DOWN, LINE._replace(files=Files(own_problem=UNREADABLE))), "unknown", "not look"),
    (broker.own(DOWN, LINE._replace(files=Files(own_problem="x.pem: gone"))), "bad", "gone"),
    (broker.login(UP, LINE), "ok", "MQTT 5"),
    (broker.login(DOWN, LINE._replace(trial=Trial(login="refuses"))), "bad", "refuses"),
    (broker.login(DOWN, LINE._replace(trial=Trial(protocol="5"))), "ok", "lets this gateway in"),
    (broker.login(CUT, LINE._replace(trial=Trial(protocol="5"))), "note", "broke"),
    (broker.login(DOWN, LINE._replace(eui="")), "unknown", "EUI"),
    (broker.publish(UP, LINE), "ok", "204 messages acknowledged"),
    (broker.publish(with_status(city=CITY | {"refused": 2}), LINE), "note", "2 messages refused"),
    (broker.publish(DOWN, LINE._replace(trial=Trial())), "ok", "doctor"),
    (broker.publish(DOWN, LINE._replace(trial=Trial(publish="x", refused=True))), "note", "x"),
    (broker.publish(DOWN, LINE._replace(trial=Trial(publish="silence"))), "bad", "silence"),
    # disk and database
    (storage.health(UP, storage.Storage(None)), "unknown", ""),
    (storage.health(UP, storage.Storage([], worn=30)), "ok", "30 % of its life"),
    (storage.health(UP, storage.Storage([], worn=80)), "note", "80 %"),
    (storage.health(UP, storage.Storage(None, worn=110)), "bad", "110 %"),
    (storage.health(UP, storage.Storage(["mmc0: error -110"], worn=80)), "bad", "error -110"),
    (storage.health(UP, storage.Storage(["mmc0: error -110"])), "bad", "-110"),
    (storage.health(with_status(store={"state": "failing", "reason": "full",
                                       "memory_records": 7}), storage.Storage([])), "bad", "full"),
    (storage.database(DOWN, storage.Storage([], Found(9, 4211, None, ""))), "ok", "wait"),
    (storage.database(with_status(store={"state": "well", "uncopied": 10}), storage.Storage([])),
     "note", "without a copy"),
    (storage.database(DOWN, storage.Storage([], Found(9, 0, None, "page 3"))), "bad", "page 3"),
    (storage.database(DOWN, storage.Storage([], None, "in_use")), "note", ""),
    (storage.database(DOWN, storage.Storage([], None, "half")), "bad", "half restored"),
    (storage.database(DOWN, storage.Storage([], None, "permission")), "unknown", ""),
    (storage.database(DOWN, storage.Storage([], None, "unreadable")), "bad", ""),
    (storage.database(with_status(store=STATUS["store"] | {"damage": "one bit was flipped"}),
                      storage.Storage([])), "bad", "one bit was flipped"),
    (storage.database(with_status(lost=3), storage.Storage([])), "note", "3 readings"),
]  # fmt: skip


@pytest.mark.parametrize(("finding", "level", "says"), CASES)
def test_check_judges_what_it_is_told(finding: Finding, level: str, says: str) -> None:
    assert finding.level == level, finding
    assert says in finding.what.replace("\u00a0", " ")
    if level in ("note", "bad"):
        assert finding.means
        assert finding.do
