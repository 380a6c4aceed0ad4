"""Two vendors' folders, in the forms of chirpstack-device-profiles and of lorawan-devices."""

from pathlib import Path

SCRIPT = "function decodeUplink(input) { return {data: {n: input.bytes[0]}}; }"


CHIRPSTACK = {
    "vendor.toml": '[vendor]\nname = "Acme Ltd"\n',
    "devices/level.toml": """
        [device]
        name = "Acme Level"
        [[device.firmware]]
        profiles = ["US915.toml", "EU868.toml"]
        codec = "level.js"
    """,
    "profiles/EU868.toml": '[profile]\nmac_version = "1.0.4"\nsupports_class_c = true\n',
    "profiles/US915.toml": '[profile]\nmac_version = "1.0.2"\n',
    "codecs/level.js": SCRIPT,
    "codecs/test_decode_level.json": """[
        { // by hand
          "name": "one", input: {"fPort": 0x0a, 'bytes': [0x01, 0xFF,],},
          "expected": {"data": {"n": 1, /* no "port" */ "s": 'it\\'s "so"'}},
        },
    ]""",
    "codecs/scale-12-34.js": SCRIPT,
    "codecs/test_decode_scale.json": "[]",
    "codecs/alone.js": SCRIPT,
    "codecs/test_encode_level.json": "[{]",
    "codecs/broken.js": SCRIPT,
    "codecs/test_decode_broken.json": "[{]",
}
THINGS = {
    "index.yaml": "endDevices: [level, level-2, absent]\n",
    "level.yaml": """
        name: On
        firmwareVersions:
          - profiles:
              US902-928: {id: us, codec: level-codec}
              EU863-870: {id: eu, codec: level-codec}
    """,
    "level-2.yaml": """
        name: Level 2
        firmwareVersions:
          - profiles: {EU863-870: {id: far, vendorID: other, codec: level-codec}}
          - profiles: {EU863-870: {id: eu, codec: bad-codec}, AS923: {codec: none-codec}}
    """,
    "us.yaml": "macVersion: 1.0.2\n",
    "eu.yaml": "macVersion: 1.1\nsupportsClassB: true\n",
    "level-codec.yaml": """
        uplinkDecoder:
          fileName: payload/level.js
          examples:
            - description: a
              input: {fPort: 7, bytes: [0x01, 2]}
              output: {data: {state: on, day: 2021-01-01, octal: 017, yes: no}}
    """,
    "payload/level.js": SCRIPT,
    "bad-codec.yaml": "uplinkDecoder: {fileName: ../../secret.js}\n",
    "none-codec.yaml": "downlinkEncoder: {fileName: x.js}\n",
}


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    return directory
