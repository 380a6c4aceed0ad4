"""Checks of the way to the city, one after the other: name, connection, certificates, TLS, login,
PUBLISH.

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
from gateway.background import begun
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number, plural
from gateway.config import Mqtt
from gateway.doctor import certificates
from gateway.doctor.certificates import Files
from gateway.doctor.finding import Check, Finding, Group, Known
from gateway.northbound.certificate import parsed
from gateway.northbound.tls import Certificates
from gateway.northbound.trial import TOPIC, Trial, attempt
from gateway.store.look import CannotLook, look

SECONDS: Final = 3.0  # for each of name, connection and handshake
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Line(NamedTuple):
    """How far it went: each text is what failed there, "" if nothing did, None: not come so far.

    `refusal` is why the broker does not take our certificate; not `spoken`: TLS failed, before any
    certificate was judged. `expires` is its own one's, Unix
    seconds; `issuer` the name of who issued that.
    """

    host: str = ""
    port: int = 0
    tls: bool = False
    addresses: tuple[str, ...] = ()
    dns_problem: str | None = None
    tcp_problem: str | None = None
    tls_problem: str | None = None
    refusal: str = ""
    spoken: bool = True
    expires: float | None = None
    issuer: bytes = b""
    files: Files = Files()
    trial: Trial | None = None
    eui: str = ""


def gather(known: Known) -> Line:
    if known.settings is None:
        return Line()
    mqtt = known.settings.config.mqtt
    url = urlsplit(mqtt.url)
    tls = url.scheme == "mqtts"
    line = Line(url.hostname or "", url.port or PORTS[url.scheme], tls, eui=_eui(known),
                files=certificates.read(mqtt) if tls else Files())  # fmt: skip
    line = _connected(_resolved(line), mqtt, known)
    reached = line.tcp_problem == "" and (not line.tls or line.tls_problem == "")
    if not reached or not line.eui or _by_daemon(known):
        return line
    trial = attempt(mqtt, line.eui, lambda: known.at is not None, lambda: float(RELEASED))
    return line._replace(trial=asyncio.run(trial))


def _resolved(line: Line) -> Line:
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
        wanted = line.tls and line.files.usable
        return _secured(line, connection, mqtt, known) if wanted else line


def _secured(line: Line, connection: socket.socket, mqtt: Mqtt, known: Known) -> Line:
    shown = Certificates(mqtt, lambda: known.at is not None, lambda: float(RELEASED))
    try:
        with shown.context().wrap_socket(connection, server_hostname=line.host) as secure:
            certificate = parsed(secure.getpeercert(binary_form=True) or b"")
    except ssl.SSLCertVerificationError as error:
        return line._replace(tls_problem=error.verify_message or str(error))
    except OSError as error:
        return line._replace(tls_problem=str(error), refusal=shown.refusal(error), spoken=False)
    return line._replace(tls_problem="", expires=certificate.until, issuer=certificate.issuer)


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
        if facts.addresses == (facts.host,):
            return Finding("ok", _("{host} is an address: no name to look up", host=facts.host))
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


def authority(known: Known, facts: Line) -> Finding:
    return _files(facts) or certificates.authority(known, facts.files, facts.issuer)


def own(known: Known, facts: Line) -> Finding:
    return _files(facts) or certificates.own(known, facts.files)


def _files(facts: Line) -> Finding | None:
    """Where there are none to look at."""
    if not facts.host:
        return _not_so_far()
    return None if facts.tls else Finding("ok", _("none is needed: the line is not encrypted"))


def tls(known: Known, facts: Line) -> Finding:
    if facts.host and not facts.tls:
        means = _("who is on the line reads all readings, and the password")
        return Finding("note", _("the line is not encrypted"), means, _("mqtts:// in mqtt.url"))
    if facts.tls_problem is None:
        return _not_so_far()
    if facts.refusal:
        what = _("the broker refuses this gateway's certificate: {why}", why=heard(facts.refusal))
        means = _("the broker is there, and does not let this gateway in")
        return Finding("bad", what, means, _("mqtt.cert_file, and the broker's CA"))
    if not facts.spoken:
        what = _("it does not speak TLS with us ({why})", why=heard(facts.tls_problem))
        means = _("something else listens there, or the line breaks at once")
        return Finding(
            "bad", what, means, _("mqtt.url: is it the broker's port for TLS, mostly 8883?")
        )
    if facts.tls_problem:
        means = _("the broker is not the one that mqtt.ca_file vouches for, or a clock is wrong")
        do = _("mqtt.ca_file, the name in mqtt.url, and this gateway's clock")
        what = _("the broker's certificate is not accepted ({why})", why=heard(facts.tls_problem))
        return Finding("bad", what, means, do)
    assert facts.expires is not None
    do = _("ask who runs the broker to renew it")
    return certificates.validity(known, certificates.BROKERS, facts.expires, do)


def login(known: Known, facts: Line) -> Finding:
    if _by_daemon(known):
        assert known.status is not None
        version = known.status["city"]["protocol"]
        return Finding("ok", _("the daemon is logged in, MQTT {version}", version=version))
    if facts.trial is None:
        return _untried(facts)
    if facts.trial.login:
        means = _("the broker is there, and does not let this gateway in")
        do = _("mqtt.username, mqtt.password_file, mqtt.cert_file, and the broker's access list")
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
    Check("authority", mark("CA certificate"), authority),
    Check("own_certificate", mark("Certificate"), own),
    Check("tls", mark("TLS"), tls),
    Check("login", mark("Login"), login),
    Check("publish", mark("Publish"), publish),
))  # fmt: skip
