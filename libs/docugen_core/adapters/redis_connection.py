"""A way to Redis, whatever kind of deployment it is: one code path above, because all keys of a queue share a slot.

    redis://[user:password@]host[:6379][/db]              one server                      rediss:// with TLS
    unix://[user:password@]/path/to.sock[?db=0]           the same, by socket
    redis+sentinel://[user:password@]host:26379,host:26379/service[/db]                   rediss+sentinel:// with TLS
    redis+cluster://[user:password@]host:7000,host:7001                                   rediss+cluster:// with TLS

Two clients. *commands*: answers within 3 s or fails, three repetitions with jitter, checked when idle for 15 s, so a
half-open link costs seconds and not the kernel's quarter of an hour. *doorbell*: for blocking reads of up to 2 s, and the
take behind one, so that they never hold up a command.

With TLS the server's certificate is checked, its name too: against the CA of DOCUGEN_REDIS_CA, or else the system's. One that
is not trusted is a wrong configuration and no outage. Files are read for each new connection, so they can be renewed.

`check_server` refuses a Redis that could lose jobs. Errors leave this module translated (redis_errors).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import NoScriptError

from docugen_core.adapters.private_files import read_file, unusable
from docugen_core.adapters.redis_errors import LIBRARY_ERRORS, is_demoted, is_passing, translated
from docugen_core.adapters.redis_packing import SocketConnection, TcpConnection, TlsConnection
from docugen_core.adapters.scripts import Call
from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError

RedisClient: TypeAlias = "Redis | RedisCluster"
T = TypeVar("T")

COMMAND_TIMEOUT_S = 3.0
BLOCK_MS_MAX = 2_000
DOORBELL_TIMEOUT_S = 5.0
"""Longer than BLOCK_MS_MAX by more than Redis is ever late: a read that blocks in full is no time-out."""
CONNECTIONS_MAX = 32
REPEATS = 3
BACKOFF = ExponentialWithJitterBackoff(base=0.05, cap=1.0)
VERSION_FLOOR = (7, 0)

_SCHEMES = {
    f"{tls}{kind}": (bool(tls_name), kind.removeprefix("+"))
    for tls, tls_name in (("redis", ""), ("rediss", "s"))
    for kind in ("", "+sentinel", "+cluster")
}


@dataclass(frozen=True, slots=True)
class Address:
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
    def parse(cls, url: str) -> Address:
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


class RedisConnection:
    """Both clients of one process. Use as `async with`; making one connects nothing yet.

    tls: for rediss:// URLs. Raises ConfigurationError for a URL or a file that cannot be used.
    """

    def __init__(self, url: str, tls: RedisTls = NO_TLS_FILES) -> None:
        self.address = Address.parse(url)
        if self.address.tls:
            tls.check()
        self.commands = _client(self.address, tls, COMMAND_TIMEOUT_S)
        self.doorbell = _client(self.address, tls, DOORBELL_TIMEOUT_S)
        # The library's own pools refuse when they are empty (a cluster's cannot wait at all); here the next one waits its turn.
        self._turn = {id(client): asyncio.Semaphore(CONNECTIONS_MAX) for client in (self.commands, self.doorbell)}

    async def __aenter__(self) -> RedisConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection. Safe to repeat."""
        for client in (self.commands, self.doorbell):
            await client.aclose()
            if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
                for sentinel in client.connection_pool.sentinel_manager.sentinels:
                    await sentinel.aclose()

    async def run(self, call: Call, *, repeat: bool = True) -> Any:
        """The reply of a script. Raises Unavailable, Overloaded, ConfigurationError as redis_errors says.

        repeat: False for a script whose first reply must not go unnoticed, as the second one says something else (take).
        """
        repeats = REPEATS if repeat else 0
        return await self._repeat(self.commands, call.script.name, lambda: call.run(self.commands), repeats)

    async def execute(self, *command: str | bytes | int) -> Any:
        """The reply of a single command that needs no script."""
        return await self._repeat(self.commands, str(command[0]), lambda: self.commands.execute_command(*command))

    async def block(self, *command: str | bytes | int) -> Any:
        """The reply of a blocking read, BLOCK_MS_MAX at most. Safe to cancel when the command delivers nothing (XREAD)."""
        return await self._repeat(self.doorbell, str(command[0]), lambda: self.doorbell.execute_command(*command))

    async def run_after(self, read: Sequence[object], call: Call) -> Any:
        """The reply of a script that the server runs in the moment a blocking read ends, BLOCK_MS_MAX at most. Both are sent
        together; the read's own reply is dropped. Never repeated. Cancelling closes the connection; the script may still run.
        """

        async def send() -> Any:
            pipe: Any = self.doorbell.pipeline(transaction=False)
            for command in (read, call.command()):
                pipe.execute_command(*command)
            for answer in (replies := await pipe.execute(raise_on_error=False)):
                if isinstance(answer, Exception) and not isinstance(answer, NoScriptError):
                    raise answer
            return replies[1]

        reply = await self._repeat(self.doorbell, call.script.name, send, 0)
        return await self.run(call, repeat=False) if isinstance(reply, NoScriptError) else reply

    async def check_server(self, *, allow_volatile: bool = False) -> None:
        """Make sure that the server keeps what it is given: Redis 7.0 or later, no eviction, append-only file on.

        allow_volatile: only the version is checked; for tests. Raises ConfigurationError naming every flaw and the command that
        mends it, Unavailable when the server does not answer.
        """
        flaws = []
        for node, info in sorted((await self._info()).items()):
            flaws += [f"{node}{flaw}" for flaw in server_flaws(info, allow_volatile=allow_volatile)]
        if flaws:
            raise ConfigurationError(
                f"{self.address.public()} cannot keep the queue:\n" + "\n".join(flaws),
                hint="Change redis.conf too, or it is back after a restart. For tests: DOCUGEN_QUEUE_ALLOW_VOLATILE=true.",
            )

    async def _info(self) -> dict[str, Mapping[str, Any]]:
        """INFO of every node that takes writes; the name of a node is empty where there is one."""
        try:
            if isinstance(self.commands, RedisCluster):
                await _heeding(self.commands.initialize())
                nodes = self.commands.get_primaries()
                return {f"{n.name}: ": await _heeding(self.commands.info(target_nodes=n)) for n in nodes}
            return {"": await _heeding(self.commands.info())}
        except LIBRARY_ERRORS as error:
            raise translated(error, "INFO") from error

    async def _repeat(
        self, client: RedisClient, doing: str, send: Callable[[], Awaitable[Any]], repeats: int = REPEATS
    ) -> Any:
        """Send until it is answered: again after what passes, at once an error after what does not.

        The library's own repetition is off: it nests (command, connection, health check), and repeats a wrong password.
        """
        failures = 0
        while True:
            try:
                async with self._turn[id(client)]:
                    return await _heeding(send())
            except LIBRARY_ERRORS as error:
                await self._drop_if_demoted(error)
                problem, failures = translated(error, doing), failures + 1
                if failures > repeats or not is_passing(error):
                    raise problem from error
            await asyncio.sleep(BACKOFF.compute(failures))

    async def _drop_if_demoted(self, error: BaseException) -> None:
        """After a failover the old node still answers on open connections; new ones find the new primary."""
        if is_demoted(error):
            for client in (self.commands, self.doorbell):
                if isinstance(client, Redis):
                    await client.connection_pool.disconnect(inuse_connections=False)
                else:
                    await client.aclose()


