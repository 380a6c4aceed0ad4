"""Checks of the way to the city, one after the other: name, connection, TLS, login, PUBLISH.

While the daemon is connected its own word is the better proof of login and PUBACK, and no second
client is sent.
"""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from gateway import RELEASED
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, moment, number, plural
from gateway.config import Mqtt
from gateway.doctor.finding import Check, Finding, Group, Known
from gateway.northbound.tls import Certificates
from gateway.northbound.trial import TOPIC, Trial, attempt
from gateway.store.look import CannotLook, look

SECONDS: Final = 3.0  # for each of name, connection and handshake
SOON, VERY_SOON = 30, 7  # days
DAY: Final = 86400.0
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Line(NamedTuple):
    """How far it went: each text is what failed there, "" if nothing did, None: not come so far.

    `expires` is the broker's certificate's, Unix seconds.
    """

    host: str = ""
    port: int = 0
    tls: bool = False
    addresses: tuple[str, ...] = ()
    dns_problem: str | None = None
    tcp_problem: str | None = None
    tls_problem: str | None = None
    expires: float | None = None
    trial: Trial | None = None
    eui: str = ""


def gather(known: Known) -> Line:
    if known.settings is None:
        return Line()
    mqtt = known.settings.config.mqtt
    url = urlsplit(mqtt.url)
    line = Line(url.hostname or "", url.port or PORTS[url.scheme], url.scheme == "mqtts",
                eui=_eui(known))  # fmt: skip
    line = _connected(_resolved(line), mqtt, known)
    if line.tcp_problem != "" or line.tls_problem or not line.eui or _by_daemon(known):
        return line
    trial = attempt(mqtt, line.eui, lambda: known.at is not None, lambda: float(RELEASED))
    return line._replace(trial=asyncio.run(trial))


def _resolved(line: Line) -> Line:
    from gateway.doctor.examine import begun

    asking = begun(lambda: socket.getaddrinfo(line.host, line.port, type=socket.SOCK_STREAM))
    try:
        found = asking.result(SECONDS)  # a resolver may hang for half a minute
    except TimeoutError:
        return line._replace(dns_problem=_("no answer within {n} s", n=number(SECONDS)))
    except (OSError, UnicodeError) as error:
        return line._replace(dns_problem=getattr(error, "strerror", None) or str(error))
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    return line._replace(dns_problem="", addresses=addresses)


def _connected(line: Line, mqtt: Mqtt, known: Known) -> Line:
    if line.dns_problem != "":
        return line
    try:
        connection = socket.create_connection((line.host, line.port), SECONDS)
    except TimeoutError:
        return line._replace(tcp_problem=_("no answer within {n} s", n=number(SECONDS)))
    except OSError as error:
        return line._replace(tcp_problem=error.strerror or str(error))
    with connection:
        line = line._replace(tcp_problem="")
        return _secured(line, connection, mqtt, known) if line.tls else line


def _secured(line: Line, connection: socket.socket, mqtt: Mqtt, known: Known) -> Line:
    try:
        context = Certificates(
            mqtt, lambda: known.at is not None, lambda: float(RELEASED)
        ).context()
        with context.wrap_socket(connection, server_hostname=line.host) as secure:
            certificate = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return line._replace(tls_problem=error.verify_message or str(error))
    except OSError as error:
        return line._replace(tls_problem=str(error))
    until = str(certificate.get("notAfter", ""))
    expires = float(ssl.cert_time_to_seconds(until)) if until else None
    return line._replace(tls_problem="", expires=expires)


def _eui(known: Known) -> str:
    """As the daemon, the configuration or an earlier run says it; "" if none does."""
    assert known.settings is not None
    gateway = known.settings.config.gateway
    if known.status is not None:
        return str(known.status["gateway"])
    if gateway.eui:
        return gateway.eui
    try:
        return look(Path(gateway.state_dir) / "kogge.db").eui or ""
    except CannotLook:
        return ""


def _by_daemon(known: Known) -> bool:
    return known.status is not None and known.status["city"]["state"] == "connected"


def dns(known: Known, facts: Line) -> Finding:
    if facts.dns_problem is None:
        return _not_so_far()
    if facts.dns_problem == "":
        addresses = ", ".join(facts.addresses[:2])
        return Finding("ok", _("{host} is {addresses}", host=facts.host, addresses=addresses))
    what = _("{host} is not found: {why}", host=facts.host, why=heard(facts.dns_problem))
    means = _("no name server answers, or mqtt.url is mistyped")
    return Finding("bad", what, means, _("is there a network? ip address; ping 9.9.9.9;"
                                         " cat /etc/resolv.conf"))  # fmt: skip


