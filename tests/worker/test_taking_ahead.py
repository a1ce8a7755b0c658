"""Quick jobs are taken ahead of free slots: how many, in which order they begin, and what becomes of those that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.domain.lease import Delivery, Lease, Takings
from docugen_core.domain.run import RunState
from docugen_core.ports import TAKE_MAX
from docugen_worker.fetcher import Fetcher
from docugen_worker.jobs import Job, JobsInHand, Stop
from docugen_worker.pace import AHEAD_MAX, AHEAD_MIN, AHEAD_PER_SLOT_MAX, AHEAD_S, QUICK_S, Pace
from fakes import ScriptedRenderer
from hypothesis import given
from hypothesis import strategies as st
from scheduler_server import Gate
from structlog.testing import capture_logs
from worker_world import LEASE_MS, WorkerWorld, until

HOUR_S = 3_600.0


class Steady(Pace):
    """As many ahead as the test says, whatever the clock does."""

    def __init__(self, ahead: int) -> None:
        super().__init__()
        self._ahead = ahead

    def ahead(self, slots: int) -> int:
        return self._ahead

    def forget(self) -> None:
        self._ahead = 0


def job(number: int, *, attempt: int = 1, lapsed: bool = False) -> Job:
    lease = Lease(f"run-{number}", f"normal:{number}-0", "ada", attempt)
    return Job(Delivery(lease, b"", 1, lapsed=lapsed), heard_s=0, deadline_s=0)


def in_hand(slots: int, ahead: int = 8) -> JobsInHand:
    """Whoever waits in it waits for ever."""
    return JobsInHand(slots, pace=Steady(ahead), turn_s=HOUR_S, hold_s=HOUR_S)


async def begun(held: JobsInHand, each: Job) -> asyncio.Task[None]:
    held.add(each)
    task = asyncio.create_task(held.turn(each))
    await asyncio.sleep(0)
    return task


# --- the pace ---------------------------------------------------------------------------------------------------------


def paced(held_s: float, between_s: float, count: int = 100, pace: Pace | None = None) -> Pace:
    pace = pace or Pace()
    for n in range(count):
        pace.ended(n * between_s - held_s, n * between_s)
    return pace


def test_nothing_is_taken_ahead_before_jobs_have_proved_quick_and_after_one_that_was_not() -> None:
    assert Pace().ahead(2) == 0
    assert paced(0.001, 0.001, count=5).ahead(2) == 0
    pace = paced(0.001, 0.001)
    assert pace.ahead(2) == 2 * AHEAD_PER_SLOT_MAX
    pace.ended(0, 1.0)
    assert pace.ahead(2) == 0
    pace = paced(0.001, 0.001)
    pace.forget()
    assert pace.ahead(2) == 0


def test_slots_that_are_stuck_bring_nothing_ahead() -> None:
    busy, stuck = paced(0.01, 0.01 / 8), paced(0.01, 0.01)
    assert busy.ahead(8) == AHEAD_MAX
    assert stuck.ahead(8) == pytest.approx(AHEAD_S / 0.01, abs=1)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 256))
def test_only_quick_jobs_are_taken_ahead_and_no_more_than_end_in_time(
    held_s: float, between_s: float, slots: int
) -> None:
    ahead = paced(held_s, between_s, count=300).ahead(slots)
    assert ahead == 0 or AHEAD_MIN <= ahead <= min(AHEAD_MAX, slots * AHEAD_PER_SLOT_MAX)
    assert ahead == 0 or held_s <= QUICK_S * 1.01
    assert ahead * between_s <= AHEAD_S * 1.01


# --- jobs in hand -----------------------------------------------------------------------------------------------------


async def test_a_long_queue_gives_more_than_there_are_slots_and_they_begin_in_order() -> None:
    held = in_hand(2, ahead=8)
    assert held.free == 2
    held.taken(1, wanted=2)
    assert held.free == 2, "the queue had no more"
    held.taken(2, wanted=2)
    assert held.free == 2 + 8

    jobs = [job(number) for number in range(5)]
    turns = [await begun(held, each) for each in jobs]
    assert [turn.done() for turn in turns] == [True, True, False, False, False]
    assert (held.rendering, held.free) == (2, 0), "none while one waits"
    assert [each.waits for each in jobs] == [False, False, True, True, True]
    for ended, each in enumerate(jobs[:3], 3):
        held.ending(each)
        await asyncio.wait(turns[:ended])
        assert [turn.done() for turn in turns] == [n < ended for n in range(5)]
    assert held.free == 2 + 8 - 2
    for each in jobs:
        held.ending(each)
        held.remove(each)
    await held.empty()
    assert (held.rendering, held.free) == (0, 2 + 8)


@pytest.mark.parametrize("why", [Stop.CANCELLED, Stop.LEASE_LOST, Stop.LEAVING])
async def test_a_job_that_is_stopped_waits_no_longer_and_takes_nobodys_slot(why: Stop) -> None:
    held, (first, second, third) = in_hand(1), [job(number) for number in range(3)]
    _, waiting, last = [await begun(held, each) for each in (first, second, third)]
    second.stop(why)
    await waiting
    assert (second.begun_s, second.why) == (None, why)
    held.remove(second)
    held.remove(first)
    await last
    assert third.begun_s is not None
    late = job(4)
    late.stop(why)
    await (await begun(held, late))  # at once
    assert late.begun_s is None


async def test_a_job_that_gets_no_slot_is_passed_on_and_nothing_more_is_taken_ahead() -> None:
    held, (slow, behind) = JobsInHand(1, pace=Steady(8), turn_s=0.01), [job(number) for number in range(2)]
    held.taken(2, wanted=2)
    for each in (slow, behind):
        await (await begun(held, each))
    assert (slow.why, behind.why, behind.begun_s) == (None, Stop.PASSED_ON, None)
    held.remove(behind)
    assert held.free == 0


@pytest.mark.parametrize("lapsed", [True, False])
async def test_a_job_that_was_begun_before_begins_at_once_or_is_passed_on(lapsed: bool) -> None:
    """It may have been lost with a worker, and what killed that one may be beside it; once handed back it has not lapsed."""
    held, (poison, innocent) = in_hand(1), [job(number, attempt=2, lapsed=lapsed) for number in range(2)]
    held.taken(2, wanted=2)
    for each in (poison, innocent):
        await (await begun(held, each))
    assert (poison.begun_s is None, innocent.begun_s is None, innocent.why) == (False, True, Stop.PASSED_ON)
    assert held.pace.ahead(1) == 0


@pytest.mark.timeout(60)  # what spins never comes back
async def test_whoever_waits_for_room_never_spins_when_jobs_are_passed_on() -> None:
    """Passing on makes room smaller at once: an event that still said otherwise would be waited for without yielding."""
    held, busy = in_hand(2, ahead=8), [job(number) for number in range(2)]
    for each in busy:
        await (await begun(held, each))
    held.taken(2, wanted=2)
    lost = [job(number, attempt=2, lapsed=True) for number in range(10, 18)]
    for each in lost:
        held.add(each)
    turns = [asyncio.create_task(held.turn(each)) for each in lost]
    waiting = asyncio.create_task(held.slot_free())
    held.ending(busy[0])
    await asyncio.wait(turns)
    assert [each.why for each in lost] == [None, *[Stop.PASSED_ON] * 7]
    assert held.free < 1
    assert not waiting.done()
    for each in (*busy, *lost):
        held.remove(each)
    await waiting


async def test_a_job_that_was_passed_on_may_come_back_before_its_going_is_answered() -> None:
    held, (old, new) = in_hand(1), [job(1), job(1)]
    assert old.lease == new.lease
    await (await begun(held, old))
    held.ending(old)
    await (await begun(held, new))
    held.remove(old)
    assert (list(held), held.rendering, new.why) == ([new], 1, None)
    held.ending(new)
    held.remove(new)
    assert (len(held), held.rendering, held.free) == (0, 0, 1)


async def test_ends_are_told_once_nobody_waits_or_after_a_moment() -> None:
    held, (first, second) = in_hand(1), [job(number) for number in range(2)]
    await held.none_waits()
    _, waiting = [await begun(held, each) for each in (first, second)]
    telling = asyncio.create_task(held.none_waits())
    await asyncio.sleep(0)
    assert not telling.done()
    held.ending(first)
    await asyncio.gather(telling, waiting)

    hasty = JobsInHand(1, turn_s=HOUR_S, hold_s=0.01)
    _, waiting = [await begun(hasty, each) for each in (job(1), job(2))]
    await hasty.none_waits()  # although one still waits
    assert not waiting.done()
    waiting.cancel()


# --- a worker ---------------------------------------------------------------------------------------------------------


class Counting(RedisJobSource):
    """asked: what each take wanted. waits: how often it went to the doorbell."""

    def __init__(self, redis: RedisConnection, world: WorkerWorld) -> None:
        super().__init__(redis, world.settings.queue_name, consumer="ada", rules=world.queue.rules)
        self.asked: list[int] = []
        self.waits = 0

    async def take(self, want: int) -> Takings:
        self.asked.append(want)
        return await super().take(want)

    async def wait(self, wait_ms_max: int = 2_000) -> Takings:
        self.waits += 1
        return await super().wait(wait_ms_max)


@asynccontextmanager
async def fetching(world: WorkerWorld, jobs: JobsInHand) -> AsyncIterator[Counting]:
    """A fetcher whose jobs never end."""

    def start(delivery: Delivery, since_s: float) -> None:
        taken = Job(delivery, since_s, since_s + HOUR_S)
        jobs.add(taken)
        group.create_task(jobs.turn(taken))

    async with RedisConnection(world.settings.redis_url) as redis, asyncio.TaskGroup() as group:
        source, closing = Counting(redis, world), asyncio.Event()
        task = group.create_task(Fetcher(source, jobs, "ada", start, lease_ms=LEASE_MS).run(closing))
        yield source
        closing.set()
        await task
        for each in jobs:
            each.stop(Stop.LEAVING)


async def test_a_worker_with_many_slots_asks_for_no_more_than_a_take_gives(world: WorkerWorld) -> None:
    jobs = in_hand(250, ahead=AHEAD_MAX)
    jobs.taken(1, wanted=1)
    run_ids = [await world.submit(text=str(n)) for n in range(3)]
    async with fetching(world, jobs) as source:
        await until("all are in hand", lambda: so_many(jobs, len(run_ids)))
    assert source.asked[0] == TAKE_MAX


async def test_a_worker_without_a_free_slot_leaves_the_doorbell_to_others(world: WorkerWorld) -> None:
    """The bell brings a job: it would wait here for the slow one, while another worker is idle."""
    jobs = in_hand(1, ahead=8)
    await world.submit()
    async with fetching(world, jobs) as source:
        await until("the first is in hand, and more was asked for", lambda: has_asked(source, 2))
        await asyncio.sleep(0)
        assert (len(jobs), source.asked, source.waits) == (1, [1, 8], 0)
        async with world.worker("bob"):
            second = await world.submit(text="another")
            assert (await world.finished(second)).worker == "bob"


async def test_jobs_that_were_taken_ahead_of_a_slow_one_go_to_another_worker_unspent(world: WorkerWorld) -> None:
    gate = Gate()
    stuck = ScriptedRenderer(gate)
    await world.queue.pause("for a moment")
    run_ids = [await world.submit(text=str(n)) for n in range(6)]
    with capture_logs() as lines:
        async with world.worker("ada", renderer=stuck, queue_concurrency=1) as ada:
            paced(0, 0, pace=ada.jobs.pace)
            await world.queue.resume()
            await gate.begun.wait()

            async def passed_on() -> bool:
                return len([line for line in lines if line.get("outcome") == "handed_back"]) == 5

            await until("the five behind it are handed back", passed_on)
            async with world.worker("bob"):
                await until("all but one are finished", lambda: finished(world, 5))
                assert stuck.calls == {"note0.txt": 1}
                gate.open.set()
                runs = [await world.finished(run_id) for run_id in run_ids]
    assert {(run.state, run.attempt) for run in runs} == {(RunState.SUCCEEDED, 1)}
    assert {line["code"] for line in lines if line.get("outcome") == "handed_back"} == {"NO_SLOT"}
    assert await world.is_empty()


async def so_many(jobs: JobsInHand, count: int) -> bool:
    return len(jobs) == count


async def has_asked(source: Counting, times: int) -> bool:
    return len(source.asked) >= times


async def finished(world: WorkerWorld, count: int) -> bool:
    return len(await world.core.store.run_ids()) == count
