"""`kogge decode` as a technician calls it."""

import json
from pathlib import Path

import lorawan_oracle as oracle
import pytest

from gateway.cli import main

NWK_S_KEY = "44024241ed4ce9a68c6a8bc055233fd3"
APP_S_KEY = "ec925802ae430ca77fd3dd73cb2cc588"
SESSION = ["--nwk-s-key", NWK_S_KEY, "--app-s-key", APP_S_KEY]
FRAME = "40F17DBE4900020001954378762B11FF0D"  # published with lora-packet, says "test"
APP_KEY = "b6b53f4a168a7a88bdf7ea135ce9cfca"
JOIN_REQUEST = "00dc0000d07ed5b3701e6fedf57ceeaf0085cc587fe913"  # and its Join-Accept, likewise
JOIN_ACCEPT = "204dd85ae608b87fc4889970b7d2042c9e72959b0057aed6094b16003df12de145"


def frame(**changed: object) -> str:
    fields: dict[str, object] = {
        "m_type": 2, "dev_addr": 0x49BE7DF1, "f_ctrl": 0x80, "f_cnt": 2, "f_opts": b"",
        "f_port": 1, "frm_payload": b"test", "nwk_s_key": bytes.fromhex(NWK_S_KEY),
        "app_s_key": bytes.fromhex(APP_S_KEY),
    }  # fmt: skip
    return oracle.data_frame(**{**fields, **changed}).hex()  # type: ignore[arg-type]