def tcp(known: Known, facts: Line) -> Finding:
    if facts.tcp_problem is None:
        return _not_so_far()
    place = f"{facts.host}:{facts.port}"
    if facts.tcp_problem == "":
        return Finding("ok", _("{place} takes the connection", place=place))
    what = _("{place} cannot be reached: {why}", place=place, why=heard(facts.tcp_problem))
    means = _("the line is cut, a firewall is in between, or the broker does not run")
    return Finding("bad", what, means, _("ping its host; ask who runs the broker; mqtt.url's port"))


def tls(known: Known, facts: Line) -> Finding:
    if facts.host and not facts.tls:
        means = _("who is on the line reads all readings, and the password")
        return Finding("note", _("the line is not encrypted"), means, _("mqtts:// in mqtt.url"))
    if facts.tls_problem is None:
        return _not_so_far()
    if facts.tls_problem:
        means = _("the broker is not the one that mqtt.ca_file vouches for, or a clock is wrong")
        do = _("mqtt.ca_file, the name in mqtt.url, and this gateway's clock")
        return Finding("bad", heard(facts.tls_problem), means, do)
    if facts.expires is None or known.at is None:
        return Finding("ok", _("the certificate is good; its dates are not known"))
    return _validity(facts.expires, (facts.expires - known.at) / DAY)


def _validity(expires: float, days: float) -> Finding:
    left = plural("{n} day", "{n} days", int(days))
    what = _("the broker's certificate is good for {left}, until {date}", left=left,
             date=moment(expires))  # fmt: skip
    if days >= SOON:
        return Finding("ok", what)
    means = _("after that no reading reaches the city; they wait on disk")
    do = _("ask who runs the broker to renew it")
    return Finding("bad" if days < VERY_SOON else "note", what, means, do)


def login(known: Known, facts: Line) -> Finding:
    if _by_daemon(known):
        assert known.status is not None
        version = known.status["city"]["protocol"]
        return Finding("ok", _("the daemon is logged in, MQTT {version}", version=version))
    if facts.trial is None:
        return _untried(facts)
    if facts.trial.login:
        means = _("the broker is there, and does not let this gateway in")
        do = _("mqtt.username, mqtt.password_file, and the broker's access list")
        return Finding("bad", heard(facts.trial.login), means, do)
    version = facts.trial.protocol
    if known.status is None:
        return Finding("ok", _("the broker lets this gateway in, MQTT {version}", version=version))
    what = _("the broker lets this check in, and the daemon is not connected:"
             " {why}", why=heard(known.status["city"]["reason"]))  # fmt: skip
    return Finding("note", what, _("it connects within a minute, if that goes on"), "kogge status")


def publish(known: Known, facts: Line) -> Finding:
    if _by_daemon(known):
        assert known.status is not None
        return _published(known.status["city"])
    if facts.trial is None or facts.trial.login:
        return _untried(facts)
    if not facts.trial.publish:
        return Finding("ok", _("a message to …/{topic} was acknowledged", topic=TOPIC))
    what = _("a message to …/{topic} was not: {why}", topic=TOPIC, why=heard(facts.trial.publish))
    if facts.trial.refused:
        means = _("this check's own topic is forbidden; that says nothing about readings")
        return Finding("note", what, means, _("allow it, or start the daemon and look again"))
    means = _("the broker takes connections, and does not acknowledge")
    return Finding("bad", what, means, _("the broker's log, and its disk"))


def _published(city: dict[str, object]) -> Finding:
    if city.get("refused"):
        what = plural("{n} message refused by the broker", "{n} messages refused by the broker",
                      int(str(city["refused"])))  # fmt: skip
        means = _("what is refused waits here, or is parked")
        return Finding("note", what, means, "journalctl -u kogge; kogge forward status")
    sent = int(str(city.get("published", 0)))
    if not sent:
        return Finding("ok", _("connected; nothing had to be published yet"))
    return Finding("ok", plural("{n} message acknowledged", "{n} messages acknowledged", sent))


def _untried(facts: Line) -> Finding:
    if facts.tcp_problem == "" and not facts.eui:
        return Finding("unknown", _("not tried: the gateway's EUI is not known yet"), "",
                       _("gateway.eui in kogge.toml, or the radio's first start"))  # fmt: skip
    return _not_so_far()


def _not_so_far() -> Finding:
    return Finding("unknown", _("not tried: see above"))


GROUP: Final = Group("broker", gather, (
    Check("dns", mark("Name (DNS)"), dns),
    Check("tcp", mark("Line (TCP)"), tcp),
    Check("tls", mark("TLS"), tls),
    Check("login", mark("Login"), login),
    Check("publish", mark("Publish"), publish),
))  # fmt: skip
