"""Housekeeping of the queue by whoever is there: every worker sweeps every 30 s, each at its own time in those 30 s.

A sweep mends the index from the streams, and forgets workers that fell silent. It is idempotent; two at once do no harm.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import structlog
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import Unavailable
from docugen_core.ports import QueueDesk

INTERVAL_MS = 30_000

log = structlog.get_logger(__name__)


class Sweeper:
    """See the module. Its time in the interval is drawn from the consumer's name."""

    def __init__(self, desk: QueueDesk, consumer: str) -> None:
        self._desk = desk
        self._first_s = SeedStream.of(consumer, "sweep").between(1, INTERVAL_MS) / 1_000

    async def run(self) -> None:
        """Sweep until cancelled. Raises ConfigurationError when Redis refuses this worker."""
        await asyncio.sleep(self._first_s)
        while True:
            await self._sweep()
            await asyncio.sleep(INTERVAL_MS / 1_000)

    async def _sweep(self) -> None:
        try:
            mended = {name: count for name, count in asdict(await self._desk.sweep()).items() if count}
        except Unavailable as error:
            log.debug("sweep_skipped", error=error.message)
            return
        if mended:
            log.info("queue_swept", **mended)
