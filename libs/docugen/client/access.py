"""How a client gets in: whom it trusts, what it shows of itself, and the token it sends.

    ca            certificates of the CA that the server's must come from; given, the connection is TLS
    cert, key     the client's own pair, for servers that ask callers for a certificate (mutual TLS)
    server_name   the name in the server's certificate, where it is reached by another one
    token         sent with every call as `authorization: Bearer ...`

A token is never sent in clear text to another machine, unless `insecure` says that the network itself is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from docugen.client.errors import Refused

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Access:
    """See the module; ca, cert and key are PEM files."""

    ca: str | Path | None = None
    cert: str | Path | None = None
    key: str | Path | None = None
    server_name: str = ""
    token: str = field(default="", repr=False)
    insecure: bool = False

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What is sent with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def credentials(self) -> grpc.ChannelCredentials | None:
        """For a channel; None without TLS. Raises Refused (TLS_FILES_UNUSABLE)."""
        if not (self.ca or self.cert or self.key):
            return None
        if not self.ca or bool(self.cert) is not bool(self.key):
            raise Refused(
                "TLS needs the CA's certificates, and a client certificate its key",
                reason="TLS_FILES_UNUSABLE",
                hint="Set DOCUGEN_CA_FILE, and DOCUGEN_CLIENT_CERT with DOCUGEN_CLIENT_KEY; in a program: ca, cert, key.",
            )
        return grpc.ssl_channel_credentials(_pem(self.ca), _pem(self.key), _pem(self.cert))

    def check_token(self, *, safe: bool) -> None:
        """Raises Refused for a token that cannot be sent, or would go over a network in clear text. safe: TLS, or loopback."""
        if self.token and not _TOKEN.fullmatch(self.token):
            raise Refused(
                "the token holds what no token has: white space, line breaks, other alphabets",
                reason="TOKEN_MALFORMED",
                hint="Copy it again, whole and alone; `docugen tokens new` printed it.",
            )
        if self.token and not safe and not self.insecure:
            raise Refused(
                "a token would go to another machine in clear text",
                reason="TOKEN_WITHOUT_TLS",
                hint="Name the server's CA: DOCUGEN_CA_FILE, or `ca` in a program. Where the network itself is trusted: "
                "DOCUGEN_INSECURE=true, or `insecure`.",
            )


class AuthorisedChannel:
    """As much of a channel as stubs use; its calls carry what `metadata` returns when they begin."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Callable[[], tuple[tuple[str, str], ...]]) -> None:
        self._channel = channel
        self._metadata = metadata

    def unary_unary(self, *method: Any, **codecs: Any) -> Callable[..., Any]:
        return partial(self._begun, self._channel.unary_unary(*method, **codecs))

    def unary_stream(self, *method: Any, **codecs: Any) -> Callable[..., Any]:
        return partial(self._begun, self._channel.unary_stream(*method, **codecs))

    def _begun(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return call(*arguments, metadata=self._metadata(), **options)


def _pem(file: str | Path | None) -> bytes | None:
    if not file:
        return None
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        why = error.strerror or "cannot be read"
        raise Refused(f"{file}: {why}", reason="TLS_FILES_UNUSABLE", hint="Name a readable PEM file.") from None
    if b"-----BEGIN " not in data:
        raise Refused(f"{file}: holds nothing in PEM", reason="TLS_FILES_UNUSABLE", hint="Name a PEM file.")
    return data
