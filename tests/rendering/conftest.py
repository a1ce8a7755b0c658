"""What tests of rendering need of the machine: a folder in memory, and render processes that the attacks of one file share.

A file that asks for `pool` or `strict` runs on one loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings

_IN_MEMORY = Path("/dev/shm")
TIMEOUT_MS = 6_000
"""Also for the document after an attack, which comes to a new process, maybe of a machine that stalls for seconds."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files, where the machine has such a place, are listed in the order in which they were written."""
    with TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """One render process for all attacks that are refused: each is the next one's neighbour too.

    It is never replaced for its age or size: in random order, that happened within a test that counts on one process.
    """
    settings = Settings(render_processes=1, render_recycle_documents=60_000, render_recycle_rss_mb=1_048_576)
    async with RenderPool(settings) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict() -> AsyncIterator[RenderPool]:
    """One render process with a short deadline, for attacks that end it."""
    async with RenderPool(Settings(render_processes=1, render_timeout_ms=TIMEOUT_MS)) as made:
        yield made
