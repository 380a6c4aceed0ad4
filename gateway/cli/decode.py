"""`kogge decode HEX`: one LoRaWAN 1.0.x frame taken apart, with whatever keys are at hand.

Rules:

- A key is 32 hex digits, or @FILE with them: what stands in arguments is shown by `ps`.
- Keys that are not given, or are for another kind of frame, leave `mic_ok` null and the content
  encrypted. A wrong MIC leaves it encrypted too, and ends with 1, as does a malformed frame.
- FCnt has 16 bits on the air; without --f-cnt its high half is taken to be 0.
- EUIs, addresses and payloads are hex, most significant byte first; nonces and counters numbers.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli import say
from gateway.cli.heard import heard
from gateway.cli.language import _, mark
from gateway.cli.quantities import doubt, with_unit
from gateway.cli.screen import tell

HELP = "Take one LoRaWAN frame apart: check its MIC, decrypt it, decode its payload."

M_TYPES = (
    "JoinRequest", "JoinAccept", "UnconfirmedDataUp", "UnconfirmedDataDown",
    "ConfirmedDataUp", "ConfirmedDataDown", "RejoinRequest", "Proprietary",
)  # fmt: skip
LABELS = {
    "dev_addr": "DevAddr", "f_ctrl": "FCtrl", "f_cnt": "FCnt", "f_opts": "FOpts",
    "f_port": "FPort", "frm_payload": "FRMPayload", "join_eui": "JoinEUI", "dev_eui": "DevEUI",
    "dev_nonce": "DevNonce", "join_nonce": "JoinNonce", "net_id": "NetID",
    "dl_settings": "DLSettings", "rx_delay": "RxDelay", "cf_list": "CFList", "mic_ok": "MIC",
}  # fmt: skip
MIC_WORDS = {
    True: mark("right"),
    False: mark("WRONG"),
    None: mark("not checked: no key for this kind of frame was given"),
}
F_CTRL_UP = {0x80: "ADR", 0x40: "ADRACKReq", 0x20: "ACK", 0x10: "ClassB"}
F_CTRL_DOWN = {0x80: "ADR", 0x20: "ACK", 0x10: "FPending"}
WRONG_MIC = mark("the MIC is wrong: the frame is damaged, or the key is another device's")
WRONG_DATA_MIC = mark(
    "the MIC is wrong: the frame is damaged, these are another device's or an older session's keys,"
    " or FCnt's high half is another; give the whole 32-bit counter with --f-cnt"
)

Report = dict[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("frame", metavar="HEX", type=_frame, help="the PHYPayload")
    parser.add_argument("--nwk-s-key", type=_key, metavar="K|@FILE", help="for data frames")
    parser.add_argument("--app-s-key", type=_key, metavar="K|@FILE", help="for data frames")
    root = parser.add_mutually_exclusive_group()
    root.add_argument("--app-key", type=_key, metavar="K|@FILE", help="for joins, LoRaWAN 1.0.x")
    root.add_argument("--nwk-key", type=_key, metavar="K|@FILE", help="for joins, LoRaWAN 1.1")
    parser.add_argument("--f-cnt", type=_f_cnt, metavar="N", help="the whole 32-bit FCnt")
    parser.add_argument(
        "--codec", metavar="NAME|FILE.js", help="decode the payload, e.g. dingtek/df702"
    )
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import EX_FAILED, EX_USAGE, complain

    wrong = _misuse(args)
    if wrong:
        return complain(wrong, EX_USAGE)
    report = _report(args)
    faults = list(_faults(report, args.f_cnt))
    tell(json.dumps(report) if args.json else "\n".join(_lines(report)))
    for fault in faults:
        say(fault)
    return EX_FAILED if faults else 0


def _misuse(args: argparse.Namespace) -> str | None:
    """What is wrong with the options taken together."""
    if (args.nwk_s_key is None) != (args.app_s_key is None):
        return _("--nwk-s-key and --app-s-key go together: one checks a frame, the other opens it")
    if args.nwk_s_key and (args.app_key or args.nwk_key):
        return _("give the session's keys for a data frame or the root key for a join, not both")
    if args.codec and not args.nwk_s_key:
        return _("--codec needs --nwk-s-key and --app-s-key: the payload is encrypted")
    return None


def _report(args: argparse.Namespace) -> Report:
    """What the frame says, as docs/interfaces.md fixes it for --json."""
    m_type = args.frame[0] >> 5
    if m_type == 0:
        known = _join_request(args)
    elif m_type == 1:
        known = _join_accept(args)
    elif m_type <= 5:
        known = _data_frame(args)
    else:
        known = {"mic_ok": None}
    if known is None:
        return {"m_type": M_TYPES[m_type], "error": "malformed"}
    return {"m_type": M_TYPES[m_type], **known}


def without_keys(frame: bytes) -> Report:
    """What a frame says to who has none of its keys; at least one byte."""
    options = ("nwk_s_key", "app_s_key", "app_key", "nwk_key", "f_cnt", "codec")
    return _report(argparse.Namespace(frame=frame, **dict.fromkeys(options)))


def _join_request(args: argparse.Namespace) -> Report | None:
    from native import join

    fields, key = join.parse_join_request(args.frame), args.app_key or args.nwk_key
    if fields is None:
        return None
    join_eui, dev_eui, dev_nonce = fields
    return {
        "join_eui": f"{join_eui:016x}",
        "dev_eui": f"{dev_eui:016x}",
        "dev_nonce": dev_nonce,
        "mic_ok": join.join_request_mic_ok(args.frame, key) if key else None,
    }


def _join_accept(args: argparse.Namespace) -> Report | None:
    from native import join

    key = args.app_key or args.nwk_key
    if len(args.frame) not in (17, 33) or args.frame[0] & 0x03:
        return None
    fields = join.open_join_accept(args.frame, key) if key else None
    if fields is None:
        return {"mic_ok": False if key else None}
    join_nonce, net_id, dev_addr, dl_settings, rx_delay, cf_list = fields
    return {
        "join_nonce": join_nonce,
        "net_id": f"{net_id:06x}",
        "dev_addr": f"{dev_addr:08x}",
        "dl_settings": dl_settings,
        "rx_delay": rx_delay,
        "cf_list": cf_list.hex(),
        "mic_ok": True,
    }


def _data_frame(args: argparse.Namespace) -> Report | None:
    from native import frames

    fields = frames.parse(args.frame)
    if fields is None:
        return None
    dev_addr, f_ctrl, f_cnt, f_opts, f_port, frm_payload = fields[1:]
    whole = f_cnt if args.f_cnt is None else args.f_cnt
    mic_ok = None
    if args.nwk_s_key:
        network = args.nwk_s_key
        keys = frames.SessionKeys(dev_addr, network, network, network, args.app_s_key)
        decoded = keys.decode(args.frame, whole)
        mic_ok = decoded is not None
        frm_payload = decoded[5] if decoded else frm_payload
    return {
        "dev_addr": f"{dev_addr:08x}",
        "f_ctrl": f_ctrl,
        "f_cnt": whole if whole & 0xFFFF == f_cnt else f_cnt,
        "f_opts": f_opts.hex(),
        "f_port": f_port,
        "mic_ok": mic_ok,
        "frm_payload": frm_payload.hex(),
        **_measured(args.codec if mic_ok else None, f_port, frm_payload),
    }


def _measured(codec: str | None, f_port: int | None, frm_payload: bytes) -> Report:
    """The payload through a codec; both null without one. Raises UnknownCodec."""
    if codec is None:
        return {"measurements": None, "units": None}
    from gateway.cli import codec_at_hand

    decoded = codec_at_hand.decoded(codec, f_port, frm_payload)
    flags = {"flags": decoded.flags} if decoded.flags else {}
    error = {"error": decoded.error} if decoded.error else {}
    return {"measurements": decoded.measurements, "units": decoded.units, **flags, **error}


def _faults(report: Report, f_cnt: int | None) -> Iterator[str]:
    """Why the command failed, in sentences."""
    if report.get("error") == "malformed":
        yield _(
            "this is no well-formed {m_type}: bytes are missing, added or damaged",
            m_type=report["m_type"],
        )
    elif "error" in report:
        yield _("the codec could not decode the payload: {why}", why=heard(report["error"]))
    if f_cnt is not None and report.get("f_cnt", f_cnt) != f_cnt:
        yield _(
            "--f-cnt {f_cnt} is not this frame's: its low 16 bits are not {seen}",
            f_cnt=f_cnt,
            seen=report["f_cnt"],
        )
    elif report.get("mic_ok") is False:
        yield _(WRONG_DATA_MIC) if "f_cnt" in report else _(WRONG_MIC)


def _lines(report: Report) -> Iterator[str]:
    """The report for a reader."""
    yield report["m_type"]
    for name, label in LABELS.items():
        if name in report:
            yield f"  {label:12}{words(name, report)}".rstrip()
    units, flags = report.get("units") or {}, report.get("flags") or {}
    for name, value in (report.get("measurements") or {}).items():
        yield f"  {name:24}{with_unit(value, units.get(name, ''))}{doubt(flags.get(name))}"


def words(name: str, report: Report) -> str:
    """One field of a report."""
    value = report[name]
    if name == "mic_ok":
        return _(MIC_WORDS[value])
    if name == "f_ctrl":
        bits = F_CTRL_DOWN if report["m_type"].endswith("Down") else F_CTRL_UP
        return " ".join([f"{value:02x}", *(word for bit, word in bits.items() if value & bit)])
    if name == "frm_payload" and value and not report["mic_ok"]:
        return f"{value} ({_('encrypted')})"
    return _("none") if value in (None, "") else str(value)


def _frame(text: str) -> bytes:
    try:
        frame = bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError("is not hex: two digits 0-9a-f a byte") from None
    if not frame:
        raise argparse.ArgumentTypeError("is empty: give the PHYPayload as hex")
    return frame


def _key(text: str) -> bytes:
    """A key, or @FILE with one: arguments are shown to every user of the machine. The message never
    repeats it.
    """
    try:
        text = Path(text[1:]).read_text(encoding="ascii") if text.startswith("@") else text
        key = bytes.fromhex(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"names a file that cannot be read: {error}") from None
    except ValueError:
        key = b""
    if len(key) != 16:
        raise argparse.ArgumentTypeError("is no key: an AES-128 key has 32 hex digits")
    return key


def _f_cnt(text: str) -> int:
    if not text.isdecimal() or int(text) > 0xFFFFFFFF:
        raise argparse.ArgumentTypeError("is no 32-bit counter: 0 to 4294967295")
    return int(text)
