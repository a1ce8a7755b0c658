"""Submitting to the queue, on every kind of server: once is enough, twice is the same, and a full queue keeps nothing."""

from __future__ import annotations

import asyncio

from docugen_core.domain.job import Verdict
from queue_world import START_MS, QueueWorld, a_job


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
