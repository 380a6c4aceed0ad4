"""TLS towards the broker: whom we believe, what we show, and what a wrong clock changes.

The rules of this file:

- TLS 1.2 at least. The broker's chain, dates and name are checked, and alike on every Python: that
  RFC 5280 is kept to the letter is not asked (Python 3.13 would), or a new operating system would
  lock out every gateway of a city whose CA is older; an intermediate CA may be what is trusted.
- The files are read at each connect, and compared now and then: a connection that was made with
  others is made anew, or a CA that was withdrawn would be believed for as long as it lasts.
- Where new ones cannot be used (unreadable, half written, a key that does not fit), those from
  before stay in use, and `problem` says so.
- While the clock is not trusted dates are not checked: a power cut must not lock the gateway out.
  Chain and name are, and the broker's own certificate must not have expired before `floor`, a
  moment that has certainly passed. Once the clock is trusted the connection is made anew.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.config import Mqtt
from gateway.northbound.certificate import end_of
from native.rfc3339 import rfc3339

# alerts of RFC 8446 §6.2 by OpenSSL's names, as far as they are about a client's certificate
_BY_A_STRANGER: Final = "nobody whom the broker believes has issued it"
_REFUSALS: Final = {
    "CERTIFICATE_REQUIRED": "the broker wants one, and mqtt.cert_file names none",
    "CERTIFICATE_EXPIRED": "it has expired, or the broker's clock is wrong",
    "CERTIFICATE_REVOKED": "it was revoked",
    "UNKNOWN_CA": _BY_A_STRANGER,
    "DECRYPT_ERROR": _BY_A_STRANGER,
    "BAD_CERTIFICATE": _BY_A_STRANGER,
    "CERTIFICATE_UNKNOWN": _BY_A_STRANGER,
}
NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of openssl/x509_vfy.h


class Context(ssl.SSLContext):
    """`floor`, Unix seconds: what expired before it is refused even while dates are not checked.
    `alert` is the last that the broker has sent, as OpenSSL names it.
    """

    floor: float | None = None
    alert: str = ""


class Handshake(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho 2.2 drops it open. Keeps an alert of TLS 1.3,
    that ours is refused, which comes afterwards, and which paho only logs.
    """

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            if isinstance(self.context, Context) and "ALERT" in str(error.reason):
                self.context.alert = str(error.reason)
            raise

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
            if isinstance(self.context, Context) and self.context.floor is not None:
                _check_expiry(self.getpeercert(), self.context.floor)
        except BaseException:
            self.close()
            raise


class _Files(NamedTuple):
    """What stands in them; b"": not configured. For the system's CAs when they have changed."""

    ca: bytes
    cert: bytes
    key: bytes


class Certificates:
    """`trusted`: the wall clock is; `floor`: Unix seconds that have passed. It reads files: not for
    the event loop.
    """

    def __init__(self, mqtt: Mqtt, trusted: Callable[[], bool], floor: Callable[[], float]) -> None:
        self._mqtt, self._trusted, self._passed = mqtt, trusted, floor
        self._files: _Files | None = None
        self._context: Context | None = None
        self._shown: _Files | None = None  # by the last connection
        self.problem = ""
        self.own_until: float | None = None  # Unix seconds; None: it shows none
        self.floor: float | None = None  # of the last connection, if dates were not checked

    def context(self) -> ssl.SSLContext:
        """For a connection that is made now. Raises OSError: there is none that could be used."""
        context = self._refreshed()
        self._shown = self._files
        if self._trusted():
            context.verify_flags &= ~NO_CHECK_TIME
            context.floor = None
        else:
            context.verify_flags |= NO_CHECK_TIME
            context.floor = self._passed()
        self.floor, context.alert = context.floor, ""
        return context

    def refusal(self, error: BaseException | None = None) -> str:
        """Why the broker has refused what we show, by its alert since `context` or by `error`."""
        said = getattr(error, "reason", None) or (self._context.alert if self._context else "")
        _, _, alert = str(said).partition("ALERT_")
        return _REFUSALS.get(alert, "")

    def outdated(self) -> str:
        """Why a connection that stands should be made anew; "" if it should not."""
        if self._shown is None:
            return ""
        self._refreshed()
        if self._files is not None and self._files.ca != self._shown.ca:
            return "the certificate authorities that are believed have changed"
        if self._files != self._shown:
            return "this gateway's certificate has changed"
        if self.floor is not None and self._trusted():
            return "the time is known now, and with it the dates of certificates are checked"
        return ""

    def _refreshed(self) -> Context:
        try:
            files = self._read()
            if files != self._files or self._context is None:
                self._context = self._made()
                self._files, self.own_until = files, end_of(files.cert)
            self.problem = ""
        except OSError as error:
            if self._context is None:
                raise
            self.problem = (
                f"{self._names()} cannot be used any more ({plain(error)}): what they were before "
                "stays in use until the next start"
            )
        return self._context

    def _read(self) -> _Files:
        mqtt = self._mqtt
        ca = Path(mqtt.ca_file).read_bytes() if mqtt.ca_file else _system_changed()
        own = (mqtt.cert_file, mqtt.key_file)
        return _Files(ca, *(Path(name).read_bytes() if name else b"" for name in own))

    def _made(self) -> Context:
        context = Context(ssl.PROTOCOL_TLS_CLIENT)  # chain and name are checked
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = Handshake
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self._mqtt.ca_file:
            context.load_verify_locations(self._mqtt.ca_file)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if self._mqtt.cert_file:
            # a password, or OpenSSL would ask a terminal for that of an encrypted key
            context.load_cert_chain(self._mqtt.cert_file, self._mqtt.key_file, password="")
        return context

    def _names(self) -> str:
        mqtt = self._mqtt
        return ", ".join(filter(None, (mqtt.ca_file, mqtt.cert_file, mqtt.key_file)))


def _system_changed() -> bytes:
    """When the certificates that Debian trusts have changed: each is a file of its own there."""
    paths = ssl.get_default_verify_paths()
    found = (Path(path).stat().st_mtime_ns for path in (paths.cafile, paths.capath) if path)
    return repr(tuple(found)).encode()


def plain(error: OSError | UnicodeError) -> str:
    """What the operating system or OpenSSL says."""
    return getattr(error, "strerror", None) or str(error)


def _check_expiry(certificate: Any, floor: float) -> None:
    """Raises SSLCertVerificationError, as OpenSSL does where dates are checked."""
    expires = certificate["notAfter"]
    try:
        expires_at = ssl.cert_time_to_seconds(expires)
    except ValueError as error:
        raise ssl.SSLCertVerificationError(
            1, f"certificate has an end that is no date: {expires}"
        ) from error
    if expires_at < floor:
        raise ssl.SSLCertVerificationError(
            1, f"certificate has expired: {expires}, and it is {rfc3339(floor)} at least"
        )
