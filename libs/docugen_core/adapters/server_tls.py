"""The certificates a gRPC server shows, and those it asks its callers for: checked at start, read again when they change.

    DOCUGEN_TLS_CERT        the server's certificate, then those between it and its CA
    DOCUGEN_TLS_KEY         its private key, at most readable by its group
    DOCUGEN_TLS_CLIENT_CA   callers must have a certificate from one of these (mutual TLS)

gRPC takes whatever it is given and fails at the first handshake, with a line that says nothing; so everything that can be known
is checked here first. After that the files are looked at for each new connection: whoever renews certificates just replaces
them. Ones that are not fit are not taken: the old ones serve on, and the log says why. Connections that are open stay open
(DOCUGEN_GRPC_AGE_MS bounds them).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from docugen_core.adapters.private_files import read_file, signature, unusable
from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

EXPIRES_SOON_DAYS = 7

log = structlog.get_logger(__name__)


class ServerTls:
    """One server's certificates. now_ms: the time, for those that are not yet or no longer valid.

    Making one raises ConfigurationError naming the file, what is wrong with it and the remedy.
    """

    def __init__(self, cert: str, key: str, client_ca: str, now_ms: Callable[[], int]) -> None:
        self._files = (cert, key, client_ca)
        self._now_ms = now_ms
        self._signatures = self._look()
        self._present = self._read()

    @classmethod
    def of(cls, settings: Settings, now_ms: Callable[[], int]) -> ServerTls | None:
        """What the settings ask for; None without TLS."""
        if not settings.tls_cert:
            return None
        return cls(settings.tls_cert, settings.tls_key, settings.tls_client_ca, now_ms)

    @property
    def asks_callers(self) -> bool:
        """Whether callers must show a certificate."""
        return bool(self._files[2])

    def credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`. New connections get the certificates that are in the files then."""
        renewed: Any = self.renewed  # may answer None, whatever the stubs say
        return grpc.dynamic_ssl_server_credentials(self._present, renewed, self.asks_callers)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificates, if they changed since they were asked for last; None while they have not, or are not fit.

        gRPC calls this for each handshake, on a thread of its own. It never raises.
        """
        present = self._look()
        if present == self._signatures:
            return None
        self._signatures = present
        try:
            self._present = self._read()
        except ConfigurationError as error:
            log.error("certificates_refused", error=error.message, hint=f"{error.hint} Until then the old ones serve.")
            return None
        log.info("certificates_renewed", file=self._files[0])
        return self._present

    def _look(self) -> tuple[object, ...]:
        return tuple(signature(file) for file in self._files if file)

    def _read(self) -> grpc.ServerCertificateConfiguration:
        cert_file, key_file, ca_file = self._files
        now = dt.datetime.fromtimestamp(self._now_ms() / 1_000, dt.UTC)
        chain, key = (
            read_file(cert_file, "DOCUGEN_TLS_CERT", private=False),
            read_file(key_file, "DOCUGEN_TLS_KEY", private=True),
        )
        leaf = _certificates(chain, "DOCUGEN_TLS_CERT", cert_file)[0]
        _check_time(leaf, now, "DOCUGEN_TLS_CERT", cert_file)
        _check_key(leaf, key, key_file)
        callers_ca = None
        if ca_file:
            callers_ca = read_file(ca_file, "DOCUGEN_TLS_CLIENT_CA", private=False)
            for certificate in _certificates(callers_ca, "DOCUGEN_TLS_CLIENT_CA", ca_file):
                _check_time(certificate, now, "DOCUGEN_TLS_CLIENT_CA", ca_file)
        return grpc.ssl_server_certificate_configuration([(key, chain)], callers_ca)


def _certificates(data: bytes, setting: str, path: str) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(data)
    except ValueError as error:
        raise unusable(setting, path, "holds no certificate in PEM", "Name a file with CERTIFICATE blocks.") from error


def _check_time(certificate: Certificate, now: dt.datetime, setting: str, path: str) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        raise unusable(
            setting, path, f"its certificate is not valid before {begins:%Y-%m-%d %H:%M} UTC", "Check the clock."
        )
    if now >= ends:
        raise unusable(setting, path, f"its certificate expired on {ends:%Y-%m-%d %H:%M} UTC", "Renew it.")
    if ends - now < dt.timedelta(days=EXPIRES_SOON_DAYS):
        log.warning("certificate_expires_soon", setting=setting, expires=ends.isoformat(), hint="Renew it.")


def _check_key(leaf: Certificate, data: bytes, path: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = "holds no unencrypted private key in PEM"
        raise unusable("DOCUGEN_TLS_KEY", path, why, "Name the key's file; encrypted keys are not read.") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        why = "is not the key of the first certificate in DOCUGEN_TLS_CERT"
        raise unusable(
            "DOCUGEN_TLS_KEY", path, why, "Name the pair; the server's certificate stands first in its file."
        )
