"""Certificates for tests: a CA, a server and a client, with the dates and names that are wanted."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Authority:
    """A CA; `ca.pem` stands in `directory`."""

    def __init__(self, directory: Path, *, until: datetime.datetime | None = None) -> None:
        self.directory, self._key = directory, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
        self._since, self._until = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC), until
        self._issue("ca", self._key, self._name, "", until or now() + DAY)

    @property
    def file(self) -> str:
        return str(self.directory / "ca.pem")

    def issue(
        self, name: str, *, address: str = "127.0.0.1", until: datetime.datetime | None = None
    ) -> tuple[str, str]:
        """NAME.pem and NAME.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._issue(name, key, subject, address, until or now() + DAY)
        private = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.directory / f"{name}.key").write_bytes(private)
        return str(self.directory / f"{name}.pem"), str(self.directory / f"{name}.key")

    def _issue(
        self,
        file: str,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        address: str,
        until: datetime.datetime,
    ) -> None:
        builder = (
            x509.CertificateBuilder(self._name, subject, key.public_key())
            .not_valid_before(self._since)
            .not_valid_after(until)
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=not address, path_length=None), critical=True)
        )
        if address:
            host = x509.IPAddress(ipaddress.ip_address(address))
            builder = builder.add_extension(x509.SubjectAlternativeName([host]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        (self.directory / f"{file}.pem").write_bytes(certificate.public_bytes(PEM))
