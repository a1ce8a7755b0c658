"""The bell, on every kind of server: what rings, whom it wakes, and when its rings are taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from docugen_core.adapters.redis_connection import BLOCK_MS_MAX
from docugen_core.domain.lease import Bury, Delivery, Hold, Retry, Settled, Settlement, Takings
from docugen_core.domain.run import Priority
from queue_world import BROKEN, LEASE_MS, START_MS, TORN, QueueWorld, scripts
from redis.asyncio.cluster import RedisCluster

RINGS_MAX = 1_000


async def rings(world: QueueWorld) -> int:
    """How many workers would be woken if they began to wait now."""
    return int(await world.redis.execute("LLEN", world.keys.key("bell")))


async def emptied(world: QueueWorld) -> None:
    """Nothing is left to take, and no ring."""
    while (await world.worker("keeper").take(256)).deliveries:
        pass
    assert await rings(world) == 0


async def taken_behind_a_wait(world: QueueWorld, consumer: str = "ada") -> bytes:
    """The hold of a take as it is run when a wait ends, without the wait."""
    call = scripts()["take"].call(world.keys, consumer=consumer, want=1, lease_ms=LEASE_MS, lost="", fresh=1)
    reply: list[bytes] = await world.redis.run(call)
    return reply[0]


async def test_each_job_rings_once_and_one_that_is_known_does_not(everywhere: QueueWorld) -> None:
    for number, priority in enumerate(Priority, 1):
        await everywhere.submit(f"new-{priority.value}", priority=priority)
        assert await rings(everywhere) == number
    await everywhere.submit("new-high", "r1", "r2")
    assert await rings(everywhere) == 5


async def test_a_start_time_rings_only_if_nobody_would_look_before_it(everywhere: QueueWorld) -> None:
    await everywhere.submit("later", not_before_ms=START_MS + BLOCK_MS_MAX)
    assert await rings(everywhere) == 0
    await everywhere.submit("soon", not_before_ms=START_MS + BLOCK_MS_MAX - 1)
    assert await rings(everywhere) == 1


async def test_what_comes_back_rings_as_what_is_new_does(everywhere: QueueWorld) -> None:
    worker = everywhere.worker()
    ways = ("released", "recovered", "retried", "buried", "cancelled")
    await everywhere.submit(*(f"{way}{n}" for way in ways for n in range(2)))
    jobs = {d.lease.run_id: d.lease for d in (await worker.take(10)).deliveries}
    await emptied(everywhere)
    assert await worker.release([jobs.pop(f"released{n}") for n in range(2)]) == (True, True)
    assert await rings(everywhere) == 2
    assert await worker.recover([lease for run, lease in jobs.items() if "recovered" not in run]) == 2
    assert await rings(everywhere) == 4
    retried = [Settlement(jobs[f"retried{n}"], Retry(TORN, 5)) for n in range(2)]
    assert await worker.settle(retried) == (Settled.PARKED, Settled.PARKED)
    assert await rings(everywhere) == 6
    buried = [Settlement(jobs[f"buried{n}"], Bury(BROKEN)) for n in range(2)]
    assert await worker.settle(buried) == (Settled.BURIED, Settled.BURIED)
    await everywhere.queue.cancel("cancelled0", "")
    assert await rings(everywhere) == 6
    letters = (await everywhere.queue.letters()).letters
    await everywhere.queue.redrive([(letter.letter_id, letter.run_id) for letter in letters])
    assert await rings(everywhere) == 8


async def test_a_run_that_is_started_again_rings(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.queue.cancel("r1", "")
    await emptied(everywhere)
    await everywhere.queue.retry("r1")
    assert await rings(everywhere) == 1


@pytest.mark.parametrize("priority", list(Priority))
async def test_who_finds_nothing_takes_the_rings_away_and_who_may_have_left_something_does_not(
    everywhere: QueueWorld, priority: Priority
) -> None:
    await everywhere.submit("r1", "r2", "r3", priority=priority)
    worker = everywhere.worker()
    assert (await worker.take(1)).wait_ms == 0
    assert (await worker.take(2)).wait_ms == 0  # it cannot know that these were all
    assert await rings(everywhere) == 3
    assert (await worker.take(1)).wait_ms == LEASE_MS
    assert await rings(everywhere) == 0


async def test_the_ring_of_what_is_due_before_anybody_looks_again_stays(everywhere: QueueWorld) -> None:
    """Another worker may have looked before it was parked, and begin to wait after this take."""
    await everywhere.submit("soon", not_before_ms=START_MS + 500)
    assert (await everywhere.worker().take(1)).wait_ms == 500
    assert await rings(everywhere) == 1


async def test_in_a_pause_the_rings_stay_and_no_ring_goes_round(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.queue.pause("disk swap")
    assert (await everywhere.worker().take(1)).hold is Hold.PAUSED
    assert await taken_behind_a_wait(everywhere) == b"paused"
    assert await rings(everywhere) == 1


async def test_a_take_behind_a_wait_leaves_the_rings_of_what_is_due(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await emptied(everywhere)
    await everywhere.worker().release([lease])
    assert await taken_behind_a_wait(everywhere) == b""
    assert await rings(everywhere) == 1


async def test_an_entry_that_is_dropped_hides_nothing_behind_it(everywhere: QueueWorld) -> None:
    ghost = (
        "XADD",
        everywhere.keys.lane("normal"),
        "*",
        "run",
        "r1",
        "v",
        "7",
        "payload",
        "of a submit that was forgotten",
    )
    await everywhere.redis.execute(*ghost)
    await everywhere.submit("r1")
    worker = everywhere.worker()
    takings = await worker.take(1)
    assert (takings.deliveries, takings.wait_ms, await rings(everywhere)) == ((), 0, 1)
    assert [d.lease.run_id for d in (await worker.take(1)).deliveries] == ["r1"]


async def test_a_worker_that_drains_rings_for_another(everywhere: QueueWorld) -> None:
    await everywhere.worker().recover([], last=True)
    assert await rings(everywhere) == 1  # its wait may have used up one, for what is due
    assert (await everywhere.worker().take(1)).hold is Hold.DRAINING
    assert await rings(everywhere) == 1
    assert await taken_behind_a_wait(everywhere) == b"draining"
    assert await rings(everywhere) == 2


async def test_the_bell_has_a_bound(everywhere: QueueWorld) -> None:
    await everywhere.submit(*(f"r{n}" for n in range(RINGS_MAX - 1)))
    assert await rings(everywhere) == RINGS_MAX - 1
    everywhere.queue.rules = everywhere.rules.__class__(max_depth=2 * RINGS_MAX)
    await everywhere.submit("a", "b", "c")
    assert await rings(everywhere) == RINGS_MAX


async def test_a_job_wakes_the_worker_that_has_waited_longest_and_no_other(everywhere: QueueWorld) -> None:
    # Where everything else stands still for as long as a wait lasts, a round says nothing.
    assert any([await one_after_the_other(everywhere, (f"{n}-1", f"{n}-2")) for n in range(3)])


async def one_after_the_other(world: QueueWorld, run_ids: Sequence[str]) -> bool:
    """Whether of three workers, which began to wait in order, one at a time was woken by two jobs, in that order."""
    workers = [world.worker(f"w{number}") for number in range(3)]
    for worker in workers:
        await worker.take(256)
    waiting: list[asyncio.Task[Takings]] = []
    for worker in workers:
        waiting.append(asyncio.create_task(worker.wait()))
        await blocked(world, len(waiting))
    given = []
    for number, run_id in enumerate(run_ids):
        await world.submit(run_id)
        given.append((await waiting[number]).deliveries and not any(task.done() for task in waiting[number + 1 :]))
    await asyncio.gather(*waiting)
    return all(given)


async def blocked(world: QueueWorld, workers: int) -> None:
    """Return when so many wait at the server, or have stopped waiting because it took so long."""
    commands: Any = world.redis.commands
    nodes = {"target_nodes": RedisCluster.PRIMARIES} if isinstance(commands, RedisCluster) else {}
    for _ in range(1_000):
        info = await commands.info("clients", **nodes)
        if sum(node["blocked_clients"] for node in (info.values() if nodes else [info])) >= workers:
            return
        await asyncio.sleep(0.001)


async def test_a_job_that_is_handed_back_wakes_a_worker_that_waits(everywhere: QueueWorld) -> None:
    ada, bob = everywhere.worker("ada"), everywhere.worker("bob")
    await everywhere.submit("r1")
    (held,) = (await ada.take(1)).deliveries
    given: tuple[Delivery, ...] = ()
    while not given:  # the wait may have ended before the release
        await bob.take(1)
        waiting = asyncio.create_task(bob.wait())
        await blocked(everywhere, 1)
        await ada.release([held.lease])
        await waiting
        given = (await bob.take(1)).deliveries
    assert given[0].lease.attempt == 1
