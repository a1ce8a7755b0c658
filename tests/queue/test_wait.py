"""Waiting for jobs, on every kind of server: what wakes a worker, and what becomes of a wait that ends without its caller."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest
from docugen_core.domain.lease import Hold, Takings
from docugen_core.domain.run import Priority
from queue_world import LEASE_MS, START_MS, QueueWorld, scripts


async def looked(world: QueueWorld, *, fresh: int = 0) -> list[Any]:
    """What take.lua answers a worker that wants more than there is. fresh: 1 for the take behind a wait."""
    call = scripts()["take"].call(world.keys, consumer="ada", want=8, lease_ms=LEASE_MS, lost="", fresh=fresh)
    reply: list[Any] = await world.redis.run(call)
    return reply


@pytest.mark.parametrize("priority", list(Priority))
async def test_a_waiting_worker_is_woken_by_a_submit_to_any_lane(everywhere: QueueWorld, priority: Priority) -> None:
    worker = everywhere.worker()
    assert (await worker.take(1)).deliveries == ()
    waiting = asyncio.create_task(everywhere.woken(worker))
    await everywhere.submit("r1", "r2", priority=priority)
    (first,) = await waiting
    (second,) = (await worker.take(2)).deliveries
    assert {first.lease.run_id, second.lease.run_id} == {"r1", "r2"}


@pytest.mark.parametrize("fresh", [0, 1])
async def test_a_worker_without_a_job_knows_what_is_due_next(everywhere: QueueWorld, fresh: int) -> None:
    await everywhere.submit("r1")
    assert await everywhere.worker().release([(await everywhere.take_one()).lease], delay_ms=300) == (True,)
    assert (await looked(everywhere, fresh=fresh))[1] == 300


async def test_a_due_time_whose_entry_is_gone_is_not_waited_for(everywhere: QueueWorld) -> None:
    await everywhere.redis.execute("ZADD", everywhere.keys.key("due"), START_MS, "normal:1-0")
    assert (await everywhere.worker().take(1)).wait_ms == -1


async def test_a_wait_lasts_until_the_lease_that_its_take_gave(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    assert (await everywhere.worker().take(2)).wait_ms == LEASE_MS


async def test_of_many_workers_that_wait_one_gets_the_job(everywhere: QueueWorld) -> None:
    workers = [everywhere.worker(f"w{number}") for number in range(4)]
    for worker in workers:
        await worker.take(1)
    waiting = [asyncio.create_task(worker.wait()) for worker in workers]
    await everywhere.submit("r1")
    taken = [(await task).deliveries for task in waiting]
    if not any(taken):  # the submit came later than their waits last
        taken = [takings.deliveries for takings in await asyncio.gather(*(worker.wait() for worker in workers))]
    assert sorted(map(len, taken)) == [0, 0, 0, 1]


async def test_a_wait_ends_when_something_falls_due_and_leaves_it_to_the_next_take(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    worker = everywhere.worker()
    (delivery,) = (await worker.take(1)).deliveries
    assert await worker.release([delivery.lease], delay_ms=300) == (True,)
    assert (await worker.take(1)).wait_ms == 300
    waiting = asyncio.create_task(worker.wait())
    await everywhere.pass_time(300)
    assert (await waiting).deliveries == ()
    assert len((await worker.take(1)).deliveries) == 1


async def test_the_lease_of_a_wait_counts_from_its_take_by_the_clock_of_the_server(everywhere: QueueWorld) -> None:
    """The server's clock goes on by 40 ms while the worker waits, ours by 50 at least."""
    worker, loop, takings = everywhere.worker(), asyncio.get_running_loop(), Takings(())
    for number in count():
        before = await worker.take(1)
        waiting = asyncio.create_task(worker.wait())
        await asyncio.sleep(0.05)
        await everywhere.pass_time(40)
        await everywhere.submit(f"r{number}")
        takings = await waiting
        if takings.deliveries:  # else the wait had ended before the submit: nothing was taken in it
            break
    assert before.since_s + 0.040 <= takings.since_s <= loop.time()


async def test_what_a_cancelled_wait_was_given_goes_back_unspent_and_it_is_given_no_more(
    everywhere: QueueWorld,
) -> None:
    worker = everywhere.worker()
    await worker.take(1)
    waiting = asyncio.create_task(worker.wait())
    await asyncio.sleep(0.05)
    await everywhere.submit("r1")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await worker.recover([], last=True)
    await everywhere.submit("r2")
    assert (await worker.take(8)).hold is Hold.DRAINING
    assert await worker.leave() == 0
    assert (await worker.take(8)).hold is Hold.DRAINING
    other = everywhere.worker("other")
    taken = {d.lease.run_id: d.lease.attempt for d in (await other.take(8)).deliveries}
    assert taken == {"r1": 1, "r2": 1}


async def test_a_wait_knows_what_to_do_with_a_server_that_forgot_the_scripts(everywhere: QueueWorld) -> None:
    worker = everywhere.worker()
    await worker.take(1)
    await everywhere.submit("r1")
    await everywhere.redis.commands.script_flush()
    assert len((await worker.wait()).deliveries) == 1
