"""The library's clients for a Redis, a sentinel's primary or a cluster, without and with TLS.

With TLS the server's certificate is checked, its name too: against the CA of DOCUGEN_REDIS_CA, or else the system's. One that
is not trusted is a wrong configuration and no outage. Files are read for each new connection, so they can be renewed.

Nothing is repeated here: redis_connection does that, for all kinds in one way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from docugen_core.adapters.private_files import read_file, unusable
from docugen_core.adapters.redis_address import RedisAddress
from docugen_core.adapters.redis_packing import SocketConnection, TcpConnection, TlsConnection
from docugen_core.config import Settings

RedisClient: TypeAlias = "Redis | RedisCluster"

COMMAND_TIMEOUT_S = 3.0
CONNECTIONS_MAX = 32


@dataclass(frozen=True, slots=True)
class RedisTls:
    """Files (PEM) for rediss:// connections; empty for the system's CAs, and for no certificate of our own."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    @classmethod
    def of(cls, settings: Settings) -> RedisTls:
        return cls(settings.redis_ca, settings.redis_cert, settings.redis_key)

    def check(self) -> None:
        """Raises ConfigurationError for a file that cannot be used; the library would call it a connection that failed."""
        if self.ca:
            _check_pem(self.ca, "DOCUGEN_REDIS_CA", lambda: ssl.create_default_context(cafile=self.ca))
        if self.cert:
            read_file(self.key, "DOCUGEN_REDIS_KEY", private=True)
            context = ssl.create_default_context()
            _check_pem(self.cert, "DOCUGEN_REDIS_CERT", lambda: context.load_cert_chain(self.cert, self.key))

    def options(self) -> dict[str, Any]:
        """What the library calls these."""
        return {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
            "ssl_ca_certs": self.ca or None,
            "ssl_certfile": self.cert or None,
            "ssl_keyfile": self.key or None,
        }


NO_TLS_FILES = RedisTls()


def redis_client(address: RedisAddress, tls: RedisTls, timeout_s: float) -> RedisClient:
    """A client that connects when it is first used. timeout_s: for each reply; a connection has COMMAND_TIMEOUT_S."""
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": COMMAND_TIMEOUT_S,
        "health_check_interval": 15,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    secured = tls.options() if address.tls else {}
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, ssl=address.tls, max_connections=CONNECTIONS_MAX, **options, **secured)
    options["db"] = address.db
    if address.kind == "sentinel":
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            list(address.hosts), sentinel_kwargs={**options, **secured, "db": 0, "ssl": address.tls}
        )
        client: Redis = sentinel.master_for(address.service, ssl=address.tls, **options, **secured)
        return client
    if address.path:
        where: dict[str, Any] = {"path": address.path, "connection_class": SocketConnection}
    else:
        host, port = address.hosts[0]
        where = {
            "host": host,
            "port": port,
            "connection_class": TlsConnection if address.tls else TcpConnection,
            **secured,
        }
    return Redis.from_pool(ConnectionPool(max_connections=CONNECTIONS_MAX, **where, **options))


def _check_pem(path: str, setting: str, load: Callable[[], object]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        unfit = "holds nothing that can be used, or a certificate with another's key"
        why = unfit if isinstance(error, ssl.SSLError | ValueError) else error.strerror or "cannot be read"
        raise unusable(setting, path, why, "Name a readable PEM file; a certificate and its own key.") from error
