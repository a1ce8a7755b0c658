"""Submits travel together: when a batch goes, what is in it, and what becomes of its callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.submit_batcher import (
    BATCH_MAX,
    WAITING_BYTES_MAX,
    WAITING_MAX,
    WINDOW_MS,
    BatchPlan,
    SubmitBatcher,
)
from docugen_core.domain.job import Acceptance, NewJob, Verdict
from docugen_core.errors import Overloaded, Unavailable
from hypothesis import given
from hypothesis import strategies as st
from redis_servers import queue_name

# --- the plan: pure, with a clock of the test's --------------------------------------------------------------------

steps = st.lists(st.one_of(st.just("add"), st.just("take"), st.integers(0, 3), st.floats(0, 10)), max_size=80)


@given(steps)
def test_every_item_goes_once_in_order_and_no_later_than_the_window(program: list[str | float]) -> None:
    plan: BatchPlan[int] = BatchPlan()
    now, coming, added, taken = 0.0, 0, list[float](), list[int]()
    for step in program:
        if step == "add":
            plan.add(len(added), now)
            added.append(now)
        elif isinstance(step, int):
            coming = step
        elif isinstance(step, float):
            now += step
        wait = plan.wait_ms(now, coming)
        assert (wait is None) == (len(plan) == 0)
        if wait is not None:
            late = added[len(taken)] + WINDOW_MS - now
            assert wait == (max(0.0, late) if coming else 0)
            if step == "take" or wait == 0:
                batch = plan.take()
                assert 1 <= len(batch) <= BATCH_MAX
                taken += batch
    while len(plan):
        taken += plan.take()
    assert taken == list(range(len(added)))


@given(st.integers(1, 2 * BATCH_MAX))
def test_a_whole_batch_waits_for_nobody(size: int) -> None:
    plan: BatchPlan[int] = BatchPlan()
    for n in range(size):
        plan.add(n, 0)
    assert plan.wait_ms(0, coming=1) == (0 if size >= BATCH_MAX else WINDOW_MS)


# --- the batcher, before a real queue --------------------------------------------------------------------------------


class WatchedQueue(RedisQueue):
    """A real queue that notes the batches it gets; `gate` holds them up, `trouble` is raised instead of the next one."""

    def __init__(self, connection: RedisConnection, name: str) -> None:
        super().__init__(connection, name)
        self.batches: list[list[str]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble: Exception | None = None

    async def submit(self, jobs: Sequence[NewJob]) -> tuple[Acceptance, ...]:
        self.batches.append([job.run_id for job in jobs])
        self.begun.set()
        await self.gate.wait()
        trouble, self.trouble = self.trouble, None
        if trouble:
            raise trouble
        return await super().submit(jobs)


@pytest.fixture
async def queue(queue_url: str, request: pytest.FixtureRequest) -> AsyncIterator[WatchedQueue]:
    async with RedisConnection(queue_url) as connection:
        yield WatchedQueue(connection, queue_name(request.node.nodeid))


def job(n: int, payload: bytes = b"job") -> NewJob:
    return NewJob(f"run-{n}", "digest", payload)


async def test_a_lone_submit_goes_at_once_and_those_that_come_meanwhile_go_together(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    queue.gate.clear()
    first = asyncio.create_task(batcher.submit(job(0)))
    await queue.begun.wait()
    rest = [asyncio.create_task(batcher.submit(job(n))) for n in range(1, 400)]
    await asyncio.sleep(0)
    queue.gate.set()
    answers = await asyncio.gather(first, *rest)
    assert [a.verdict for a in answers] == [Verdict.NEW] * 400
    assert [a.record.run_id for a in answers if a.record] == [f"run-{n}" for n in range(400)]
    assert [len(batch) for batch in queue.batches] == [1, BATCH_MAX, 143]


async def test_those_that_are_coming_are_waited_for_and_no_longer(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue, clock=lambda: 0.0)  # a window that never ends
    with batcher.coming():
        with batcher.coming():
            tasks = [asyncio.create_task(batcher.submit(job(n))) for n in range(3)]
            for _ in range(5):
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert queue.batches == [], "one is still coming"
        tasks.append(asyncio.create_task(batcher.submit(job(3))))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert queue.batches == [[f"run-{n}" for n in range(4)]]


async def test_one_that_does_not_come_is_not_waited_for_beyond_the_window(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    with batcher.coming():
        assert (await batcher.submit(job(0))).verdict is Verdict.NEW


async def test_equal_submits_in_one_batch_are_one_run(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    answers = await asyncio.gather(*(batcher.submit(job(7)) for _ in range(50)))
    assert sorted(a.verdict.value for a in answers) == ["new"] + ["same"] * 49


async def test_a_cancelled_submit_gives_up_its_answer_alone(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    queue.gate.clear()
    tasks = [asyncio.create_task(batcher.submit(job(0)))]
    await queue.begun.wait()
    tasks += [asyncio.create_task(batcher.submit(job(n))) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # on its way
    tasks[2].cancel()  # still waiting
    await asyncio.sleep(0)
    queue.gate.set()
    await asyncio.wait(tasks)
    assert [t.cancelled() for t in tasks] == [True, False, True, False]
    known = await queue.get([f"run-{n}" for n in range(4)])
    assert [record is not None for record in known] == [True, True, False, True]


async def test_a_failed_batch_fails_its_own_callers_and_nobody_else(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    queue.gate.clear()
    queue.trouble = Unavailable("the queue is away", code="QUEUE_UNAVAILABLE")
    first = asyncio.create_task(batcher.submit(job(0)))
    await queue.begun.wait()
    rest = [asyncio.create_task(batcher.submit(job(n))) for n in (1, 2)]
    await asyncio.sleep(0)
    queue.gate.set()
    with pytest.raises(Unavailable, match="away"):
        await first
    assert [(await task).verdict for task in rest] == [Verdict.NEW, Verdict.NEW]


async def test_a_batch_that_is_not_admitted_is_not_sent(queue: WatchedQueue) -> None:
    trouble: list[Unavailable] = []

    def admit() -> None:
        if trouble:
            raise trouble[0]

    batcher = SubmitBatcher(queue, admit=admit)
    queue.gate.clear()
    first = asyncio.create_task(batcher.submit(job(0)))
    await queue.begun.wait()
    rest = [asyncio.create_task(batcher.submit(job(n))) for n in (1, 2)]
    await asyncio.sleep(0)
    trouble.append(Unavailable("no answer for a while", code="QUEUE_UNAVAILABLE"))
    queue.gate.set()
    assert (await first).verdict is Verdict.NEW
    for task in rest:
        with pytest.raises(Unavailable, match="no answer"):
            await task
    assert queue.batches == [["run-0"]]


async def test_too_many_or_too_large_waiting_submits_are_refused(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    queue.gate.clear()
    first = asyncio.create_task(batcher.submit(job(0)))
    await queue.begun.wait()
    rest = [asyncio.create_task(batcher.submit(job(n, b""))) for n in range(1, WAITING_MAX + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as full:
        await batcher.submit(job(-1))
    assert full.value.reason == "QUEUE_FULL"
    assert full.value.retry_after_ms > 0
    for task in rest:
        task.cancel()
    queue.gate.set()
    await asyncio.wait([first, *rest])
    with pytest.raises(Overloaded):
        await batcher.submit(job(-2, b"x" * (WAITING_BYTES_MAX + 1)))


async def test_drain_returns_when_all_that_waited_was_sent(queue: WatchedQueue) -> None:
    batcher = SubmitBatcher(queue)
    tasks = [asyncio.create_task(batcher.submit(job(n))) for n in range(30)]
    await asyncio.sleep(0)
    await batcher.drain()
    assert all(record is not None for record in await queue.get([f"run-{n}" for n in range(30)]))
    await asyncio.wait(tasks)
