"""What becomes of a job that was taken, on every kind of server: settled by its outcome, handed back, or recovered."""

from __future__ import annotations

from docugen_core.domain.job import Verdict
from docugen_core.domain.lease import Bury, Done, Outcome, Retry, Settled, Settlement
from docugen_core.domain.run import RunState
from queue_world import BROKEN, START_MS, TORN, QueueWorld, a_job

# --- settle ---------------------------------------------------------------------------------------------------------------


async def test_a_done_run_leaves_no_trace_but_its_record_which_expires(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.pass_time(40)
    settle = [Settlement(lease, Done("manifest-1"))]
    assert await everywhere.worker().settle(settle) == await everywhere.worker().settle(settle) == (Settled.DONE,)
    record = await everywhere.record("r1")
    assert (record.state, record.manifest_digest, record.attempt) == (RunState.SUCCEEDED, "manifest-1", 1)
    assert (record.start_time_ms, record.finish_time_ms) == (START_MS, START_MS + 40)
    assert await everywhere.entries() == {}
    assert await everywhere.due() == {}
    expiry = await everywhere.redis.execute("PTTL", everywhere.keys.record("r1"))
    assert 0 < expiry <= everywhere.rules.keep_ms
    assert (await everywhere.queue.submit([a_job("r1")]))[0].verdict is Verdict.SAME


async def test_a_failed_attempt_is_parked_for_its_delay_and_counts(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    settle = [Settlement(lease, Retry(TORN, 5_000))]
    assert await everywhere.worker().settle(settle) == await everywhere.worker().settle(settle) == (Settled.PARKED,)
    record = await everywhere.record("r1")
    assert (record.state, record.failure) == (RunState.RETRYING, TORN)
    assert record.next_attempt_time_ms == START_MS + 5_000
    assert list((await everywhere.entries()).values()) == [("~retry", 1)]
    await everywhere.pass_time(4_999)
    assert (await everywhere.worker("bob").take(1)).deliveries == ()
    await everywhere.pass_time(1)
    assert (await everywhere.take_one("bob")).lease.attempt == 2
    assert await everywhere.worker().settle(settle) == (Settled.PARKED,)
    record = await everywhere.record("r1")
    assert (record.worker, record.failure, record.next_attempt_time_ms) == ("bob", None, 0)


async def test_only_the_last_ten_failed_attempts_are_kept(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    for _ in range(12):
        lease = (await everywhere.take_one()).lease
        await everywhere.worker().settle([Settlement(lease, Retry(TORN, 1))])
        await everywhere.pass_time(1)
    record = await everywhere.record("r1")
    assert [a.number for a in record.attempts] == list(range(3, 13))


async def test_one_settle_serves_many_jobs_each_by_its_own_outcome(everywhere: QueueWorld) -> None:
    await everywhere.submit("a", "b", "c", "d")
    leases = [d.lease for d in (await everywhere.worker().take(4)).deliveries]
    outcomes: list[Outcome] = [Done("m"), Retry(TORN, 9), Bury(BROKEN), Done("n")]
    settle = [Settlement(lease, outcome) for lease, outcome in zip(leases, outcomes, strict=True)]
    answers = (Settled.DONE, Settled.PARKED, Settled.BURIED, Settled.DONE)
    assert await everywhere.worker().settle([*settle, *settle]) == answers * 2


async def test_a_lease_does_not_settle_another_run(everywhere: QueueWorld) -> None:
    await everywhere.submit("a", "b")
    first, second = (d.lease for d in (await everywhere.worker().take(2)).deliveries)
    mixed = first.__class__(second.run_id, first.entry, first.consumer, first.attempt)
    assert await everywhere.worker().settle([Settlement(mixed, Done("m"))]) == (Settled.STALE,)


# --- release, recover -----------------------------------------------------------------------------------------------------


async def test_a_job_that_is_handed_back_is_free_at_once_with_its_attempt_unspent(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one("ada")).lease
    assert await everywhere.worker("ada").release([lease]) == (True,)
    record = await everywhere.record("r1")
    assert (record.state, record.attempt, record.attempts) == (RunState.QUEUED, 0, ())
    assert await everywhere.worker("ada").release([lease]) == (False,)
    assert (await everywhere.take_one("bob")).lease.attempt == 1


async def test_a_job_may_be_handed_back_for_later(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().release([(await everywhere.take_one()).lease], delay_ms=300)
    assert (await everywhere.worker().take(1)).wait_ms == 300


async def test_what_a_lost_reply_took_is_given_back_unspent_and_what_is_known_stays(everywhere: QueueWorld) -> None:
    await everywhere.submit("known", "lost")
    ada = everywhere.worker("ada")
    known = (await ada.take(1)).deliveries[0].lease
    await ada.take(1)
    assert await ada.recover([known]) == 1
    assert await ada.recover([known]) == 0
    heir = (await everywhere.take_one("bob")).lease
    assert (heir.run_id, heir.attempt) == ("lost", 1)
    assert (await ada.beat([known])).lost == ()
