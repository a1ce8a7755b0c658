"""The queue for one worker process: RedisJobSource implements ports.JobSource.

One consumer, one engine. `take` what there is room for; `wait` while there is nothing; `beat` all leases together every third
of lease_ms; `settle` in batches. After a take that raised, `recover`: its reply may be lost, and with it the leases that
it gave.

    async with asyncio.TaskGroup() as ...:  fetcher: take -> wait -> take   heartbeat: beat   processor: settle | release

A wait is a BLPOP at the bell, which delivers no job, and a take of one job behind it on the same connection: Redis runs the
take in the moment that wakes the worker, so the first job of a quiet queue costs one round trip and not two. Each job that
comes wakes one worker, the one that has waited longest. The price: a worker that froze or lost its network while it waited may
still be given one new job, which then waits for its lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from docugen_core.adapters.keys import QueueKeys
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import BLOCK_MS_MAX, RedisConnection
from docugen_core.adapters.redis_replies import failure_text, takings
from docugen_core.adapters.scripts import Call, Script, load_scripts
from docugen_core.domain.lease import (
    WORKER_LOST,
    Bury,
    Cancelled,
    Done,
    Hold,
    Lease,
    Outcome,
    ProgressReport,
    Pulse,
    Retry,
    Settled,
    Settlement,
    Takings,
)
from docugen_core.domain.worker import CONSUMER, WorkerAdvert
from docugen_core.ports import TAKE_MAX

T = TypeVar("T")

HOLD_POLL_MS = 250
RECOVER_MAX = 1_000
BATCH_ITEMS = 500


class RedisJobSource:
    """See the module. consumer: a name never used before (domain.worker.consumer_name). engine: its fingerprint, for letters.

    Raises ValueError for a name that is none.
    """

    def __init__(
        self,
        connection: RedisConnection,
        name: str,
        *,
        consumer: str,
        engine: str = "",
        rules: QueueRules | None = None,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        if CONSUMER.fullmatch(consumer) is None:
            raise ValueError(f"{consumer!r} cannot name a consumer: letters, digits and . _ - only, 128 at most")
        self.keys = QueueKeys(name)
        self.consumer = consumer
        self._engine = engine
        self._rules = rules or QueueRules()
        self._redis = connection
        self._scripts = scripts or load_scripts()
        self._seen = Takings((), wait_ms=0)
        self._server_ms = 0

    async def take(self, want: int) -> Takings:
        """Up to `want` (1 to 256) jobs under new leases: due ones first, then new ones from the lanes 16 : 4 : 1.

        Raises Unavailable, at once: a repetition here would hide the jobs of a reply that was lost. Call `recover` then, before
        the next take.
        """
        if not 1 <= want <= TAKE_MAX:
            raise ValueError(f"a take wants 1 to {TAKE_MAX} jobs, not {want}")
        sent_s = asyncio.get_running_loop().time()
        return self._noted(await self._redis.run(self._take(want, fresh=False), repeat=False), lambda _: sent_s)

    async def wait(self, wait_ms_max: int = BLOCK_MS_MAX) -> Takings:
        """Return when there may be something to take: at once after a take that left something, or may have; else when a job
        comes or is handed back, at the next due time, or after wait_ms_max (2000 at most). A new job comes along, if no other
        worker got it; what is due is left to the next take.

        Raises Unavailable. Call `recover` then, and after a wait that was cancelled: its take may still happen.
        """
        limit = min(wait_ms_max, BLOCK_MS_MAX)
        if self._seen.hold is not Hold.NONE:
            await asyncio.sleep(min(limit, HOLD_POLL_MS) / 1_000)
            return Takings(())
        block = limit if self._seen.wait_ms < 0 else min(limit, self._seen.wait_ms)
        if block < 1:
            return Takings(())
        read = ("BLPOP", self.keys.key("bell"), block / 1_000)
        sent_s = asyncio.get_running_loop().time()

        def run_s(server_ms: int) -> float:
            """When the take was run: not known, but by the server's clock so long after the one before, which was run after it
            was sent."""
            after_s = self._seen.since_s + (server_ms - self._server_ms) / 1_000
            return min(max(sent_s, after_s), asyncio.get_running_loop().time())

        return self._noted(await self._redis.run_after(read, self._take(1, fresh=True)), run_s)

    def _take(self, want: int, *, fresh: bool) -> Call:
        lease_ms = self._rules.lease_ms
        return self._scripts["take"].call(
            self.keys, consumer=self.consumer, want=want, lease_ms=lease_ms, lost=_LOST, fresh=int(fresh)
        )

    def _noted(self, reply: Sequence[Any], since_s: Callable[[int], float]) -> Takings:
        server_ms = int(reply[2])
        self._seen = takings(reply, self.consumer, since_s(server_ms))
        self._server_ms = server_ms
        return self._seen

    async def beat(self, leases: Sequence[Lease]) -> Pulse:
        """Renew leases. Those in `lost` are somebody else's: kill their renders and write nothing. Repeating renews again."""
        by_entry = {lease.entry.encode(): lease for lease in leases}
        lost: list[Lease] = []
        cancelled: list[Lease] = []
        for batch in _batches(leases):
            rows = ((lease.run_id, lease.entry, lease.attempt) for lease in batch)
            reply = await self._run("beat", consumer=self.consumer, lease_ms=self._rules.lease_ms, leases=rows)
            lost += (by_entry[entry] for entry in reply[0])
            cancelled += (by_entry[entry] for entry in reply[1])
        return Pulse(tuple(lost), tuple(cancelled))

    async def settle(self, settlements: Sequence[Settlement]) -> tuple[Settled, ...]:
        """End attempts; one answer each. STALE: the lease was lost and nothing changed. Repeating answers the same."""
        answers: list[Settled] = []
        for batch in _batches(settlements):
            rows = ((s.lease.run_id, s.lease.entry, s.lease.attempt, *_outcome(s.outcome)) for s in batch)
            reply = await self._run(
                "settle", consumer=self.consumer, engine=self._engine, keep_ms=self._rules.keep_ms, jobs=rows
            )
            answers += (Settled(answer.decode()) for answer in reply)
        return tuple(answers)

    async def progress(self, reports: Sequence[ProgressReport]) -> tuple[bool, ...]:
        """Show how far jobs are; one answer each, False where the lease was lost. Repeating changes nothing.

        Raises Overloaded where Redis is full: whoever watches sees less then, and the jobs go on.
        """
        answers: list[bool] = []
        for batch in _batches(reports):
            rows = ((r.lease.run_id, r.lease.entry, r.lease.attempt, r.progress) for r in batch)
            reply = await self._run("progress", consumer=self.consumer, jobs=rows)
            answers += (answer == b"noted" for answer in reply)
        return tuple(answers)

    async def release(self, leases: Sequence[Lease], delay_ms: int = 0) -> tuple[bool, ...]:
        """Hand jobs back, their attempts unspent, to be taken again after delay_ms; False where the lease was lost or they are
        back already."""
        answers: list[bool] = []
        for batch in _batches(leases):
            rows = ((lease.run_id, lease.entry, lease.attempt, delay_ms) for lease in batch)
            reply = await self._run("release", consumer=self.consumer, jobs=rows)
            answers += (answer == b"released" for answer in reply)
        return tuple(answers)

    async def recover(self, known: Iterable[Lease], *, last: bool = False) -> int:
        """Hand back, unspent, what Redis says this consumer holds and `known` does not name; how many. For after a take that
        raised: without it those jobs wait for the lease to lapse, and count an attempt. last: no take after this gives
        anything, one that is still on its way included."""
        entries = tuple((lease.entry,) for lease in known)
        return int(await self._run("recover", consumer=self.consumer, limit=RECOVER_MAX, last=int(last), known=entries))

    async def announce(self, advert: WorkerAdvert) -> bool:
        """Say that this worker lives, and what it is. True when it was told to drain."""
        return bool(await self._run("announce", consumer=self.consumer, advert=advert.to_text()))

    async def leave(self) -> int:
        """Say goodbye, after everything is settled or handed back; the number of jobs still held, which is 0 then."""
        return int(await self._run("leave", consumer=self.consumer))

    async def _run(self, script: str, repeat: bool = True, /, **arguments: object) -> Any:
        return await self._redis.run(self._scripts[script].call(self.keys, **arguments), repeat=repeat)


_LOST = failure_text(WORKER_LOST)


def _outcome(outcome: Outcome) -> tuple[str, int, str, bytes]:
    """outcome, delay_ms, text and progress of a settlement."""
    match outcome:
        case Done(manifest_digest, progress):
            return "done", 0, manifest_digest, progress
        case Retry(failure, delay_ms, progress):
            return "retry", delay_ms, failure_text(failure), progress
        case Bury(failure, progress):
            return "bury", 0, failure_text(failure), progress
        case Cancelled():
            return "cancelled", 0, "", b""


def _batches(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[at : at + BATCH_ITEMS] for at in range(0, len(items), BATCH_ITEMS))