def decode(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    """Exit code and the object on the last line."""
    code = main(["decode", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a call that must end with 64 and print nothing on stdout."""
    try:
        code = main(["decode", *arguments])
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    out, err = capsys.readouterr()
    assert (code, out) == (64, "")
    return err


def test_data_frame_decodes_with_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode(capsys, FRAME, *SESSION) == (
        0,
        {
            "m_type": "UnconfirmedDataUp",
            "dev_addr": "49be7df1",
            "f_ctrl": 0,
            "f_cnt": 2,
            "f_opts": "",
            "f_port": 1,
            "mic_ok": True,
            "frm_payload": b"test".hex(),
            "measurements": None,
            "units": None,
        },
    )


def test_without_keys_the_head_is_shown_and_the_mic_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, report = decode(capsys, FRAME)
    assert code == 0
    assert report["mic_ok"] is None
    assert (report["dev_addr"], report["f_cnt"], report["f_port"]) == ("49be7df1", 2, 1)
    assert report["frm_payload"] == "95437876"


def test_wrong_mic_ends_with_1_and_leaves_the_payload_encrypted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, report = decode(capsys, FRAME[:-2] + "00", *SESSION)
    assert (code, report["mic_ok"], report["frm_payload"]) == (1, False, "95437876")
    assert main(["decode", FRAME[:-2] + "00", *SESSION]) == 1
    out, err = capsys.readouterr()
    assert "WRONG" in out
    assert "--f-cnt" in err


def test_f_cnt_gives_the_high_half(capsys: pytest.CaptureFixture[str]) -> None:
    late = frame(f_cnt=70002)
    assert decode(capsys, late, *SESSION)[0] == 1
    code, report = decode(capsys, late, *SESSION, "--f-cnt", "70002")
    assert (code, report["f_cnt"], report["mic_ok"]) == (0, 70002, True)


@pytest.mark.parametrize("keys", [SESSION, []])
def test_f_cnt_of_another_frame_is_told(
    capsys: pytest.CaptureFixture[str], keys: list[str]
) -> None:
    assert main(["decode", FRAME, *keys, "--f-cnt", "3"]) == 1
    assert "--f-cnt 3 is not this frame's" in capsys.readouterr().err


def test_downlink_decodes_too(capsys: pytest.CaptureFixture[str]) -> None:
    downlink = frame(m_type=5, f_ctrl=0x30, f_opts=b"\x02\x10\x01", f_port=None, frm_payload=b"")
    code, report = decode(capsys, downlink, *SESSION)
    assert (code, report["m_type"], report["mic_ok"]) == (0, "ConfirmedDataDown", True)
    assert (report["f_ctrl"], report["f_opts"], report["f_port"]) == (0x33, "021001", None)
    main(["decode", downlink, *SESSION])
    assert "FCtrl       33 ACK FPending" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--app-key", "--nwk-key"])
def test_join_request_is_checked(capsys: pytest.CaptureFixture[str], option: str) -> None:
    expected = {
        "m_type": "JoinRequest",
        "join_eui": "70b3d57ed00000dc",
        "dev_eui": "00afee7cf5ed6f1e",
        "dev_nonce": 0xCC85,
        "mic_ok": True,
    }
    assert decode(capsys, JOIN_REQUEST, option, APP_KEY) == (0, expected)
    assert decode(capsys, JOIN_REQUEST) == (0, {**expected, "mic_ok": None})
    assert decode(capsys, JOIN_REQUEST, option, "00" * 16) == (1, {**expected, "mic_ok": False})


def test_join_accept_is_opened(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode(capsys, JOIN_ACCEPT, "--app-key", APP_KEY) == (
        0,
        {
            "m_type": "JoinAccept",
            "join_nonce": 0xE5063A,
            "net_id": "000013",
            "dev_addr": "26012e43",
            "dl_settings": 3,
            "rx_delay": 1,
            "cf_list": "184f84e85684b85e84886684586e8400",
            "mic_ok": True,
        },
    )
    assert decode(capsys, JOIN_ACCEPT) == (0, {"m_type": "JoinAccept", "mic_ok": None})
    assert decode(capsys, JOIN_ACCEPT, "--app-key", "00" * 16)[0] == 1


def test_keys_for_another_kind_of_frame_check_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode(capsys, FRAME, "--app-key", APP_KEY)[1]["mic_ok"] is None
    assert decode(capsys, JOIN_REQUEST, *SESSION)[1]["mic_ok"] is None


def test_codec_turns_the_payload_into_measurements(capsys: pytest.CaptureFixture[str]) -> None:
    warm = frame(frm_payload=bytes.fromhex("0067010e"))  # channel 0, temperature 27.0
    code, report = decode(capsys, warm, *SESSION, "--codec", "cayennelpp")
    assert (code, report["measurements"]) == (0, {"temperature_0": 27.0})
    main(["decode", warm, *SESSION, "--codec", "cayennelpp"])
    assert "27 °C" in capsys.readouterr().out


def test_payload_that_the_codec_cannot_read_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["decode", frame(frm_payload=b"\x00"), *SESSION, "--codec", "cayennelpp"]) == 1
    assert "could not decode" in capsys.readouterr().err


def test_unknown_codec_is_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", FRAME, *SESSION, "--codec", "cayenelpp"]) == 1
    assert "cayennelpp" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["40", "40f17dbe49000200", "41" + FRAME[2:], "00" * 22, "20" * 16])
def test_malformed_frame_ends_with_1(capsys: pytest.CaptureFixture[str], text: str) -> None:
    code, report = decode(capsys, text)
    assert (code, report["error"]) == (1, "malformed")
    main(["decode", text])
    assert "malformed" not in capsys.readouterr().out


@pytest.mark.parametrize(("text", "m_type"), [("c0", "RejoinRequest"), ("e0ff", "Proprietary")])
def test_kind_of_a_frame_without_known_form_is_still_told(
    capsys: pytest.CaptureFixture[str], text: str, m_type: str
) -> None:
    assert decode(capsys, text) == (0, {"m_type": m_type, "mic_ok": None})


def test_keys_may_stand_in_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Arguments are shown to everybody on the machine."""
    nwk_s_key, app_s_key = tmp_path / "nwk", tmp_path / "app"
    nwk_s_key.write_text(f"{NWK_S_KEY}\n")
    app_s_key.write_text(APP_S_KEY)
    from_files = ["--nwk-s-key", f"@{nwk_s_key}", "--app-s-key", f"@{app_s_key}"]
    assert decode(capsys, FRAME, *from_files) == decode(capsys, FRAME, *SESSION)
    assert "cannot be read" in usage_error(capsys, FRAME, "--app-key", f"@{tmp_path / 'none'}")
    app_s_key.write_text("deadbeef")
    assert "deadbeef" not in usage_error(capsys, FRAME, *from_files)


@pytest.mark.parametrize("text", ["", "4", "zz", "40 f1 7"])
def test_bad_hex_is_usage(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert "HEX" in usage_error(capsys, text)


@pytest.mark.parametrize("option", ["--nwk-s-key", "--app-s-key", "--app-key", "--nwk-key"])
@pytest.mark.parametrize("key", ["", "deadbeef", "x" * 32, "00" * 17])
def test_bad_key_is_usage_and_is_not_repeated(
    capsys: pytest.CaptureFixture[str], option: str, key: str
) -> None:
    message = usage_error(capsys, FRAME, option, key)
    assert "32 hex digits" in message
    assert not key or key not in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nwk-s-key", NWK_S_KEY],
        ["--app-s-key", APP_S_KEY],
        [*SESSION, "--app-key", APP_KEY],
        ["--nwk-key", APP_KEY, "--app-key", APP_KEY],
        ["--codec", "cayennelpp"],
        ["--f-cnt", "-1"],
        ["--f-cnt", "4294967296"],
        ["--f-cnt", "two"],
    ],
)
def test_options_that_do_not_fit_are_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert usage_error(capsys, FRAME, *arguments)
