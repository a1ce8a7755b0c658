"""Looks at the queue every two seconds and says what it saw, so that a scrape never has to ask Redis.

While nothing answers nothing is said: what was seen last grows stale and vanishes from the metrics (`otel_measures`). A look is
one call of stats.lua, or some additions in an executor without a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from docugen_core.domain.queue_state import QueueStats
from docugen_core.errors import DocugenError
from docugen_core.measures import UNMEASURED, Measures

LOOK_EVERY_S = 2.0
LOOK_TIMEOUT_S = 3.0

log = structlog.get_logger(__name__)

Look = Callable[[], Awaitable[QueueStats]]


@asynccontextmanager
async def observed_queue(look: Look, measures: Measures, *, every_s: float = LOOK_EVERY_S) -> AsyncIterator[None]:
    """While the context is open, `look` and record. Where nothing is recorded nothing is looked at either."""
    if measures is UNMEASURED:
        yield
        return
    observing = asyncio.create_task(_observe(look, measures, every_s), name="queue observer")
    try:
        yield
    finally:
        observing.cancel()
        await asyncio.wait([observing])


async def _observe(look: Look, measures: Measures, every_s: float) -> None:
    while True:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                measures.queue_seen(await look())
        except (TimeoutError, DocugenError) as error:
            log.debug("queue_not_observed", error=str(error))
        except Exception:
            log.exception("queue_look_crashed")  # a bug must not end the looking: the gauges would be gone for ever
        await asyncio.sleep(every_s)
