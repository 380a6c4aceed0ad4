"""Where mutation starts: a good message of each kind that a target takes, with no key of ours."""

import json

from lorawan_device import Air, join_request
from lorawan_network import AIR, DEV_EUI, JOIN_EUI

STRANGER = Air(AIR.dev_addr, b"?" * 16, b"?" * 16)

SEEDS: tuple[bytes, ...] = (
    STRANGER.uplink(1, b"payload", f_opts=b"\x02\x0d"),
    STRANGER.uplink(2, b"\x03\x07\x06\xff\x20", 0, confirmed=True),
    join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 1),
    b"\xc0\x01" + bytes(20),
    bytes.fromhex("02030705070708070207060120"),
    bytes.fromhex("8f03070607078fe1020d0306"),
    bytes.fromhex("0280000101110190001e002d100100000081"),
    b"\x02\x12\x34\x00" + DEV_EUI.to_bytes(8) + json.dumps(
        {
            "rxpk": [
                {"tmst": 1, "freq": 868.1, "datr": "SF7BW125", "codr": "4/5", "stat": 1,
                 "rssi": -80, "lsnr": 7.5, "size": 3, "data": "QUJD", "modu": "LORA"}
            ],
            "stat": {"rxnb": 1, "temp": 30.5},
        }
    ).encode(),
    b'{"txpk_ack":{"error":"TOO_LATE"}}',
    b"\x01\x00\x0c\x40" + bytes(12),
    b"\xa5\xc0\x03" + bytes(6) + b"abc" + bytes(19),
    b'{"op":"uplink","payload":"40","frequency":868100000,"sf":7,"id":1}',
    b'{"op":"fault","kind":"unplug"}',
    b'{"op":"join","open":true,"minutes":15}',
    b"GET /metrics?name=a HTTP/1.1\r\nHost: localhost:9464\r\nAccept: text/plain\r\n\r\n",
    b"\x00" + json.dumps(
        {"correlation": "a", "device": f"{AIR.dev_addr:016x}", "f_port": 1, "payload": "YQ==",
         "expires_at": "2026-11-22T12:00:00+01:00", "at": "2026-11-22T11:00:00Z"}
    ).encode(),
    b'\x01{"correlation":"a","level":"debug","minutes":5}',
    b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01k\x30\x06\x00\x01t\x00hi",
    b'{"op":"devices","dev_eui":"70b3d57ed0000001","action":"reload"}',
    b'{"op":"buffer","action":"records","newest":true,"limit":3,"device":"","ends":1.5}',
    b'{"op":"forward","action":"pause","minutes":30}',
    b'{"op":"frames","after":7,"wait":4}',
    b"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C",
    b"dev_eui;name;app_key;join_eui;depth\n70:b3:d5:7e:d0:00:00:01;bin;;;1,20\n",
    b'[[device]]\ndev_eui = "70b3d57ed0000001"\nname = "x"\njoin_eui = 1\ndepth = -1\n',
    b'[mqtt]\nurl = "mqtts://[::1]:x"\nfallback_urls = ["mqtt://@"]\n[store]\nwindow = nan\n',
    b"a: &a [1, *a, 0x1F, ~, 2024-01-01]\nb: {? [c] : d}\n---\n- e",
    b"KOGGE BACKUP\x01\x01\x08\x01" + bytes(36) + b"KOGGE END",
    b'x\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9',
)  # fmt: skip
