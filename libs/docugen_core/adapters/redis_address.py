"""DOCUGEN_REDIS_URL taken apart: which Redis, of which kind, by which way.

    redis://[user:password@]host[:6379][/db]              one server                      rediss:// with TLS
    unix://[user:password@]/path/to.sock[?db=0]           the same, by socket
    redis+sentinel://[user:password@]host:26379,host:26379/service[/db]                   rediss+sentinel:// with TLS
    redis+cluster://[user:password@]host:7000,host:7001                                   rediss+cluster:// with TLS

User and password may be percent-encoded. Nothing is looked up and nothing is connected here.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from docugen_core.errors import ConfigurationError

_SCHEMES = {
    f"{tls}{kind}": (bool(tls_name), kind.removeprefix("+"))
    for tls, tls_name in (("redis", ""), ("rediss", "s"))
    for kind in ("", "+sentinel", "+cluster")
}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A parsed DOCUGEN_REDIS_URL. kind: '' for one server, 'sentinel', 'cluster'. path: of a unix socket."""

    kind: str
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    path: str
    service: str
    db: int
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """Raises ConfigurationError for a URL that is none of the forms above. The message never holds the password."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            if not parts.path.startswith("/"):
                raise _bad_url("the path of the socket must be absolute")
            return cls("", False, (), parts.path, "", _db(parts.query.removeprefix("db=")), *_user(parts))
        if parts.scheme not in _SCHEMES:
            raise _bad_url(f"the scheme {parts.scheme!r} is none of unix, {', '.join(_SCHEMES)}")
        tls, kind = _SCHEMES[parts.scheme]
        path = [unquote(piece) for piece in parts.path.split("/") if piece]
        default = 26_379 if kind == "sentinel" else 6_379
        hosts = tuple(_host(text, default) for text in parts.netloc.rpartition("@")[2].split(","))
        service = path.pop(0) if kind == "sentinel" and path else ""
        if kind == "sentinel" and not service:
            raise _bad_url("a sentinel URL names the service: redis+sentinel://host:26379/service")
        if (kind == "" and len(hosts) > 1) or len(path) > 1 or (kind == "cluster" and path):
            raise _bad_url(
                "several hosts need +sentinel or +cluster; a path is the number of a database, and clusters have one"
            )
        return cls(kind, tls, hosts, "", service, _db(path[0] if path else ""), *_user(parts))

    def public(self) -> str:
        """The address without user and password, for logs."""
        if self.path:
            return f"unix://{self.path}"
        scheme = ("rediss" if self.tls else "redis") + (f"+{self.kind}" if self.kind else "")
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{scheme}://{hosts}" + (f"/{self.service}" if self.service else "")


def _host(text: str, default_port: int) -> tuple[str, int]:
    parsed = urlsplit(f"//{text}")
    try:
        port = parsed.port or default_port
    except ValueError:
        raise _bad_url("a port is a number from 1 to 65535") from None
    if not parsed.hostname:
        raise _bad_url("a host is missing")
    return parsed.hostname, port


def _user(parts: SplitResult) -> tuple[str | None, str | None]:
    """User and password of the first @; both may be percent-encoded."""
    user_info = parts.netloc.rpartition("@")[0]
    user, _, password = user_info.partition(":")
    return unquote(user) or None, unquote(password) or None


def _db(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise _bad_url("a database is a number")
    return int(text or 0)


def _bad_url(why: str) -> ConfigurationError:
    return ConfigurationError(f"DOCUGEN_REDIS_URL: {why}", hint="For example redis://127.0.0.1:6379/0.")