async def _heeding(work: Awaitable[T]) -> T:
    """The result of `work`, or CancelledError when this task was cancelled meanwhile, although the library made nothing of it.

    It sends by asyncio.wait_for, which before Python 3.12 swallows a cancellation that comes while the bytes go out (gh-86296).
    Whoever cancelled would then wait for ever for an actor that goes on.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        return await work
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


def server_flaws(info: Mapping[str, Any], *, allow_volatile: bool) -> list[str]:
    """What in a server's INFO speaks against keeping a queue there, each with its remedy. No CONFIG: hosted Redis forbids
    it."""
    flaws = []
    version = str(info.get("redis_version", "0"))
    if tuple(int(n) for n in version.split(".")[:2]) < VERSION_FLOOR:
        flaws.append(f"its version is {version}, DocuGen needs 7.0 or later: upgrade the server")
    if allow_volatile:
        return flaws
    policy = info.get("maxmemory_policy", "")
    if policy != "noeviction":
        flaws.append(f"maxmemory-policy is {policy}, it may evict jobs: CONFIG SET maxmemory-policy noeviction")
    if not int(info.get("aof_enabled", 0)):
        flaws.append("appendonly is no, a restart loses jobs: CONFIG SET appendonly yes (and appendfsync always)")
    return flaws


def _check_pem(path: str, setting: str, load: Callable[[], object]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        unfit = "holds nothing that can be used, or a certificate with another's key"
        why = unfit if isinstance(error, ssl.SSLError | ValueError) else error.strerror or "cannot be read"
        raise unusable(setting, path, why, "Name a readable PEM file; a certificate and its own key.") from error


def _client(address: Address, tls: RedisTls, timeout_s: float) -> RedisClient:
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
