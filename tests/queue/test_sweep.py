"""Housekeeping, on every kind of server: what was lost is found or built again, and what is too old goes."""

from __future__ import annotations

from dataclasses import replace

from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.lease import Bury, Done, Retry, Settled, Settlement
from queue_world import BROKEN, LEASE_MS, START_MS, TORN, QueueWorld, scripts


async def test_a_lost_index_is_built_again_with_the_times_on_record(everywhere: QueueWorld) -> None:
    await everywhere.submit("held", "parked")
    await everywhere.submit("later", not_before_ms=START_MS + 10**9)
    held, parked = (d.lease for d in (await everywhere.worker().take(2)).deliveries)
    await everywhere.worker().settle([Settlement(parked, Retry(TORN, 77_000))])
    await everywhere.redis.execute("DEL", everywhere.keys.key("due"))
    assert (await everywhere.queue.sweep()).adopted == 3
    later = (await everywhere.record("later")).entry
    assert await everywhere.due() == {
        held.entry: START_MS + LEASE_MS,
        parked.entry: START_MS + 77_000,
        later: START_MS + 10**9,
    }
    assert (await everywhere.queue.sweep()).adopted == 0


async def test_what_a_stranger_read_from_the_stream_is_found_again(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().take(1)
    await everywhere.submit("r2")
    lane = everywhere.keys.lane("normal")
    await everywhere.redis.execute("XREADGROUP", "GROUP", "workers", "stranger", "STREAMS", lane, ">")
    assert (await everywhere.queue.sweep()).adopted == 1
    await everywhere.pass_time(LEASE_MS)
    assert {d.lease.run_id for d in (await everywhere.worker("bob").take(5)).deliveries} == {"r1", "r2"}


async def test_a_lost_group_is_made_again_and_nothing_is_lost_and_no_old_token_fits(everywhere: QueueWorld) -> None:
    await everywhere.submit("running", "waiting")
    await everywhere.submit("later", not_before_ms=START_MS + 500)
    old = (await everywhere.take_one("ada")).lease
    for lane in ("normal", "later"):
        await everywhere.redis.execute("XGROUP", "DESTROY", everywhere.keys.lane(lane), "workers")
    taken = (await everywhere.worker("ada").take(5)).deliveries
    assert {(d.lease.run_id, d.lease.attempt) for d in taken} == {("running", 2), ("waiting", 1)}
    assert await everywhere.worker("ada").settle([Settlement(old, Done("m"))]) == (Settled.STALE,)
    await everywhere.queue.sweep()
    assert (await everywhere.worker().take(5)).wait_ms == 500
    await everywhere.pass_time(500)
    assert (await everywhere.take_one()).lease.run_id == "later"


async def test_old_letters_and_index_entries_of_expired_records_are_removed(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1", "r2")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    await everywhere.redis.execute("DEL", everywhere.keys.record("r2"))
    report = await everywhere.queue.sweep()
    assert (report.letters_dropped, report.index_entries_removed) == (0, 1)
    await everywhere.pass_time(10 * everywhere.rules.letters_keep_ms)
    assert (await everywhere.queue.sweep()).letters_dropped == 1
    assert [r.run_id for r in (await everywhere.queue.runs()).records] == ["r1"]


async def test_housekeeping_is_done_once_a_while_whoever_asks(everywhere: QueueWorld) -> None:
    sparing = RedisQueue(everywhere.redis, everywhere.name, replace(everywhere.rules, sweep_every_ms=1_000), scripts())
    await sparing.sweep()
    await everywhere.submit("r1")
    await everywhere.take_one()
    await everywhere.redis.execute("DEL", everywhere.keys.key("due"))
    for elapsed, adopted in ((999, 0), (1, 1), (0, 0)):
        await everywhere.pass_time(elapsed)
        assert (await sparing.sweep()).adopted == adopted
