"""What each reason for a drop means, and what to do; docs/devices.md has the same."""

from typing import Final

from gateway.cli.language import mark

REFUSALS: Final = {
    "unknown_device": (
        mark("it is not in devices.toml, so nobody here has its keys"),
        mark("sudo kogge devices qr, add or import; no restart is needed"),
    ),
    "bad_mic": (
        mark("MIC wrong: AppKey (1.1: NwkKey; ABP: NwkSKey) differs from devices.toml"),
        mark("compare it with the device's, digit by digit; some makers print it in reverse order"),
    ),
    "unknown_join_eui": (
        mark("its JoinEUI differs from the one in devices.toml"),
        mark("write the JoinEUI that the device says into devices.toml"),
    ),
    "dev_nonce_reused": (
        mark("DevNonce reused: it was reset and counts anew, or an old Join-Request is replayed"),
        mark("let it try on: it gets in with a fresh one; or write its true version in lorawan"),
    ),
    "join_closed": (
        mark("joining is closed"),
        mark("kogge join open --minutes 15, then switch the device off and on"),
    ),
    "join_not_allowed": (
        mark("lorawan.join_allow in kogge.toml does not let it in"),
        mark("add the beginning of its DevEUI there, and restart the daemon"),
    ),
    "join_rate": (
        mark("more joins a minute than lorawan.joins_per_minute allows"),
        mark("after a blackout: wait, it tries again; else look for the one that joins and joins"),
    ),
    "disk_fails": (
        mark("the gateway's disk refuses, and no join may be forgotten"),
        mark("kogge status says how the disk is; replace the card"),
    ),
    "not_otaa": (
        mark("it asks to join, but devices.toml describes it as ABP"),
        mark("give it join_eui and app_key in devices.toml, or set the device to ABP"),
    ),
    "replay": (
        mark("its frame counter went back: it was reset (ABP), or somebody replays old frames"),
        mark("let it join over the air, give it a new DevAddr, or allow it: reset_f_cnt = true"),
    ),
    "resets_spent": (
        mark("it began its counter anew too often"),
        mark("give it another dev_addr, in the device and in devices.toml"),
    ),
    "rj_count_reused": (
        mark("its Rejoin-Request is an old one, or it has lost its counter"),
        mark("let it join anew: switch it off and on"),
    ),
    "windows_in_doubt": (
        mark("it asked to rejoin just as it was told to listen elsewhere"),
        mark("nothing: it tries again"),
    ),
    "unsupported": (
        mark("it asks for a rejoin that this network does not do"),
        mark("let it join anew: switch it off and on"),
    ),
}  # fmt: skip
