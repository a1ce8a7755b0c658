"""Taking jobs, on every kind of server: which comes first, who may have it, and whose lease has lapsed.

Waiting for jobs is in test_wait.py; any interleaving of steps is in test_model.py.
"""

from __future__ import annotations

from docugen_core.domain.lease import WORKER_LOST, Bury, Cancelled, Done, Hold, Retry, Settled, Settlement
from docugen_core.domain.run import Priority, RunState
from queue_world import BROKEN, LEASE_MS, START_MS, TORN, QueueWorld


async def test_lanes_are_served_16_to_4_to_1_so_that_none_starves(everywhere: QueueWorld) -> None:
    for priority in Priority:
        await everywhere.submit(*(f"{priority.value}-{n}" for n in range(42)), priority=priority)
    worker = everywhere.worker()
    one_by_one = [(await worker.take(1)).deliveries[0].lease.run_id.split("-")[0] for _ in range(21)]
    assert {lane: one_by_one.count(lane) for lane in set(one_by_one)} == {"high": 16, "normal": 4, "low": 1}
    at_once = [d.lease.run_id.split("-")[0] for d in (await worker.take(21)).deliveries]
    assert {lane: at_once.count(lane) for lane in set(at_once)} == {"high": 16, "normal": 4, "low": 1}


async def test_slots_that_a_lane_cannot_fill_go_to_the_others(everywhere: QueueWorld) -> None:
    await everywhere.submit("a", "b", "c", priority=Priority.LOW)
    assert len((await everywhere.worker().take(3)).deliveries) == 3


async def test_due_work_comes_before_new_work(everywhere: QueueWorld) -> None:
    await everywhere.submit("old")
    lease = (await everywhere.take_one()).lease
    await everywhere.worker().settle([Settlement(lease, Retry(TORN, 100))])
    await everywhere.submit("new", priority=Priority.HIGH)
    await everywhere.pass_time(100)
    assert (await everywhere.take_one()).lease.run_id == "old"


async def test_a_lapsed_lease_goes_to_another_worker_as_the_next_attempt_and_the_zombie_changes_nothing(
    everywhere: QueueWorld,
) -> None:
    await everywhere.submit("r1")
    zombie = (await everywhere.take_one("ada")).lease
    await everywhere.pass_time(LEASE_MS)
    taken_over = await everywhere.take_one("bob")
    heir = taken_over.lease
    assert (heir.attempt, taken_over.lapsed) == (2, True)
    ada = everywhere.worker("ada")
    assert (await ada.beat([zombie])).lost == (zombie,)
    for outcome in (Done("forged"), Retry(TORN, 5), Bury(BROKEN), Cancelled()):
        assert await ada.settle([Settlement(zombie, outcome)]) == (Settled.STALE,)
    assert await ada.release([zombie]) == (False,)
    record = await everywhere.record("r1")
    assert (record.state, record.worker, record.attempt) == (RunState.RUNNING, "bob", 2)
    assert [(a.number, a.worker, a.failure) for a in record.attempts] == [(1, "ada", WORKER_LOST)]
    assert await everywhere.worker("bob").settle([Settlement(heir, Done("m"))]) == (Settled.DONE,)


async def test_an_attempt_is_on_record_even_if_the_record_was_lost_before_it(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.redis.execute("DEL", everywhere.keys.key("run:") + "r1")
    await everywhere.take_one("ada")
    await everywhere.pass_time(LEASE_MS)
    heir = await everywhere.take_one("bob")
    assert (heir.last_worker, heir.last_start_time_ms) == ("ada", START_MS)


async def test_a_lease_that_is_renewed_in_time_does_not_lapse(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one("ada")).lease
    for _ in range(3):
        await everywhere.pass_time(LEASE_MS - 1)
        assert await everywhere.worker("ada").beat([lease]) == await everywhere.worker("ada").beat([])
        assert (await everywhere.worker("bob").take(1)).deliveries == ()


async def test_a_paused_queue_hands_out_nothing_and_still_accepts(everywhere: QueueWorld) -> None:
    await everywhere.queue.pause("disk swap")
    await everywhere.pass_time(7)
    await everywhere.queue.pause("again")
    await everywhere.submit("r1")
    assert (await everywhere.worker().take(1)).hold is Hold.PAUSED
    pause = (await everywhere.queue.stats()).pause
    assert pause is not None
    assert (pause.since_ms, pause.reason) == (START_MS, "disk swap")
    assert await everywhere.queue.resume()
    assert not await everywhere.queue.resume()
    assert (await everywhere.take_one()).lease.run_id == "r1"


async def test_an_entry_that_is_not_the_one_on_record_is_dropped_whichever_comes_first(everywhere: QueueWorld) -> None:
    lane = everywhere.keys.lane("normal")
    ghost = ("XADD", lane, "*", "run", "r1", "v", "7", "payload", "of a submit that Redis had forgotten")
    await everywhere.redis.execute(*ghost)
    await everywhere.submit("r1")
    await everywhere.redis.execute(*ghost)
    worker = everywhere.worker()
    (delivery,) = (await worker.take(8)).deliveries
    assert delivery.payload == b"payload of r1"
    assert await worker.settle([Settlement(delivery.lease, Done("m"))]) == (Settled.DONE,)
    assert (await worker.take(8)).deliveries == ()
    assert (await everywhere.record("r1")).state is RunState.SUCCEEDED
    assert await everywhere.entries() == {}
