"""Workers as the queue knows them, on every kind of server: announced, drained, gone, forgotten."""

from __future__ import annotations

from docugen_core.domain.lease import Hold
from docugen_core.domain.worker import WorkerAdvert
from queue_world import START_MS, QueueWorld

ADVERT = WorkerAdvert("render-7", 41, START_MS, 4, "engine-1", "1.2.3", packs=("sha-1",), bundle_runs=("r1",))


async def test_workers_are_seen_until_they_leave_or_fall_silent(everywhere: QueueWorld) -> None:
    ada, bob = everywhere.worker("ada"), everywhere.worker("bob")
    await ada.announce(ADVERT)
    await bob.announce(ADVERT)
    assert [(w.consumer, w.seen_time_ms, w.advert) for w in await everywhere.queue.workers()] == [
        ("ada", START_MS, ADVERT),
        ("bob", START_MS, ADVERT),
    ]
    assert await bob.leave() == 0
    assert [w.consumer for w in await everywhere.queue.workers()] == ["ada"]
    await everywhere.pass_time(everywhere.rules.silent_ms)
    assert (await everywhere.queue.sweep()).workers_forgotten == 1
    assert await everywhere.queue.workers() == ()


async def test_a_draining_worker_gets_nothing_while_others_do(everywhere: QueueWorld) -> None:
    ada = everywhere.worker("ada")
    assert not await everywhere.queue.drain_worker("ada")
    assert not await ada.announce(ADVERT)
    assert await everywhere.queue.drain_worker("ada")
    assert await ada.announce(ADVERT)
    await everywhere.submit("r1")
    assert (await ada.take(1)).hold is Hold.DRAINING
    assert (await everywhere.take_one("bob")).lease.run_id == "r1"


async def test_the_mark_of_a_worker_that_left_outlives_whatever_it_had_sent(everywhere: QueueWorld) -> None:
    marks = everywhere.keys.key("control"), "drain:ada"
    assert await everywhere.worker("ada").leave() == 0
    await everywhere.pass_time(everywhere.rules.silent_ms - 1)
    await everywhere.queue.sweep()
    assert await everywhere.redis.execute("HEXISTS", *marks) == 1
    await everywhere.pass_time(1)
    await everywhere.queue.sweep()
    assert await everywhere.redis.execute("HEXISTS", *marks) == 0


async def test_a_consumer_is_forgotten_only_when_it_owns_nothing(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    held = (await everywhere.take_one("ada")).lease
    await everywhere.worker("bob").take(1)
    assert await everywhere.worker("ada").leave() == 1
    await everywhere.queue.sweep()
    consumers = await everywhere.redis.commands.xinfo_consumers(everywhere.keys.lane("normal"), "workers")
    assert [c["name"] for c in consumers] == [b"ada"]
    assert (await everywhere.worker("ada").beat([held])).lost == ()
