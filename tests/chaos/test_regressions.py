"""Faults that storms found. Each test tells what happened first."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_errors import translated
from docugen_core.errors import Unavailable
from redis_proxy import Proxy
from redis_servers import own_server


def test_a_link_that_is_reset_is_no_bug_on_the_loop_of_production_either() -> None:
    """Three workers ended when the links to Redis were reset: uvloop tells of a closed connection by a RuntimeError, which
    no one took for trouble with Redis. All tests of the queue ran on asyncio's own loop."""
    uvloop = pytest.importorskip("uvloop", reason="the extra [fast] is not installed, and services run without it")

    async def ask(redis: RedisConnection) -> None:
        for _ in range(100):
            with suppress(Unavailable):
                await redis.execute("PING")

    async def reset_while_asked() -> object:
        with own_server() as server:
            async with Proxy(server.url) as proxy, RedisConnection(proxy.url) as redis:
                async with asyncio.TaskGroup() as group:
                    asking = [group.create_task(ask(redis)) for _ in range(8)]
                    while not all(task.done() for task in asking):
                        await asyncio.sleep(0.003)
                        await proxy.cut()
                return await redis.execute("PING")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(reset_while_asked())


def test_a_closed_connection_is_told_from_a_bug() -> None:
    closed = RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
    assert isinstance(translated(closed, "take"), Unavailable)
    with pytest.raises(RuntimeError, match="changed size"):
        translated(RuntimeError("dictionary changed size during iteration"), "take")


async def test_whoever_is_cancelled_while_it_talks_to_redis_ends() -> None:
    """A worker never ended after SIGTERM: one of its loops was cancelled while it sent, the library swallowed that on Python
    3.11, and the loop went on. Of 300 cancellations of a busy loop, 269 were lost."""

    async def talk(redis: RedisConnection) -> None:
        while True:
            await redis.execute("PING")

    with own_server() as server:
        async with RedisConnection(server.url) as redis:
            for number in range(100):
                talking = asyncio.create_task(talk(redis))
                await asyncio.sleep(0.002 + number / 50_000)
                talking.cancel()
                async with asyncio.timeout(10):
                    await asyncio.wait([talking])
                assert talking.cancelled()


async def test_a_time_limit_around_a_command_of_redis_holds() -> None:
    """The other face of it: a limit is a cancellation too."""
    with own_server() as server:
        async with RedisConnection(server.url) as redis:

            async def talk() -> None:
                async with asyncio.timeout(0.005):
                    while True:
                        await redis.execute("PING")

            for _ in range(50):
                with pytest.raises(TimeoutError):
                    await talk()
