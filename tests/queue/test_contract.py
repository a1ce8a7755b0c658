"""What the queue promises, on every kind of server: the steps one by one. Their interleavings are in test_model.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import chain, count

import pytest
from docugen_core.adapters import redis_queue
from docugen_core.adapters.keys import LANES
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.domain.dead_letter import Redriven
from docugen_core.domain.demand import Demand
from docugen_core.domain.job import CancelVerdict, EraseVerdict, RetryVerdict, Verdict
from docugen_core.domain.lease import (
    WORKER_LOST,
    Bury,
    Cancelled,
    Done,
    Hold,
    Outcome,
    Retry,
    Settled,
    Settlement,
    Takings,
)
from docugen_core.domain.run import Priority, RunState
from docugen_core.domain.survey import UPCOMING_MAX, Lane, QueueSurvey, Upcoming
from docugen_core.domain.worker import WorkerAdvert
from queue_world import BROKEN, LEASE_MS, START_MS, TORN, QueueWorld, a_job, scripts

ADVERT = WorkerAdvert("render-7", 41, START_MS, 4, "engine-1", "1.2.3", packs=("sha-1",), bundle_runs=("r1",))


# --- submit ---------------------------------------------------------------------------------------------------------------


async def test_a_submitted_job_is_on_record_and_delivered_with_its_payload(everywhere: QueueWorld) -> None:
    (accepted,) = await everywhere.queue.submit([a_job("r1")])
    assert accepted.verdict is Verdict.NEW
    assert accepted.record == await everywhere.record("r1")
    delivery = await everywhere.take_one()
    assert (delivery.lease.run_id, delivery.lease.attempt) == ("r1", 1)
    assert (delivery.payload, delivery.payload_version, delivery.cancelling) == (b"payload of r1", 7, False)
    assert not delivery.lapsed


async def test_the_same_job_again_is_the_same_run_and_another_spec_under_its_id_a_conflict(
    everywhere: QueueWorld,
) -> None:
    await everywhere.submit("r1")
    before = await everywhere.record("r1")
    same, conflict = await everywhere.queue.submit([a_job("r1"), a_job("r1", digest="other")])
    assert (same.verdict, conflict.verdict) == (Verdict.SAME, Verdict.CONFLICT)
    assert same.record == conflict.record == before == await everywhere.record("r1")
    assert len(await everywhere.entries()) == 1


async def test_a_hundred_submits_of_one_job_at_once_are_one_entry_and_equal_answers(everywhere: QueueWorld) -> None:
    answers = await asyncio.gather(*(everywhere.queue.submit([a_job("r1")]) for _ in range(100)))
    assert sorted(a.verdict.value for (a,) in answers) == ["new"] + ["same"] * 99
    assert len({a.record.entry for (a,) in answers if a.record}) == 1
    assert len(await everywhere.entries()) == 1


async def test_a_full_queue_refuses_and_keeps_nothing_of_the_refused(everywhere: QueueWorld) -> None:
    everywhere.queue.rules = everywhere.rules.__class__(max_depth=2)
    answers = await everywhere.queue.submit([a_job(f"r{n}") for n in range(4)])
    assert [a.verdict for a in answers] == [Verdict.NEW, Verdict.NEW, Verdict.FULL, Verdict.FULL]
    assert await everywhere.queue.get(["r2"]) == (None,)
    assert (await everywhere.queue.submit([a_job("r0")]))[0].verdict is Verdict.SAME


async def test_a_batch_larger_than_one_call_is_accepted_whole_and_in_order(everywhere: QueueWorld) -> None:
    answers = await everywhere.queue.submit([a_job(f"r{n:03}") for n in range(450)])
    assert {a.verdict for a in answers} == {Verdict.NEW}
    taken = (await everywhere.worker().take(256)).deliveries
    assert [d.lease.run_id for d in taken] == [f"r{n:03}" for n in range(256)]


async def test_a_job_with_a_start_time_is_parked_until_then_and_keeps_its_first_attempt(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1", not_before_ms=START_MS + 500)
    assert (await everywhere.record("r1")).next_attempt_time_ms == START_MS + 500
    takings = await everywhere.worker().take(5)
    assert (takings.deliveries, takings.wait_ms) == ((), 500)
    await everywhere.pass_time(500)
    assert (await everywhere.take_one()).lease.attempt == 1


# --- take -----------------------------------------------------------------------------------------------------------------


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


async def test_a_draining_worker_gets_nothing_while_others_do(everywhere: QueueWorld) -> None:
    ada = everywhere.worker("ada")
    assert not await everywhere.queue.drain_worker("ada")
    assert not await ada.announce(ADVERT)
    assert await everywhere.queue.drain_worker("ada")
    assert await ada.announce(ADVERT)
    await everywhere.submit("r1")
    assert (await ada.take(1)).hold is Hold.DRAINING
    assert (await everywhere.take_one("bob")).lease.run_id == "r1"


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


# --- settle, release, recover ---------------------------------------------------------------------------------------------


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


async def test_a_buried_run_is_a_letter_with_all_that_is_needed_to_run_it_again(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1", priority=Priority.HIGH)
    lease = (await everywhere.take_one()).lease
    settle = [Settlement(lease, Bury(BROKEN))]
    assert await everywhere.worker().settle(settle) == await everywhere.worker().settle(settle) == (Settled.BURIED,)
    (letter,) = (await everywhere.queue.letters()).letters
    record = await everywhere.record("r1")
    assert (record.state, record.failure, record.dead_letter) == (RunState.FAILED, BROKEN, letter.letter_id)
    assert (letter.run_id, letter.spec_digest, letter.failure) == ("r1", "d1", BROKEN)
    assert (letter.payload, letter.payload_version, letter.about) == (b"payload of r1", 7, record.about)
    assert (letter.attempt, letter.worker, letter.engine) == (1, "ada", "engine-1")
    assert (letter.priority, letter.attempts, letter.create_time_ms) == (Priority.HIGH, record.attempts, START_MS)
    assert await everywhere.entries() == {}
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) == -1


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


# --- cancel, retry, redrive, drop -----------------------------------------------------------------------------------------


async def test_a_waiting_run_is_cancelled_at_once(everywhere: QueueWorld) -> None:
    await everywhere.submit("new")
    await everywhere.submit("later", not_before_ms=START_MS + 10**9)
    for run_id in ("new", "later"):
        assert await everywhere.queue.cancel(run_id, "typo") is CancelVerdict.CANCELLED
        assert await everywhere.queue.cancel(run_id, "typo") is CancelVerdict.CANCELLED
        record = await everywhere.record(run_id)
        assert (record.state, record.cancel_reason) == (RunState.CANCELLED, "typo")
    assert await everywhere.entries() == {}
    assert (await everywhere.queue.stats()).depth == 0
    assert await everywhere.queue.cancel("none", "") is CancelVerdict.UNKNOWN


async def test_a_running_run_is_cancelled_by_its_worker(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    assert await everywhere.queue.cancel("r1", "typo") is CancelVerdict.CANCELLING
    assert await everywhere.queue.cancel("r1", "typo") is CancelVerdict.CANCELLING
    pulse = await everywhere.worker().beat([lease])
    assert (pulse.lost, pulse.cancelled) == ((), (lease,))
    settle = [Settlement(lease, Cancelled())]
    assert await everywhere.worker().settle(settle) == await everywhere.worker().settle(settle) == (Settled.CANCELLED,)
    assert (await everywhere.record("r1")).state is RunState.CANCELLED
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) > 0


async def test_a_run_that_finished_before_its_cancellation_succeeded(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.queue.cancel("r1", "")
    assert await everywhere.worker().settle([Settlement(lease, Done("m"))]) == (Settled.DONE,)
    assert (await everywhere.record("r1")).state is RunState.SUCCEEDED
    assert await everywhere.queue.cancel("r1", "") is CancelVerdict.ENDED


async def test_a_cancelled_run_is_not_tried_again(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    lease = (await everywhere.take_one()).lease
    await everywhere.queue.cancel("r1", "")
    assert await everywhere.worker().settle([Settlement(lease, Retry(TORN, 1))]) == (Settled.CANCELLED,)


async def test_a_cancelled_run_whose_worker_died_reaches_the_next_one_as_a_tombstone(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.take_one("ada")
    await everywhere.queue.cancel("r1", "")
    await everywhere.pass_time(LEASE_MS)
    heir = await everywhere.take_one("bob")
    assert heir.cancelling
    assert (await everywhere.record("r1")).state is RunState.CANCELLING
    assert await everywhere.worker("bob").settle([Settlement(heir.lease, Cancelled())]) == (Settled.CANCELLED,)


async def test_a_cancelled_run_can_be_started_again_with_its_payload(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1", priority=Priority.LOW)
    await everywhere.queue.cancel("r1", "typo")
    verdicts = await asyncio.gather(*(everywhere.queue.retry("r1") for _ in range(5)))
    assert RetryVerdict.QUEUED in verdicts
    assert set(verdicts) <= {RetryVerdict.QUEUED, RetryVerdict.NOT_RETRYABLE}
    assert len(await everywhere.entries()) == 1
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) == -1
    delivery = await everywhere.take_one()
    assert (delivery.payload, delivery.payload_version, delivery.lease.attempt) == (b"payload of r1", 7, 1)
    assert delivery.lease.entry.startswith("low:")
    assert (await everywhere.record("r1")).cancel_reason == ""


async def test_a_retry_that_is_sent_twice_is_one_and_one_from_an_older_view_reads_again(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.queue.cancel("r1", "typo")
    seen = (await everywhere.record("r1")).revision
    answers = [
        await everywhere.redis.run(
            scripts()["retry"].call(everywhere.keys, run="r1", seen_revision=revision, max_depth=9)
        )
        for revision in (seen - 1, seen, seen)
    ]
    assert answers == [b"changed", b"queued", b"queued"]
    assert len(await everywhere.entries()) == 1


async def test_a_failed_run_can_be_started_again_and_its_letter_is_used_up(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    assert await everywhere.queue.retry("r1") is RetryVerdict.QUEUED
    assert (await everywhere.queue.letters()).letters == ()
    delivery = await everywhere.take_one()
    assert (delivery.payload, delivery.lease.attempt) == (b"payload of r1", 1)
    assert await everywhere.queue.retry("r1") is RetryVerdict.NOT_RETRYABLE
    assert await everywhere.queue.retry("none") is RetryVerdict.UNKNOWN


async def test_a_redrive_keeps_the_id_counts_and_ends_at_its_limit_unless_forced(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    answers = []
    for force in (False, False, False, True):
        await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
        (letter,) = (await everywhere.queue.letters()).letters
        (answer,) = await everywhere.queue.redrive([(letter.letter_id, "r1")], force=force)
        answers.append(answer)
        if answer is Redriven.REFUSED:
            (answer,) = await everywhere.queue.redrive([(letter.letter_id, "r1")], force=True)
        assert await everywhere.queue.redrive([(letter.letter_id, "r1")]) == (Redriven.REDRIVEN,)
    assert answers == [Redriven.REDRIVEN, Redriven.REDRIVEN, Redriven.REFUSED, Redriven.REDRIVEN]
    record = await everywhere.record("r1")
    assert (record.redrive_count, record.state, record.attempt) == (4, RunState.QUEUED, 0)
    assert (record.dead_letter, record.spec_digest, len(record.attempts)) == ("", "d1", 4)
    assert await everywhere.queue.redrive([("1-1", "r1")]) == (Redriven.MISSING,)


async def test_a_letter_brings_back_even_a_run_whose_record_was_lost(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    await everywhere.redis.execute("DEL", everywhere.keys.record("r1"))
    (letter,) = (await everywhere.queue.letters()).letters
    assert await everywhere.queue.redrive([(letter.letter_id, "r1")]) == (Redriven.REDRIVEN,)
    record = await everywhere.record("r1")
    assert (record.spec_digest, record.about, record.create_time_ms) == ("d1", letter.about, START_MS)
    assert (await everywhere.take_one()).payload == b"payload of r1"


async def test_a_dropped_letter_is_gone_and_its_record_expires(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    (letter,) = (await everywhere.queue.letters()).letters
    assert await everywhere.queue.drop([letter.letter_id, "1-1"]) == 1
    assert await everywhere.queue.drop([letter.letter_id]) == 0
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) > 0
    assert await everywhere.queue.retry("r1") is RetryVerdict.PAYLOAD_GONE


@pytest.mark.parametrize("by", ["drop", "age"])
async def test_a_letter_that_goes_leaves_the_record_of_a_later_run_of_its_id(everywhere: QueueWorld, by: str) -> None:
    await everywhere.submit("r1")
    await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, Bury(BROKEN))])
    (letter,) = (await everywhere.queue.letters()).letters
    await everywhere.redis.execute("DEL", everywhere.keys.record("r1"))  # Redis lost the end of its file
    await everywhere.submit("r1")
    if by == "drop":
        assert await everywhere.queue.drop([letter.letter_id]) == 1
    else:
        await everywhere.pass_time(10 * everywhere.rules.letters_keep_ms)
        assert (await everywhere.queue.sweep()).letters_dropped == 1
    assert await everywhere.redis.execute("PTTL", everywhere.keys.record("r1")) == -1


async def test_an_erased_run_leaves_nothing_and_its_id_is_new(everywhere: QueueWorld) -> None:
    for run_id, outcome in (("r1", Done("m")), ("r2", Bury(BROKEN))):
        await everywhere.submit(run_id)
        await everywhere.worker().settle([Settlement((await everywhere.take_one()).lease, outcome)])
        assert await everywhere.queue.erase(run_id) is EraseVerdict.ERASED
        assert await everywhere.queue.erase(run_id) is EraseVerdict.UNKNOWN
        assert (await everywhere.queue.get([run_id])) == (None,)
    assert (await everywhere.queue.letters()).letters == ()
    assert (await everywhere.queue.runs()).records == ()
    await everywhere.submit("r2")
    assert (await everywhere.take_one()).lease.run_id == "r2"


async def test_a_run_that_has_not_ended_is_not_erased(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    assert await everywhere.queue.erase("r1") is EraseVerdict.UNFINISHED
    taken = await everywhere.take_one()
    assert await everywhere.queue.erase("r1") is EraseVerdict.UNFINISHED
    assert taken.lease.run_id == "r1"
    assert (await everywhere.record("r1")).attempt == 1


# --- records, changes, numbers --------------------------------------------------------------------------------------------


async def test_runs_are_listed_newest_first_in_pages_without_gap_or_repetition(everywhere: QueueWorld) -> None:
    for moment in range(3):
        await everywhere.submit(*(f"{moment}-{n:02}" for n in range(20)))
        await everywhere.pass_time(moment)  # the first two batches are of one millisecond
    seen, before = [], ""
    while True:
        page = await everywhere.queue.runs(before=before, limit=7)
        seen += [(r.create_time_ms, r.run_id) for r in page.records]
        if not (before := page.next_before):
            break
    assert len(seen) == 60
    assert seen == sorted(set(seen), reverse=True)


async def test_a_tenants_runs_are_found_among_others_whose_records_are_not_read(
    everywhere: QueueWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_queue, "TENANT_SCAN_ITEMS", 10)
    await everywhere.submit("acme~1", "1", "acmes", "acme-two~1")
    await everywhere.submit(*(f"birch~{n}" for n in range(25)))
    await everywhere.submit("acme~2", "2")

    async def listed(tenant: str, limit: int) -> list[list[str]]:
        pages, before = [], ""
        while True:
            page = await everywhere.queue.runs(before=before, limit=limit, tenant=tenant)
            pages.append([record.run_id for record in page.records])
            if not (before := page.next_before):
                return pages

    birches = await listed("birch", 4)
    assert max(map(len, birches)) == 4
    assert sorted(chain(*birches)) == sorted(f"birch~{n}" for n in range(25))
    assert len([*chain(*await listed("", 4))]) == 31
    for n in range(25):
        await everywhere.redis.execute("SET", everywhere.keys.record(f"birch~{n}"), "reading this is an error")
    assert [*chain(*await listed("acme", 5))] == ["acme~2", "acme~1"]
    assert [*chain(*await listed("default", 5))] == ["acmes", "2", "1"]
    assert [*chain(*await listed("nobody", 4))] == []


async def test_every_change_of_a_run_is_told_in_order_with_a_growing_revision(everywhere: QueueWorld) -> None:
    start = await everywhere.queue.newest_change()
    await everywhere.submit("r1")
    await everywhere.take_one("ada")
    await everywhere.pass_time(LEASE_MS)
    lease = (await everywhere.take_one("bob")).lease
    await everywhere.worker("bob").settle([Settlement(lease, Done("m"))])
    page = await everywhere.queue.changes(after=start)
    assert [(c.run_id, c.revision, c.state.value) for c in page.changes] == [
        ("r1", 1, "queued"),
        ("r1", 2, "running"),
        ("r1", 3, "retrying"),
        ("r1", 4, "running"),
        ("r1", 5, "succeeded"),
    ]
    assert not page.gap
    assert (await everywhere.queue.changes(after=page.cursor)).changes == ()


async def test_a_waiting_reader_of_changes_is_woken_by_one(everywhere: QueueWorld) -> None:
    await everywhere.submit("r0")
    start = await everywhere.queue.newest_change()
    reader = asyncio.create_task(everywhere.queue.changes(after=start, wait_ms=2_000))
    await everywhere.submit("r1")
    changes = (await reader).changes or (await everywhere.queue.changes(after=start)).changes  # the submit may be late
    assert [c.run_id for c in changes] == ["r1"]


async def test_a_reader_who_fell_too_far_behind_is_told_so(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    cursor = await everywhere.queue.newest_change()
    await everywhere.submit("r2")
    await everywhere.submit("r3")
    assert not (await everywhere.queue.changes(after=cursor)).gap
    await everywhere.redis.execute("XTRIM", everywhere.keys.key("events"), "MAXLEN", 1)
    assert (await everywhere.queue.changes(after=cursor)).gap


async def test_the_numbers_of_the_queue_add_up(everywhere: QueueWorld) -> None:
    assert (await everywhere.queue.stats()).depth == 0
    await everywhere.submit("a", "b", "c", "d", "e")
    await everywhere.submit("later", not_before_ms=START_MS + 99_999)
    ada = everywhere.worker("ada")
    first, second, third = (d.lease for d in (await ada.take(3)).deliveries)
    await ada.settle([Settlement(first, Retry(TORN, 5_000)), Settlement(second, Bury(BROKEN))])
    await everywhere.pass_time(1_000)
    stats = await everywhere.queue.stats()
    assert (stats.depth, stats.in_flight, stats.parked, stats.dead_letters) == (4, 1, 2, 1)
    assert (stats.oldest_age_ms, stats.observe_time_ms) == (1_000, START_MS + 1_000)
    await everywhere.queue.cancel("d", "")  # an undelivered one: where XINFO's lag would be nil
    assert (await everywhere.queue.stats()).depth == 3
    assert (await ada.beat([third])).lost == ()


async def test_a_survey_tells_the_lanes_apart_and_what_is_due_next(everywhere: QueueWorld) -> None:
    assert await everywhere.queue.survey() == QueueSurvey(0, tuple(Lane(name, 0, 0, 0) for name in LANES), ())
    await everywhere.submit("a", "b", "c", "d")
    await everywhere.submit("urgent", priority=Priority.HIGH)
    await everywhere.submit("later", not_before_ms=START_MS + 99_999)
    ada = everywhere.worker("ada")
    urgent, first, second = (d.lease for d in (await ada.take(3)).deliveries)
    await ada.settle([Settlement(first, Retry(TORN, 5_000)), Settlement(urgent, Done("m"))])
    survey = await everywhere.queue.survey()
    assert survey.entered == 6
    assert survey.lanes == (
        Lane("high", 0, 0, 0),
        Lane("normal", 2, 1, 1),
        Lane("low", 0, 0, 0),
        Lane("later", 0, 0, 1),
    )
    assert survey.upcoming == (
        Upcoming("a", START_MS + 5_000, 1, TORN.code),
        Upcoming("later", START_MS + 99_999, 0, ""),
    )
    await ada.settle([Settlement(second, Bury(BROKEN))])
    (letter,) = (await everywhere.queue.letters()).letters
    await everywhere.queue.redrive([(letter.letter_id, letter.run_id)])
    assert (await everywhere.queue.survey()).entered == 7, "what ended and is redriven enters once more"


async def test_a_survey_names_the_soonest_runs_and_no_more_than_its_bound(everywhere: QueueWorld) -> None:
    for number in reversed(range(UPCOMING_MAX + 2)):
        await everywhere.submit(f"r{number}", not_before_ms=START_MS + 1_000 * (number + 1))
    named = [run.run_id for run in (await everywhere.queue.survey()).upcoming]
    assert named == [f"r{number}" for number in range(UPCOMING_MAX)]


async def test_demand_is_what_waits_what_runs_and_what_is_due_soon(everywhere: QueueWorld) -> None:
    assert await everywhere.queue.demand(60_000) == Demand(0, 0, 0)
    await everywhere.submit("a", "b", "c", "d")
    await everywhere.submit("in an hour", not_before_ms=START_MS + 3_600_000)
    ada = everywhere.worker("ada")
    first, second, _ = (d.lease for d in (await ada.take(3)).deliveries)
    await ada.settle([Settlement(first, Retry(TORN, 30_000)), Settlement(second, Retry(TORN, 90_000))])
    assert await everywhere.queue.demand(60_000) == Demand(waiting=1, in_flight=1, due_soon=1)
    assert await everywhere.queue.demand(120_000) == Demand(waiting=1, in_flight=1, due_soon=2)
    assert await everywhere.queue.demand(0) == Demand(1, 1, 0), "within a lease, as every lease is among what is due"
    await everywhere.pass_time(31_000)  # the lease has lapsed: its job still has to be done
    assert await everywhere.queue.demand(60_000) == Demand(waiting=1, in_flight=1, due_soon=2)
    await everywhere.pass_time(60_000)
    assert (await everywhere.queue.demand(60_000)).jobs == 4, "the one in an hour needs nobody yet"


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


async def test_the_mark_of_a_worker_that_left_outlives_whatever_it_had_sent(everywhere: QueueWorld) -> None:
    marks = everywhere.keys.key("control"), "drain:ada"
    assert await everywhere.worker("ada").leave() == 0
    await everywhere.pass_time(everywhere.rules.silent_ms - 1)
    await everywhere.queue.sweep()
    assert await everywhere.redis.execute("HEXISTS", *marks) == 1
    await everywhere.pass_time(1)
    await everywhere.queue.sweep()
    assert await everywhere.redis.execute("HEXISTS", *marks) == 0


# --- sweep ----------------------------------------------------------------------------------------------------------------


async def test_a_consumer_is_forgotten_only_when_it_owns_nothing(everywhere: QueueWorld) -> None:
    await everywhere.submit("r1")
    held = (await everywhere.take_one("ada")).lease
    await everywhere.worker("bob").take(1)
    assert await everywhere.worker("ada").leave() == 1
    await everywhere.queue.sweep()
    consumers = await everywhere.redis.commands.xinfo_consumers(everywhere.keys.lane("normal"), "workers")
    assert [c["name"] for c in consumers] == [b"ada"]
    assert (await everywhere.worker("ada").beat([held])).lost == ()


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


async def test_a_server_of_each_kind_may_keep_a_queue(everywhere: QueueWorld) -> None:
    await everywhere.redis.check_server()


# --- wait -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", list(Priority))
async def test_a_waiting_worker_is_woken_by_a_submit_to_any_lane(everywhere: QueueWorld, priority: Priority) -> None:
    worker = everywhere.worker()
    assert (await worker.take(1)).deliveries == ()
    waiting = asyncio.create_task(everywhere.woken(worker))
    await everywhere.submit("r1", "r2", priority=priority)
    (first,) = await waiting
    (second,) = (await worker.take(2)).deliveries
    assert {first.lease.run_id, second.lease.run_id} == {"r1", "r2"}


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
