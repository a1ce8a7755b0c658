"""The house of tests about the executor with a queue alone. Files about another kind, or about both, have their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from executor_houses import QueueHouse
from redis_servers import queue_name


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path, queue_url: str) -> QueueHouse:
    return QueueHouse(tmp_path, queue_url, queue_name(request.node.nodeid))
