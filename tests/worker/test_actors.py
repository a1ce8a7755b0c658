"""The worker's actors one by one, on a real queue: what each promises that no whole run would show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.domain.lease import Delivery, Done, Lease, Takings
from docugen_core.domain.run import DocumentProgress, DocumentState, RunState
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_worker.backoff import Backoff
from docugen_worker.fetcher import Fetcher
from docugen_worker.heartbeat import Heartbeat
from docugen_worker.jobs import Job, JobsInHand, Stop
from docugen_worker.progress import ProgressTeller
from docugen_worker.settler import Answer, Ending, HandBack, Settler
from fakes import ScriptedRenderer, plain
from worker_world import LEASE_MS, WorkerWorld, until

HOUR_S = 3_600.0


@pytest.fixture
async def source(world: WorkerWorld) -> AsyncIterator[RedisJobSource]:
    async with RedisConnection(world.settings.redis_url) as redis:
        yield RedisJobSource(redis, world.settings.queue_name, consumer="ada", rules=world.queue.rules)


async def taken(world: WorkerWorld, source: RedisJobSource, count: int) -> list[Job]:
    """So many jobs in hand, far from their deadline."""
    for n in range(count):
        await world.submit(text=str(n))
    now_s = asyncio.get_running_loop().time()
    return [Job(d, heard_s=now_s, deadline_s=now_s + HOUR_S) for d in (await source.take(count)).deliveries]


def in_hand(jobs: list[Job]) -> JobsInHand:
    held = JobsInHand(max(1, len(jobs)))
    for job in jobs:
        held.add(job)
    return held


@asynccontextmanager
async def at_work(actor: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(actor)
        yield
        task.cancel()


async def due_ms(world: WorkerWorld, lease: Lease) -> int:
    """When the queue would give the job to another."""
    async with RedisConnection(world.settings.redis_url) as redis:
        return int(await redis.execute("ZSCORE", world.queue.keys.key("due"), lease.entry))


async def events(world: WorkerWorld) -> int:
    async with RedisConnection(world.settings.redis_url) as redis:
        return int(await redis.execute("XLEN", world.queue.keys.key("events")))


async def test_a_lease_is_renewed_until_the_deadline_of_its_attempt_and_not_beyond(
    world: WorkerWorld, source: RedisJobSource
) -> None:
    """A render that hangs beside a loop that lives must not keep its job for ever."""
    living, over = await taken(world, source, 2)
    over.deadline_s = asyncio.get_running_loop().time()
    before = {job: await due_ms(world, job.lease) for job in (living, over)}
    await asyncio.sleep(0.01)  # the queue's clock counts milliseconds
    await Heartbeat(source, in_hand([living, over]), LEASE_MS).beat()
    assert await due_ms(world, living.lease) > before[living]
    assert await due_ms(world, over.lease) == before[over]
    assert over.why is None  # its own time-out ends it, and its end may still be told within the lease


async def test_a_job_that_nothing_was_heard_of_for_a_lease_is_stopped_before_any_call(
    world: WorkerWorld, source: RedisJobSource
) -> None:
    fresh, stale = await taken(world, source, 2)
    stale.heard_s -= LEASE_MS / 1_000 + 1
    before = await due_ms(world, stale.lease)
    await Heartbeat(source, in_hand([fresh, stale]), LEASE_MS).beat()
    assert (fresh.why, stale.why) == (None, Stop.LEASE_LOST)
    assert stale.stopping.is_set()
    assert await due_ms(world, stale.lease) == before


async def test_a_beat_stops_what_is_lost_and_what_is_cancelled(world: WorkerWorld, source: RedisJobSource) -> None:
    kept, lost, cancelled = await taken(world, source, 3)
    await source.release([lost.lease])
    await world.queue.cancel(cancelled.lease.run_id, "typo")
    await Heartbeat(source, in_hand([kept, lost, cancelled]), LEASE_MS).beat()
    assert (kept.why, lost.why, cancelled.why) == (None, Stop.LEASE_LOST, Stop.CANCELLED)


class HeldUp(RedisJobSource):
    """Its first jobs come an hour late, as to a process that was stopped meanwhile. brought: how many came, each time."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.brought: list[int] = []

    async def take(self, want: int) -> Takings:
        takings = await super().take(want)
        if takings.deliveries:
            self.brought.append(len(takings.deliveries))
            if len(self.brought) == 1:
                return replace(takings, since_s=takings.since_s - HOUR_S)
        return takings


async def test_jobs_that_come_later_than_their_lease_lasts_are_not_begun_but_handed_back_unspent(
    world: WorkerWorld,
) -> None:
    """Another worker may have confirmed meanwhile that their run is cancelled."""
    jobs, begun = JobsInHand(2), asyncio.Queue[Delivery]()

    def start(delivery: Delivery, since_s: float) -> None:
        jobs.add(Job(delivery, since_s, HOUR_S))
        begun.put_nowait(delivery)

    run_ids = {await world.submit(text=str(n)) for n in range(2)}
    async with RedisConnection(world.settings.redis_url) as redis:
        late = HeldUp(redis, world.settings.queue_name, consumer="ada", rules=world.queue.rules)
        async with at_work(Fetcher(late, jobs, "ada", start, lease_ms=LEASE_MS).run(asyncio.Event())):
            deliveries = [await begun.get() for _ in run_ids]
    assert late.brought[0] == 2
    assert sum(late.brought) == 4, "they were taken twice"
    assert {d.lease.run_id for d in deliveries} == run_ids
    assert [d.lease.attempt for d in deliveries] == [1, 1]


class WokenAtTheEnd(RedisJobSource):
    """Its worker stops in the moment in which its wait ends, with nothing: what it was woken for is due, and left to a take."""

    closing: asyncio.Event

    async def wait(self, wait_ms_max: int = 2_000) -> Takings:
        self.closing.set()
        return Takings(())


