"""Cancelling a run and starting it again, on every kind of server, at whatever point it is asked."""

from __future__ import annotations

import asyncio

from docugen_core.domain.job import CancelVerdict, RetryVerdict
from docugen_core.domain.lease import Bury, Cancelled, Done, Retry, Settled, Settlement
from docugen_core.domain.run import Priority, RunState
from queue_world import BROKEN, LEASE_MS, START_MS, TORN, QueueWorld, scripts

# --- cancel ---------------------------------------------------------------------------------------------------------------


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


# --- retry ----------------------------------------------------------------------------------------------------------------


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
