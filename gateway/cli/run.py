"""`kogge run`: the daemon, in the foreground; systemd or a terminal holds it."""

import argparse
from pathlib import Path

HELP = "The daemon: receives, stores and forwards until it is stopped (SIGTERM or Ctrl-C)."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="instead of /etc/kogge/kogge.toml"
    )


def run(args: argparse.Namespace) -> int:
    from gateway import memory

    memory.spare()  # before anything is read
    with memory.without("typing_extensions"):  # then msgspec is content with typing
        import msgspec  # noqa: F401

    from gateway import files, process, settings
    from gateway.diagnostics import log

    said = log.open_log()
    return process.run(settings.load(args.config or files.DEFAULT_FILE), said)
