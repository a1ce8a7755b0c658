"""The queue for those who submit, ask and operate: RedisQueue implements ports.JobQueue and ports.QueueDesk.

Stateless: any number of them, in any number of processes, on one queue. Workers use redis_job_source. Every step is one
script (lua/), so this room only orders arguments and reads replies. Repeating a call after Unavailable is safe: submits
answer SAME, the rest as the first time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from docugen_core.adapters.keys import LANES, QueueKeys
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import BLOCK_MS_MAX, RedisConnection
from docugen_core.adapters.redis_replies import (
    changes,
    dead_letter,
    fields,
    job_record,
    queue_stats,
    queue_survey,
    worker_sighting,
)
from docugen_core.adapters.scripts import Script, load_scripts
from docugen_core.domain.dead_letter import DeadLetter, LetterPage, Redriven
from docugen_core.domain.demand import Demand
from docugen_core.domain.job import (
    Acceptance,
    Accepted,
    CancelVerdict,
    ChangePage,
    EraseVerdict,
    JobRecord,
    NewJob,
    RecordPage,
    RetryVerdict,
    Verdict,
)
from docugen_core.domain.queue_state import QueueStats, SweepReport
from docugen_core.domain.survey import UPCOMING_MAX, QueueSurvey
from docugen_core.domain.tenant import SEPARATOR, kept_id
from docugen_core.domain.worker import WorkerSighting
from docugen_core.errors import Unavailable

BATCH_ITEMS = 200
BATCH_BYTES = 4 << 20
"""Bounds of one script call: a few milliseconds in which Redis serves nobody else."""
PAGE_ITEMS = 500
TENANT_SCAN_ITEMS = 5_000
"""Members of the index that a page of one tenant looks at: an id is read in a hundredth of the time of a record."""
LETTER_ID = re.compile(r"\d{1,20}-\d{1,20}")
SWEEP_PAGE = 100
SWEEP_PAGES_MAX = 20_000
EXPIRE_PAGES_MAX = 20
RETRY_ROUNDS = 5


class RedisQueue:
    """See the module. The connection is the caller's to open and close."""

    def __init__(
        self,
        connection: RedisConnection,
        name: str,
        rules: QueueRules | None = None,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        self.keys = QueueKeys(name)
        self.rules = rules or QueueRules()
        self._redis = connection
        self._scripts = scripts or load_scripts()

    # --- submitters (ports.JobQueue) --------------------------------------------------------------------------------------

    async def submit(self, jobs: Sequence[NewJob]) -> tuple[Acceptance, ...]:
        """Accept jobs, in order; one answer each. They are durable as far as Redis's appendfsync goes when this returns.

        Many jobs are several calls: after an error some may be in; submit all again. Raises Unavailable, Overloaded
        (QUEUE_MEMORY_FULL). A queue at max_depth is no error: the verdict is FULL.
        """
        answers: list[Acceptance] = []
        for batch in _batches(jobs):
            answers += await self._submit(batch)
        return tuple(answers)

    async def get(self, run_ids: Sequence[str]) -> tuple[JobRecord | None, ...]:
        """The records of runs, in order; None for one that is unknown or expired. At most 1000."""
        reply = await self._run("get_runs", runs=((run_id,) for run_id in run_ids))
        return tuple(
            job_record(run_id, fields(raw)) if raw else None for run_id, raw in zip(run_ids, reply, strict=True)
        )

    async def payload(self, run_id: str) -> tuple[int, bytes] | None:
        """Version and payload of a run's job: from its lane, its dead letter, or, when it was cancelled, its record.

        None for a run that is unknown, succeeded, or moved on between the two looks.
        """
        wanted = ("entry", "letter", "v", "payload")
        entry, letter, version, payload = await self._redis.execute("HMGET", self.keys.record(run_id), *wanted)
        if payload is not None:
            return int(version), payload
        lane, _, entry_id = (entry or b"").decode().partition(":")
        place = (self.keys.key("dlq"), letter.decode()) if letter else (self.keys.lane(lane), entry_id)
        found = await self._redis.execute("XRANGE", place[0], place[1], place[1]) if place[1] else []
        held = found[0][1] if found else {}
        return (int(held[b"v"]), held[b"payload"]) if held else None

    async def runs(self, *, before: str = "", limit: int = 50, tenant: str = "") -> RecordPage:
        """Records newest first, by (create time, run id). before: next_before of the page before, or `position(...)`.

        tenant: whose alone; empty for everybody's. Others' and expired records are passed over, so a page may be short, or
        empty, before the end.
        """
        limit = min(max(limit, 1), PAGE_ITEMS)
        reply = await self._run(
            "list_runs",
            before=before,
            prefix=kept_id(tenant, "") if tenant else "",
            separator=SEPARATOR if tenant else "",
            limit=limit,
            scan=TENANT_SCAN_ITEMS if tenant else limit,
        )
        records = tuple(job_record(run.decode(), fields(raw)) for run, raw in reply[1:])
        return RecordPage(records, reply[0].decode())

    async def cancel(self, run_id: str, reason: str) -> CancelVerdict:
        """Stop a run: at once while nobody has it, else through its worker. Cancelling twice is cancelling once."""
        reply = await self._run("cancel", run=run_id, reason=reason, keep_ms=self.rules.keep_ms)
        return CancelVerdict(reply.decode())

    async def retry(self, run_id: str) -> RetryVerdict:
        """Start a failed or cancelled run again, from attempt 1. Two at once are one. Its dead letter is used up."""
        for _ in range(RETRY_ROUNDS):
            record = (await self.get([run_id]))[0]
            if record is None:
                return RetryVerdict.UNKNOWN
            reply = await self._run("retry", run=run_id, seen_revision=record.revision, max_depth=self.rules.max_depth)
            if reply != b"changed":
                return RetryVerdict(reply.decode())
        raise Unavailable(f"run {run_id!r} changes faster than it can be read", code="QUEUE_UNAVAILABLE")

    async def erase(self, run_id: str) -> EraseVerdict:
        """Remove the record of a run that has ended, and its dead letter; a submit of its id is then a new run."""
        return EraseVerdict((await self._run("erase", run=run_id)).decode())

    async def changes(self, *, after: str, wait_ms: int = 0, limit: int = 1_000) -> ChangePage:
        """Changes of any run after a cursor; waits for the first up to wait_ms (2000 at most). Safe to cancel.

        after: the cursor of the page before, `0-0` for all that is kept, or `newest_change()`. limit counts events, and one
        event holds the changes of one step. On `gap` read the records anew.
        """
        reply = await self._run("read_events", after=after, limit=limit)
        if len(reply) == 1 and wait_ms > 0:
            block = min(wait_ms, BLOCK_MS_MAX)
            await self._redis.block("XREAD", "BLOCK", block, "COUNT", 1, "STREAMS", self.keys.key("events"), after)
            reply = await self._run("read_events", after=after, limit=limit)
        oldest, *events = reply
        gap = after != "0-0" and (not oldest or _stream_id(oldest.decode()) > _stream_id(after))
        cursor = events[-1][0].decode() if events else after
        return ChangePage(tuple(c for _, raw in events for c in changes(raw)), cursor, gap)

    async def newest_change(self) -> str:
        """The cursor after which only what happens from now on is read."""
        newest = await self._redis.execute("XREVRANGE", self.keys.key("events"), "+", "-", "COUNT", 1)
        return newest[0][0].decode() if newest else "0-0"

    # --- operators (ports.QueueDesk) --------------------------------------------------------------------------------------

    async def stats(self) -> QueueStats:
        """The queue in numbers, all of one moment."""
        return queue_stats(await self._run("stats"))

    async def survey(self) -> QueueSurvey:
        """Lane by lane, and what is due next; of one moment, which is not that of `stats`."""
        return queue_survey(await self._run("survey", upcoming=UPCOMING_MAX))

    async def demand(self, soon_ms: int) -> Demand:
        """The jobs that need a worker now, or are parked and due within soon_ms; within a lease where that is longer."""
        return Demand(*map(int, await self._run("demand", soon_ms=max(soon_ms, self.rules.lease_ms))))

    async def pause(self, reason: str) -> None:
        """Hand out nothing from now on; what runs is finished, submits are accepted. Pausing twice is pausing once."""
        await self._run("pause", reason=reason)

    async def resume(self) -> bool:
        """End a pause. Whether there was one."""
        return bool(await self._run("resume"))

    async def drain_worker(self, consumer: str) -> bool:
        """Let one worker finish what it has and take nothing new. False for a worker that is not known."""
        return bool(await self._run("drain", consumer=consumer))

    async def workers(self) -> tuple[WorkerSighting, ...]:
        """Workers that announced themselves and were not forgotten, by name."""
        adverts = await self._redis.execute("HGETALL", self.keys.key("workers"))
        control = await self._redis.execute("HGETALL", self.keys.key("control"))
        return tuple(worker_sighting(name, text, b"drain:" + name in control) for name, text in sorted(adverts.items()))

    async def letters(self, *, after: str = "", limit: int = 50) -> LetterPage:
        """Dead letters with their payloads, oldest first. after: next_after of the page before."""
        limit = min(max(limit, 1), PAGE_ITEMS)
        start = f"({after}" if after else "-"
        entries = await self._redis.execute("XRANGE", self.keys.key("dlq"), start, "+", "COUNT", limit)
        letters = tuple(dead_letter(letter_id, raw) for letter_id, raw in entries)
        return LetterPage(letters, letters[-1].letter_id if len(letters) == limit else "")

    async def letter(self, letter_id: str) -> DeadLetter | None:
        """One dead letter with its payload; None where there is none of that id."""
        if LETTER_ID.fullmatch(letter_id) is None:
            return None
        found = await self._redis.execute("XRANGE", self.keys.key("dlq"), letter_id, letter_id)
        return dead_letter(*found[0]) if found else None

    async def newest_letter(self) -> str:
        """Id of the newest dead letter, `0-0` when there is none."""
        newest = await self._redis.execute("XREVRANGE", self.keys.key("dlq"), "+", "-", "COUNT", 1)
        return newest[0][0].decode() if newest else "0-0"

    async def redrive(self, letters: Sequence[tuple[str, str]], *, force: bool = False) -> tuple[Redriven, ...]:
        """Put dead letters, pairs of letter id and run id, back into the queue from attempt 1, with the same id and seed, and
        count it. Beyond redrives_max only with force. At most 1000; one answer each. A repeated call answers the same.
        """
        reply = await self._run("redrive", redrives_max=self.rules.redrives_max, force=int(force), letters=letters)
        return tuple(Redriven(answer.decode()) for answer in reply)

    async def drop(self, letter_ids: Sequence[str]) -> int:
        """Remove dead letters for good, at most 1000; how many there were. Their records expire from now on."""
        return int(await self._run("drop", keep_ms=self.rules.keep_ms, letters=((i,) for i in letter_ids)))

    async def sweep(self) -> SweepReport:
        """One pass of housekeeping; any worker may make it at any time, a few times a minute is enough.

        Every delivered job has a due time after it and no due time lies beyond the horizon, whatever happened to the clock
        or to the index. Forgets silent workers, old letters, and index entries of expired records. Does nothing within
        sweep_every_ms of the last pass, whoever made it, and looks at every job only where the numbers do not add up.
        """
        rules, adopted, clamped, dropped, removed = self.rules, 0, 0, 0, 0
        state = await self._run("audit", every_ms=rules.sweep_every_ms, horizon_ms=rules.horizon_ms)
        if state == 0:
            return SweepReport()
        for lane in LANES if state == 2 else ():
            async for reply in self._pages(lane):
                adopted += reply[1]
                clamped += reply[2]
        workers, consumers = await self._run("prune", silent_ms=rules.silent_ms)
        for _ in range(EXPIRE_PAGES_MAX):
            reply = await self._run(
                "expire", letters_keep_ms=rules.letters_keep_ms, keep_ms=rules.keep_ms, limit=SWEEP_PAGE
            )
            dropped += reply[1]
            removed += reply[2]
            if reply[0]:
                break
        return SweepReport(adopted, clamped, workers, consumers, dropped, removed)

    # --- how --------------------------------------------------------------------------------------------------------------

    async def _submit(self, batch: Sequence[NewJob]) -> list[Acceptance]:
        rows = (
            (j.run_id, j.spec_digest, j.priority.value, j.not_before_ms, j.payload_version, j.payload, j.about)
            for j in batch
        )
        now, *answers = await self._run(
            "submit", max_depth=self.rules.max_depth, runs_max=self.rules.runs_max, jobs=rows
        )
        return [_acceptance(job, answer, now) for job, answer in zip(batch, answers, strict=True)]

    async def _pages(self, lane: str) -> AsyncIterator[list[Any]]:
        """The replies of sweep.lua for all pending entries of a lane."""
        after = ""
        for _ in range(SWEEP_PAGES_MAX):
            reply = await self._run(
                "sweep",
                lane=lane,
                after=after,
                limit=SWEEP_PAGE,
                lease_ms=self.rules.lease_ms,
                horizon_ms=self.rules.horizon_ms,
            )
            yield reply
            after = reply[0].decode()
            if not after:
                return

    async def _run(self, script: str, **arguments: object) -> Any:
        return await self._redis.run(self._scripts[script].call(self.keys, **arguments))


def list_position(create_time_ms: int, run_id: str) -> str:
    """The place of a run in the list, as `before` of RedisQueue.runs; the run itself may be gone."""
    return f"{create_time_ms:015d}:{run_id}"


def _acceptance(job: NewJob, answer: Sequence[Any], now_ms: int) -> Acceptance:
    verdict = Verdict(answer[0].decode())
    if verdict is Verdict.NEW:
        return Acceptance(verdict, Accepted(job, answer[1].decode(), now_ms))
    return Acceptance(verdict, known=None if verdict is Verdict.FULL else job_record(job.run_id, fields(answer[1])))


def _batches(jobs: Sequence[NewJob]) -> Iterator[Sequence[NewJob]]:
    """Consecutive jobs, at most BATCH_ITEMS and about BATCH_BYTES together; a larger job goes alone."""
    begin, size = 0, 0
    for at, job in enumerate(jobs):
        if at > begin and (at - begin == BATCH_ITEMS or size >= BATCH_BYTES):
            yield jobs[begin:at]
            begin, size = at, 0
        size += len(job.payload)
    if begin < len(jobs):
        yield jobs[begin:]


def _stream_id(text: str) -> tuple[int, int]:
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)
