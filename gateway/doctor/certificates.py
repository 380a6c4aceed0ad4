"""Checks of the files for TLS: who vouches for the broker, and this gateway's own certificate."""

import ssl
from pathlib import Path
from typing import Final, NamedTuple

from gateway.cli.language import _, mark, moment, plural
from gateway.config import Mqtt
from gateway.doctor.finding import Finding, Known
from gateway.northbound.certificate import SOON_DAYS, Certificate, in_pem
from gateway.northbound.tls import plain

SOON, VERY_SOON = SOON_DAYS, 7
DAY: Final = 86400.0
UNREADABLE: Final = "permission"
BROKERS: Final = mark("the broker's certificate")
OWN: Final = mark("this gateway's certificate")
AUTHORITY: Final = mark("the certificate of the broker's authority (CA)")


class Files(NamedTuple):
    """What mqtt.ca_file and mqtt.cert_file hold; of each what is wrong with it, `UNREADABLE` for
    this user. Both are empty where nothing is configured.
    """

    authorities: tuple[Certificate, ...] = ()
    authority_problem: str = ""
    own: tuple[Certificate, ...] = ()
    own_problem: str = ""

    @property
    def usable(self) -> bool:
        return not (self.authority_problem or self.own_problem)


def read(mqtt: Mqtt) -> Files:
    authorities, authority_problem = _of(mqtt.ca_file)
    own, own_problem = _of(mqtt.cert_file)
    if own and not own_problem:
        own_problem = _fit(mqtt)
    return Files(authorities, authority_problem, own, own_problem)


def _of(file: str) -> tuple[tuple[Certificate, ...], str]:
    try:
        return (tuple(in_pem(Path(file).read_text(encoding="utf-8"))), "") if file else ((), "")
    except PermissionError:
        return (), UNREADABLE
    except OSError as error:
        return (), f"{file}: {plain(error)}"
    except ValueError:
        return (), _("{file}: no certificate can be read in it", file=file)


def _fit(mqtt: Mqtt) -> str:
    """What is wrong with certificate and key together."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(mqtt.cert_file, mqtt.key_file, password="")
    except PermissionError:
        return UNREADABLE
    except ssl.SSLError:
        return _("the key in {file} does not fit, or cannot be read", file=mqtt.key_file)
    except OSError as error:
        return f"{mqtt.key_file}: {plain(error)}"
    return ""


def authority(known: Known, files: Files, issuer: bytes) -> Finding:
    """`issuer` is the name of who issued the broker's certificate, b"" if nobody knows."""
    if files.authority_problem:
        return _bad(files.authority_problem, _("mqtt.ca_file: the CA's certificate, as PEM"))
    if not files.authorities:
        return Finding("ok", _("those that the system trusts"))
    used = [one for one in files.authorities if one.subject == issuer] or files.authorities
    do = _("a new mqtt.ca_file, which may hold the old CA's certificate and the new one's")
    return validity(known, AUTHORITY, max(one.until for one in used), do)


def own(known: Known, files: Files) -> Finding:
    if files.own_problem:
        return _bad(files.own_problem, _("mqtt.cert_file and mqtt.key_file: a pair, as PEM"))
    if not files.own:
        return Finding("ok", _("none is configured; mqtt.username and the password count"))
    do = _("ask who runs the broker for a new one, and put it into mqtt.cert_file")
    return validity(known, OWN, min(one.until for one in files.own), do)


def validity(known: Known, whose: str, expires: float, do: str) -> Finding:
    if known.at is None:
        return Finding("ok", _("{whose} is there; its days are not known, as the clock is not set",
                               whose=_(whose)))  # fmt: skip
    days = (expires - known.at) / DAY
    if days < 0:
        what = _("{whose} has expired, on {date}", whose=_(whose), date=moment(expires))
        return Finding("bad", what, _("no reading reaches the city; they wait on disk"), do)
    left = plural("{n} day", "{n} days", int(days))
    what = _("{whose} is good for {left}, until {date}", whose=_(whose), left=left,
             date=moment(expires))  # fmt: skip
    if days >= SOON:
        return Finding("ok", what)
    means = _("after that no reading reaches the city; they wait on disk")
    return Finding("bad" if days < VERY_SOON else "note", what, means, do)


def _bad(problem: str, do: str) -> Finding:
    if problem == UNREADABLE:
        return Finding("unknown", _("this user may not look"), "", "sudo kogge doctor")
    return Finding("bad", problem, _("without it the broker is not reached"), do)
