"""A way to Redis, whatever kind of deployment it is: one code path above, because all keys of a queue share a slot.

Two clients. *commands*: answers within 3 s or fails, three repetitions with jitter, checked when idle for 15 s, so a
half-open link costs seconds and not the kernel's quarter of an hour. *doorbell*: for blocking reads of up to 2 s, and the
take behind one, so that they never hold up a command.

Which server a URL names is in redis_address, the library's clients and their TLS in redis_clients. `check_server` refuses a
Redis that could lose jobs. Errors leave this module translated (redis_errors).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoScriptError

from docugen_core.adapters.redis_address import RedisAddress
from docugen_core.adapters.redis_clients import (
    COMMAND_TIMEOUT_S,
    CONNECTIONS_MAX,
    NO_TLS_FILES,
    RedisClient,
    RedisTls,
    redis_client,
)
from docugen_core.adapters.redis_errors import LIBRARY_ERRORS, is_demoted, is_passing, translated
from docugen_core.adapters.redis_exchange import Exchange
from docugen_core.adapters.scripts import Call
from docugen_core.config import Settings
from docugen_core.errors import ConfigurationError

T = TypeVar("T")

BLOCK_MS_MAX = 2_000
DOORBELL_TIMEOUT_S = 5.0
"""Longer than BLOCK_MS_MAX by more than Redis is ever late: a read that blocks in full is no time-out."""
REPEATS = 3
BACKOFF = ExponentialWithJitterBackoff(base=0.05, cap=1.0)
VERSION_FLOOR = (7, 0)


class RedisConnection:
    """Both clients of one process. Use as `async with`; making one connects nothing yet.

    tls: for rediss:// URLs. Raises ConfigurationError for a URL or a file that cannot be used.
    """

    def __init__(self, url: str, tls: RedisTls = NO_TLS_FILES) -> None:
        self.address = RedisAddress.parse(url)
        if self.address.tls:
            tls.check()
        self.commands = redis_client(self.address, tls, COMMAND_TIMEOUT_S)
        self.doorbell = redis_client(self.address, tls, DOORBELL_TIMEOUT_S)
        self._scripts, self._waiting = Exchange(self.commands), Exchange(self.doorbell)
        # The library's own pools refuse when they are empty (a cluster's cannot wait at all); here the next one waits its turn.
        self._turn = {id(client): asyncio.Semaphore(CONNECTIONS_MAX) for client in (self.commands, self.doorbell)}

    @classmethod
    def of(cls, settings: Settings) -> RedisConnection:
        """To the Redis of the settings, by its TLS files. Raises as the constructor does."""
        return cls(settings.redis_url, RedisTls.of(settings))

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
        return await self._repeat(self.commands, call.script.name, lambda: call.run(self._scripts), repeats)

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
            replies = await self._waiting.replies(read, call.command())
            for answer in replies:
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
