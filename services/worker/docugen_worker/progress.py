"""Tells how far jobs are, for whoever watches: at most one call in 300 ms for all jobs together.

Nothing depends on it. What Redis does not take is not repeated; the next call, or the settlement, says more anyway.
"""

from __future__ import annotations

import asyncio

import structlog
from docugen_core.domain.lease import ProgressReport
from docugen_core.domain.run import DocumentProgress
from docugen_core.domain.run_record import encode_documents
from docugen_core.errors import Unavailable
from docugen_core.ports import JobSource

from docugen_worker.jobs import Job, JobsInHand

PAUSE_S = 0.3

log = structlog.get_logger(__name__)


class ProgressTeller:
    """See the module."""

    def __init__(self, source: JobSource, jobs: JobsInHand) -> None:
        self._source = source
        self._jobs = jobs
        self._changed: set[Job] = set()
        self._some = asyncio.Event()

    def note(self, job: Job, progress: DocumentProgress) -> None:
        """One document came further. Costs nothing; may be called as often as it happens."""
        job.documents[progress.name] = progress
        self._changed.add(job)
        self._some.set()

    async def run(self) -> None:
        """Tell until cancelled. Raises ConfigurationError when Redis refuses this worker."""
        while True:
            await self._some.wait()
            self._some.clear()
            in_hand = set(self._jobs)
            changed, self._changed = self._changed & in_hand, set()
            if changed:
                await self._tell(
                    [ProgressReport(job.lease, encode_documents(job.documents.values())) for job in changed]
                )
            await asyncio.sleep(PAUSE_S)

    async def _tell(self, reports: list[ProgressReport]) -> None:
        try:
            await self._source.progress(reports)
        except Unavailable as error:
            log.debug("progress_untold", jobs=len(reports), error=error.message)
