"""Whether this worker is of use now: `readiness` of grpc.health.v1 (docugen_core.adapters.grpc_health), and a log line when it
changes.

Ready means: Redis answers and is fit to keep jobs, the read loop completes its reads, and nobody told this worker to drain. A
paused queue leaves it ready.

Liveness is neither's business: a worker whose Redis is down must not be restarted for it.
"""

from __future__ import annotations

import asyncio

import structlog
from docugen_core.adapters.queue_health import Fitness, QueueHealth

from docugen_worker.announcer import Announcer
from docugen_worker.fetcher import DEAF_AFTER_S, Fetcher

LOOK_EVERY_S = 0.5

log = structlog.get_logger(__name__)


class Readiness:
    """See the module."""

    def __init__(self, queue: QueueHealth, fetcher: Fetcher, announcer: Announcer) -> None:
        self._queue = queue
        self._fetcher = fetcher
        self._announcer = announcer

    async def ready(self) -> bool:
        return self._queue.fitness is Fitness.FIT and self._fetcher.hears and not self._announcer.draining

    async def run(self) -> None:
        """Log every change until cancelled: `read_loop_heard`, `read_loop_deaf`."""
        heard = False
        while True:
            if self._fetcher.hears is not heard:
                heard = self._fetcher.hears
                if heard:
                    log.info("read_loop_heard")
                else:
                    log.error("read_loop_deaf", silent_s=DEAF_AFTER_S, hint="Redis does not answer reads of the queue.")
            await asyncio.sleep(LOOK_EVERY_S)
