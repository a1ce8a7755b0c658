"""Commands over a connection of the library's pool: sent together, with an error among their replies, cancelled, cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_exchange import Exchange
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import ResponseError
from redis_servers import default_server, own_cluster


@pytest.fixture(scope="module", params=["server", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "cluster":
        with own_cluster() as (url, _):
            yield url
    else:
        with default_server() as url:
            yield url


async def test_replies_come_in_order_and_an_error_among_them_is_a_value(url: str) -> None:
    async with RedisConnection(url) as redis:
        exchange = Exchange(redis.commands)
        wrong, right = ("LPUSH", "{x}:text", "item"), ("GET", "{x}:text")
        assert await exchange.execute_command("SET", "{x}:text", "words") in (True, b"OK")
        first, error, last = await exchange.replies(right, wrong, right)
        assert (first, last) == (b"words", b"words")
        assert isinstance(error, ResponseError)
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await exchange.execute_command(*wrong)
        assert await exchange.execute_command(*right) == b"words"


async def test_the_reply_of_a_command_that_was_cancelled_is_nobody_elses(url: str) -> None:
    async with RedisConnection(url) as redis:
        exchange = Exchange(redis.doorbell)
        waiting = asyncio.create_task(exchange.replies(("BLPOP", "{x}:list", 1), ("ECHO", "of the cancelled one")))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await redis.execute("RPUSH", "{x}:list", "item")
        assert await exchange.replies(("GET", "{x}:none"), ("LLEN", "{x}:other")) == [None, 0]


async def test_a_connection_that_was_cut_is_an_error_and_the_next_one_works() -> None:
    with default_server() as url:
        async with RedisConnection(url) as redis:
            exchange = Exchange(redis.doorbell)
            waiting = asyncio.create_task(exchange.replies(("BLPOP", "{x}:list", 2)))
            while (await redis.commands.info("clients"))["blocked_clients"] < 1:
                assert not waiting.done()
                await asyncio.sleep(0.01)
            await redis.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            with pytest.raises(NotConnected):
                await waiting
            assert await exchange.execute_command("LLEN", "{x}:list") == 0
