"""What a daemon tells whoever watches: one of each kind, made to measure."""

from typing import Any

from lorawan_device import Air, join_request

AT, SECONDS = 1_795_356_180.0, 4000.0  # 22.11.2026 14:03 UTC, and the monotonic time of that
DEV_EUI, STRANGER_EUI = "70b3d57ed0000002", "00112233445566ff"
AIR = Air(0x26011BDA, bytes(range(16)), bytes(range(16, 32)))
STRANGER = Air(0x0BADCAFE, b"s" * 16, b"s" * 16)
PAYLOAD = bytes.fromhex("016700d7")

Told = dict[str, Any]


def reading_id(f_cnt: int) -> str:
    return f"{f_cnt:032x}"


def frame(payload: bytes, fate: str, after: float = 0.0, **more: Any) -> Told:
    """A frame that came up `after` seconds."""
    return {
        "event": "frame", "number": 1, "at": AT + after, "monotonic_s": SECONDS + after,
        "direction": "up", "fate": fate, "device": None, "frequency": 868_100_000, "sf": 7,
        "bw": 125_000, "modulation": "LORA", "rssi": -97.0, "snr": 5.0, "crc": "ok",
        "power": None, "counter_us": 1_000_000, "payload": payload.hex(), **more,
    }  # fmt: skip


def uplink(f_cnt: int, after: float = 0.0, **more: Any) -> Told:
    return frame(
        AIR.uplink(f_cnt, PAYLOAD, 2), "accepted", after,
        **{"device": DEV_EUI, "name": "bin-04", "dev_addr": f"{AIR.dev_addr:08x}",
           "id": reading_id(f_cnt), "f_cnt": f_cnt, "f_port": 2, "frm_payload": PAYLOAD.hex(),
           "repeated": False, "mac_commands": [], **more},
    )  # fmt: skip


def reading(f_cnt: int, **more: Any) -> Told:
    return {
        "event": "reading", "id": reading_id(f_cnt), "device": DEV_EUI, "name": "bin-04", "at": AT,
        "f_cnt": f_cnt, "measurements": {"temperature": 21.5, "full": False},
        "units": {"temperature": "Cel"}, "flags": None, "error": None,
        "radio": {"rssi": -97.0, "snr": 5.0, "sf": 7}, **more,
    }  # fmt: skip


def safe(f_cnt: int) -> Told:
    return {"event": "safe", "id": reading_id(f_cnt)}


def drop(fate: str = "unknown_device", after: float = 0.0, **more: Any) -> Told:
    return frame(
        STRANGER.uplink(1), fate, after, **{"dev_addr": "0badcafe", "says": "", "sf": 9, **more}
    )


def refused(says: str = "") -> Told:
    request = join_request(b"?" * 16, 0x70B3D57ED0000000, int(STRANGER_EUI, 16), 7)
    return frame(request, "bad_mic", device=STRANGER_EUI, dev_addr=None, says=says)


def join(after: float = 0.0) -> Told:
    request = join_request(b"K" * 16, 0x70B3D57ED0000000, int(DEV_EUI, 16), 7)
    return frame(
        request, "join", after, device=DEV_EUI, name="bin-04", dev_addr=f"{AIR.dev_addr:08x}"
    )


def down(fate: str = "OK", after: float = 1.0) -> Told:
    return frame(
        b"\x60" + bytes(11), fate, after, direction="down", device=DEV_EUI, rssi=None, snr=None,
        crc=None, power=16, window=1,
    )  # fmt: skip


def news(event: str, **detail: Any) -> Told:
    return {"event": event, **detail}
