"""A world of workers for each test of a fault, on a Redis of the session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis_servers import default_server, queue_name
from worker_world import WorkerWorld, worker_world


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with default_server() as url:
        yield url


@pytest.fixture
async def world(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> AsyncIterator[WorkerWorld]:
    async with worker_world(redis_url, queue_name(request.node.nodeid), tmp_path) as made:
        yield made
