"""Keeps the leases of jobs in hand alive, all in one call every third of a lease, from outside of what renders.

A lease is renewed only while all of this holds: its attempt's deadline is not over, and a take or beat was answered within
the last lease. A hung render must not live on because a loop beside it does. When no beat is answered for a lease, the job may
be somebody else's already: it is stopped, and says nothing. The same after a SIGSTOP: whoever wakes late looks at the clock
first.
"""

from __future__ import annotations

import asyncio

import structlog
from docugen_core.domain.lease import Lease, Pulse
from docugen_core.errors import Unavailable
from docugen_core.ports import JobSource

from docugen_worker.jobs import Job, JobsInHand, Stop

log = structlog.get_logger(__name__)


class Heartbeat:
    """See the module."""

    def __init__(self, source: JobSource, jobs: JobsInHand, lease_ms: int) -> None:
        self._source = source
        self._jobs = jobs
        self._lease_s = lease_ms / 1_000
        self._interval_s = self._lease_s / 3
        self._failing = False

    async def run(self) -> None:
        """Beat until cancelled. Raises ConfigurationError when Redis refuses this worker."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.beat()

    async def beat(self) -> None:
        """Stop what was not heard of for a lease, renew the rest, and stop what is lost or cancelled."""
        sent_s = asyncio.get_running_loop().time()
        for job in self._jobs:
            if job.may_be_lost(sent_s, self._lease_s):
                self._stop(job, Stop.LEASE_LOST, "no beat was answered for a lease")
        living = {job.lease: job for job in self._jobs if job.why is not Stop.LEASE_LOST and sent_s < job.deadline_s}
        if not living:
            return
        pulse = await self._pulse(living)
        if pulse is None:
            return
        for job in living.values():
            job.heard_s = sent_s
        for lease in pulse.lost:
            self._stop(living[lease], Stop.LEASE_LOST, "another worker has or had it")
        for lease in pulse.cancelled:
            self._stop(living[lease], Stop.CANCELLED, "its caller cancelled it")

    async def _pulse(self, living: dict[Lease, Job]) -> Pulse | None:
        """The queue's answer, None when there was none in time for the next beat."""
        try:
            async with asyncio.timeout(self._interval_s):
                pulse = await self._source.beat(tuple(living))
        except (Unavailable, TimeoutError) as error:
            if not self._failing:
                log.warning("beat_unanswered", jobs=len(living), error=getattr(error, "message", "time-out"))
            self._failing = True
            return None
        self._failing = False
        return pulse

    def _stop(self, job: Job, why: Stop, because: str) -> None:
        if job.why is None or (why is Stop.LEASE_LOST and job.why is not why):
            log.warning(
                "job_stopped", run_id=job.lease.run_id, attempt=job.lease.attempt, why=why.value, because=because
            )
        job.stop(why)