async def test_a_worker_that_stops_wakes_another_for_what_it_may_have_been_woken_for(world: WorkerWorld) -> None:
    async with RedisConnection(world.settings.redis_url) as redis:
        source = WokenAtTheEnd(redis, world.settings.queue_name, consumer="ada", rules=world.queue.rules)
        source.closing = asyncio.Event()
        await Fetcher(source, JobsInHand(2), "ada", lambda *_: None, lease_ms=LEASE_MS).run(source.closing)
        assert await redis.execute("LLEN", source.keys.key("bell")) == 1


async def test_a_job_that_was_held_up_beyond_its_lease_is_not_published(world: WorkerWorld) -> None:
    in_hand: list[JobsInHand] = []
    rendered = asyncio.Event()

    async def held_up_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            for job in in_hand[0]:
                job.heard_s -= HOUR_S
        rendered.set()
        return await plain(task, n)

    async with world.worker(renderer=ScriptedRenderer(held_up_once)) as working:
        in_hand.append(working.jobs)
        run_id = await world.submit()
        await rendered.wait()
        await until("its job is let go", lambda: empty(working.jobs))
        assert await world.core.store.read_manifest(run_id) is None
        await world.lapse(run_id)
        run = await world.finished(run_id)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)


async def empty(jobs: JobsInHand) -> bool:
    return not len(jobs)


async def test_what_ends_together_is_told_in_one_call(world: WorkerWorld, source: RedisJobSource) -> None:
    jobs = await taken(world, source, 12)
    settler = Settler(source, "ada", LEASE_MS)
    before = await events(world)
    async with at_work(settler.run()):
        answers = await asyncio.gather(*(settler.settle(job.lease, Done("m")) for job in jobs))
    assert answers == [Answer.DONE] * 12
    assert await events(world) == before + 1


async def test_ends_and_jobs_to_hand_back_are_told_apart(world: WorkerWorld, source: RedisJobSource) -> None:
    done, back, later, lost = await taken(world, source, 4)
    await source.release([lost.lease])
    settler = Settler(source, "ada", LEASE_MS)
    endings: list[tuple[Job, Ending]] = [
        (done, Done("m")),
        (back, HandBack()),
        (later, HandBack(60_000)),
        (lost, Done("m")),
    ]
    async with at_work(settler.run()):
        answers = await asyncio.gather(*(settler.settle(job.lease, ending) for job, ending in endings))
    assert answers == [Answer.DONE, Answer.HANDED_BACK, Answer.HANDED_BACK, Answer.STALE]
    assert (await world.record(later.lease.run_id)).attempt == 0


async def test_progress_of_all_jobs_is_one_call_however_often_it_changes(
    world: WorkerWorld, source: RedisJobSource
) -> None:
    jobs = await taken(world, source, 3)
    teller = ProgressTeller(source, in_hand(jobs))
    before = await events(world)
    for pages in range(100):
        for job in jobs:
            teller.note(job, DocumentProgress("note0.txt", DocumentState.RENDERED, pages, 9))

    async def told() -> bool:
        return all([b"99" in (await world.record(job.lease.run_id)).progress for job in jobs])

    async with at_work(teller.run()):
        await until("the last word is told", told)
    assert await events(world) == before + 1


def test_a_lease_that_a_worker_lost_to_itself_is_stopped_when_it_takes_the_job_again() -> None:
    def job(attempt: int, entry: str = "normal:1-0") -> Job:
        return Job(Delivery(Lease("r", entry, "ada", attempt), b"", 1), heard_s=0, deadline_s=0)

    held, old, new, other = JobsInHand(3), job(1), job(2), job(1, "normal:2-0")
    for each in (old, other, new):
        held.add(each)
    assert (old.why, new.why, other.why) == (Stop.LEASE_LOST, None, None)
    held.remove(old)
    held.remove(old)
    assert (len(held), held.free) == (2, 1)


def test_a_lost_lease_outweighs_every_other_reason_and_else_the_first_one_stands() -> None:
    job = Job(Delivery(Lease("r", "normal:1-0", "ada", 1), b"", 1), heard_s=0, deadline_s=0)
    reasons = []
    for why in (Stop.CANCELLED, Stop.LEAVING, Stop.LEASE_LOST, Stop.LEAVING):
        job.stop(why)
        reasons.append(job.why)
    assert reasons == [Stop.CANCELLED, Stop.CANCELLED, Stop.LEASE_LOST, Stop.LEASE_LOST]


def test_waits_double_up_to_two_seconds_begin_anew_after_an_answer_and_differ_between_workers() -> None:
    backoff = Backoff("ada", "take")
    waits = [backoff.next_s() for _ in range(12)]
    for wait, middle in zip(waits, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * 6], strict=True):
        assert middle * 0.8 <= wait <= middle * 1.2
    backoff.reset()
    assert backoff.next_s() == waits[0]
    assert Backoff("bob", "take").next_s() != waits[0]


def test_a_job_that_ends_makes_room_for_the_next_and_no_more_may_be_ending_than_there_are_slots() -> None:
    def job(number: int) -> Job:
        return Job(Delivery(Lease("r", f"normal:{number}-0", "ada", 1), b"", 1), heard_s=0, deadline_s=0)

    held, jobs = JobsInHand(2), [job(number) for number in range(4)]
    free = []
    for each in jobs:
        held.add(each)
        held.ending(each)
        free.append((held.rendering, held.free, len(held)))
    assert free == [(0, 2, 1), (0, 2, 2), (0, 1, 3), (0, 0, 4)]
    held.remove(jobs[0])
    assert held.free == 1
