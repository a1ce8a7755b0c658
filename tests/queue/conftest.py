"""Servers and queues for the tests of the queue. Servers live for the session, queues for a test, connections for its loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from queue_world import QueueWorld
from redis_servers import default_server, every_server, queue_name, server


class _Servers:
    """Each server is started when a test first asks for it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._stack.enter_context(server(name))
        return self._urls[name]


@pytest.fixture(scope="session")
def servers() -> Iterator[_Servers]:
    with ExitStack() as stack:
        yield _Servers(stack)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The server of tests that need just one."""
    with default_server() as url:
        yield url


@pytest.fixture(params=every_server())
async def everywhere(request: pytest.FixtureRequest, servers: _Servers) -> AsyncIterator[QueueWorld]:
    """An empty queue, on each kind of server in turn."""
    async for world in _world(servers.url(request.param), request):
        yield world


@pytest.fixture
async def world(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[QueueWorld]:
    """An empty queue."""
    async for made in _world(redis_url, request):
        yield made


async def _world(url: str, request: pytest.FixtureRequest) -> AsyncIterator[QueueWorld]:
    async with RedisConnection(url) as connection:
        world = await QueueWorld(connection, queue_name(request.node.nodeid)).begin()
        yield world
        # Records of unfinished runs have no expiry: leave a given server as it was.
        keys = [key async for key in connection.commands.scan_iter(f"{{{world.name}*", count=1_000)]
        for start in range(0, len(keys), 1_000):
            await connection.execute("UNLINK", *keys[start : start + 1_000])
