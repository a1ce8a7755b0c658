"""Says every few seconds that this worker lives and what it is; hears whether an operator told it to drain.

A draining worker finishes what it has, takes nothing new (the queue refuses it any), and is not ready. It goes on living until
it is stopped.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from docugen_core.domain.worker import WorkerAdvert
from docugen_core.errors import Unavailable
from docugen_core.ports import JobSource

from docugen_worker.jobs import JobsInHand

INTERVAL_S = 3.0

log = structlog.get_logger(__name__)


class Announcer:
    """See the module. advert: what stays the same; the runs that have a slot are added each time."""

    def __init__(self, source: JobSource, jobs: JobsInHand, advert: WorkerAdvert) -> None:
        self._source = source
        self._jobs = jobs
        self._advert = advert
        self.draining = False

    async def run(self) -> None:
        """Announce until cancelled. Raises ConfigurationError when Redis refuses this worker."""
        while True:
            await self._announce()
            await asyncio.sleep(INTERVAL_S)

    async def _announce(self) -> None:
        now_s = asyncio.get_running_loop().time()
        begun = (job.held(now_s) for job in self._jobs if not job.waits)
        jobs = tuple(sorted(begun, key=lambda held: held.run_id))
        held = tuple(job.run_id for job in jobs)
        try:
            draining = await self._source.announce(replace(self._advert, bundle_runs=held, jobs=jobs))
        except Unavailable as error:
            log.debug("announcement_skipped", error=error.message)
            return
        if draining and not self.draining:
            log.info("drain_ordered", jobs=len(held))
        self.draining = draining
