"""Quick jobs are taken ahead of free slots: how many, in which order they begin, and what becomes of those that wait."""

from __future__ import annotations

import asyncio

import pytest
from docugen_core.domain.lease import Delivery, Lease
from docugen_core.domain.run import RunState
from docugen_worker.jobs import Job, JobsInHand, Stop
from docugen_worker.pace import AHEAD_MAX, AHEAD_MIN, AHEAD_S, Pace
from fakes import ScriptedRenderer
from hypothesis import given
from hypothesis import strategies as st
from scheduler_server import Gate
from structlog.testing import capture_logs
from worker_world import WorkerWorld, until

QUICK_S = AHEAD_S / AHEAD_MAX


def job(number: int) -> Job:
    return Job(Delivery(Lease(f"run-{number}", f"normal:{number}-0", "ada", 1), b"", 1), heard_s=0, deadline_s=0)


def prove_quick(pace: Pace) -> None:
    for _ in range(100):
        pace.took(0)


# --- the pace ---------------------------------------------------------------------------------------------------------


def test_nothing_is_taken_ahead_before_jobs_have_proved_quick_and_after_one_that_was_not() -> None:
    pace = Pace()
    assert pace.ahead == 0
    prove_quick(pace)
    assert pace.ahead == AHEAD_MAX
    pace.took(1.0)
    assert pace.ahead == 0
    prove_quick(pace)
    pace.forget()
    assert pace.ahead == 0


@given(st.floats(0, 10))
def test_what_is_taken_ahead_has_begun_in_time_by_the_pace_of_the_jobs_before(seconds: float) -> None:
    pace = Pace()
    for _ in range(200):
        pace.took(seconds)
    assert pace.ahead == 0 or AHEAD_MIN <= pace.ahead <= AHEAD_MAX
    assert pace.ahead * seconds <= AHEAD_S * 1.01
    assert pace.ahead or seconds > AHEAD_S / (AHEAD_MIN + 1)


# --- jobs in hand -----------------------------------------------------------------------------------------------------


async def test_a_long_queue_of_quick_jobs_gives_more_than_there_are_slots_and_they_begin_in_order() -> None:
    held = JobsInHand(2)
    prove_quick(held.pace)
    assert held.free == 2
    held.taken(1, wanted=2)
    assert held.free == 2, "the queue had no more"
    held.taken(2, wanted=2)
    assert held.free == 2 * (1 + AHEAD_MAX)

    jobs, begun = [job(number) for number in range(5)], list[str]()

    async def do(each: Job) -> None:
        await held.turn(each)
        begun.append(each.lease.run_id)

    for each in jobs:
        held.add(each)
    async with asyncio.TaskGroup() as group:
        for each in jobs:
            group.create_task(do(each))
        await asyncio.sleep(0)
        assert (begun, held.rendering, held.free) == (["run-0", "run-1"], 2, 0)
        for ended, each in enumerate(jobs[:3], 3):
            held.ending(each)
            await asyncio.sleep(0)
            assert begun == [f"run-{number}" for number in range(ended)]
    assert held.free == 2 * (1 + AHEAD_MAX) - 2
    for each in jobs:
        held.ending(each)
        held.remove(each)
    await held.empty()


@pytest.mark.parametrize("why", [Stop.CANCELLED, Stop.LEASE_LOST, Stop.LEAVING])
async def test_a_job_that_is_stopped_waits_no_longer_and_takes_nobodys_slot(why: Stop) -> None:
    held, (first, second, third) = JobsInHand(1), [job(number) for number in range(3)]
    for each in (first, second, third):
        held.add(each)
    await held.turn(first)
    waiting = [asyncio.create_task(held.turn(each)) for each in (second, third)]
    await asyncio.sleep(0)
    second.stop(why)
    await waiting[0]
    assert (second.begun_s, second.why) == (None, why)
    held.remove(second)
    held.remove(first)
    await waiting[1]
    assert third.begun_s is not None
    third.stop(why)
    await held.turn(third)  # at once: it is over


async def test_a_job_that_gets_no_slot_is_passed_on_and_nothing_more_is_taken_ahead() -> None:
    held, (slow, behind) = JobsInHand(1), [job(number) for number in range(2)]
    prove_quick(held.pace)
    held.taken(2, wanted=2)
    for each in (slow, behind):
        held.add(each)
    await held.turn(slow)
    await held.turn(behind)
    assert (slow.why, behind.why, behind.begun_s) == (None, Stop.PASSED_ON, None)
    held.remove(behind)
    assert (held.pace.ahead, held.free) == (0, 0)


async def test_ends_are_told_once_nobody_waits_or_after_a_moment() -> None:
    held, (first, second) = JobsInHand(1), [job(number) for number in range(2)]
    await held.none_waits()
    for each in (first, second):
        held.add(each)
    await held.turn(first)
    waiting = asyncio.create_task(held.turn(second))
    await asyncio.sleep(0)
    await held.none_waits()  # after a moment, although the second still waits
    assert not waiting.done()
    telling = asyncio.create_task(held.none_waits())
    await asyncio.sleep(0)
    assert not telling.done()
    held.ending(first)
    await asyncio.gather(telling, waiting)


# --- a worker ---------------------------------------------------------------------------------------------------------


async def test_jobs_that_were_taken_ahead_of_a_slow_one_go_to_another_worker_unspent(world: WorkerWorld) -> None:
    gate = Gate()
    stuck = ScriptedRenderer(gate)
    await world.queue.pause("for a moment")
    run_ids = [await world.submit(text=str(n)) for n in range(6)]
    with capture_logs() as lines:
        async with world.worker("ada", renderer=stuck, queue_concurrency=1) as ada:
            prove_quick(ada.jobs.pace)
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
    assert await world.is_empty()


async def finished(world: WorkerWorld, count: int) -> bool:
    return len(await world.core.store.run_ids()) == count
