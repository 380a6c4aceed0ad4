"""`kogge codec remove`: take a codec out of the operator's own directory."""

import argparse
import json

from gateway.cli.language import _
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket
from gateway.cli.whole_or_not import point_of_no_return

ABOUT = "take a codec out of your own; not while devices use it"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as in devices.toml")
    arguments_for_the_socket(parser)


def run(args: argparse.Namespace) -> int:
    from gateway.cli import EX_FAILED, codec_at_hand
    from gateway.codecs.own import Refused

    own = codec_at_hand.own(args.config)
    places = own.places(args.name)
    names, using = own.names_in(places), codec_at_hand.devices(args.config)
    for name in names:
        if using.get(name) and not own.is_shipped(name):
            users = ", ".join(using[name])
            raise Refused(f"{name} is used by {users}: give them another codec in devices.toml")
    with point_of_no_return() as reached:
        reached()
        gone = own.take_out(places)
        said, good = codec_at_hand.renew(args)
    back = [name for name in names if own.is_shipped(name)]
    if args.json:
        files = [str(file) for file in gone]
        told = {"ok": good, "removed": names, "files": files, "shipped": back, "daemon": said}
        print(json.dumps(told))
    else:
        tell(_("removed: {names}", names=", ".join(names)))
        for name in back:
            tell(_("{name} is Kogge's own codec again", name=name))
        tell(said)
    return 0 if good else EX_FAILED
