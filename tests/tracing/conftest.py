"""A queue, a store and the pack `jobs` for each test that wants live processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis_servers import queue_name
from worker_world import WorkerWorld, worker_world


@pytest.fixture
async def world(request: pytest.FixtureRequest, queue_url: str, tmp_path: Path) -> AsyncIterator[WorkerWorld]:
    async with worker_world(queue_url, queue_name(request.node.nodeid), tmp_path) as made:
        yield made
