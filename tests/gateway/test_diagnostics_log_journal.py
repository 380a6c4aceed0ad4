"""What systemd's journal gets, over its native protocol, from the real libsystemd."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal import Journal
from kogge import HOUSE
from patience import HUNG

from gateway.diagnostics.log_lines import HAPPENINGS

pytest.importorskip("systemd.journal", reason="systemd-python is not installed")

PROGRAM = """
import logging, os
found = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
from gateway.diagnostics import log, telling
from gateway.lorawan.outcome import Drop, DropReason
log.open_log()
telling.dropped(Drop(DropReason.DEV_NONCE_REUSED, dev_eui=0x70B3D57ED0000001, is_join=True))
telling.joined("70b3d57ed0000002")
words = logging.getLogger("gateway.store.database")
words.debug("not at this level")
words.error("two\\nlines \\udc80 %s", "ü", extra={"reason": "failing", "app_key": "K" * 16})
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    one = Journal(tmp_path)
    yield one
    one.close()


def test_journal_has_device_reason_and_happening_in_fields(journal: Journal) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=HOUSE, capture_output=True, text=True, check=True,
        env=journal.env, timeout=HUNG,
    )  # fmt: skip
    assert done.stderr == ""
    refused, joined, fault = journal.entries()
    assert refused["MESSAGE"] == "join of 70b3d57ed0000001 dropped: dev_nonce_reused"
    assert (refused["DEV_EUI"], refused["REASON"]) == ("70b3d57ed0000001", "dev_nonce_reused")
    assert refused["MESSAGE_ID"] == HAPPENINGS["join_refused"]
    assert (refused["PRIORITY"], refused["SYSLOG_IDENTIFIER"]) == ("6", "kogge")
    assert (joined["DEV_EUI"], joined["MESSAGE_ID"]) == ("70b3d57ed0000002", HAPPENINGS["joined"])
    assert joined["CODE_FILE"].endswith("gateway/diagnostics/telling.py")
    assert joined["CODE_FUNC"] == "joined"
    assert int(joined["CODE_LINE"]) > 0
    assert fault["MESSAGE"] == "two\nlines \\udc80 ü"
    assert (fault["PRIORITY"], fault["LOGGER"]) == ("3", "gateway.store.database")
    assert set(fault) == {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "LOGGER", "CODE_FILE",
                          "CODE_LINE", "CODE_FUNC", "REASON"}  # fmt: skip


def test_message_ids_are_128_bits_and_no_two_alike() -> None:
    assert all(len(bytes.fromhex(one)) == 16 for one in HAPPENINGS.values())
    assert len(set(HAPPENINGS.values())) == len(HAPPENINGS)


def test_document_names_each_message_id() -> None:
    page = (HOUSE / "docs" / "metrics.md").read_text(encoding="utf-8")
    for happening, number in HAPPENINGS.items():
        assert f"| `{happening}` | `{number}` |" in page
