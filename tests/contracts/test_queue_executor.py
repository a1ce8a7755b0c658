"""What the executor with a queue promises beyond test_generation_executor: large specs, bounds and lists.

Watching, and Redis in trouble, are in the other test_queue_executor files.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from docugen_core.adapters import queue_listing
from docugen_core.adapters.job_codec import read_payload
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.domain.run import BundleRun, ExecutionPolicy, RunState
from docugen_core.errors import NotFound, NotPossibleNow, Overloaded
from executor_houses import QueueHouse, connected, fails, finished, pages

# --- what travels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inline_bytes", "travels"), [(1 << 20, True), (0, False)])
async def test_a_large_spec_travels_by_digest_and_is_in_the_store_first(
    house: QueueHouse, inline_bytes: int, travels: bool
) -> None:
    async with connected(house, inline_bytes=inline_bytes) as (executor, queue):
        run = (await executor.submit(house.job())).run
        held = await queue.payload(run.run_id)
        assert held is not None
        assert bool(read_payload(held[1]).spec_json) == travels
        assert (await house.store.read_spec(run.spec_digest) is None) == travels
        async with house.worker():
            assert (await finished(executor, run.run_id)).state is RunState.SUCCEEDED


async def test_the_spec_of_a_run_can_be_read_whatever_became_of_it(house: QueueHouse) -> None:
    job = house.job()
    async with house.executor(working=False) as executor:
        run_id = (await executor.submit(job)).run.run_id
        assert await executor.spec(run_id) == job.bundle.canonical_bytes()
        await executor.cancel(run_id, "")
        assert await executor.spec(run_id) == job.bundle.canonical_bytes()
        await executor.retry(run_id)
        house.renderer.script = fails
        async with house.worker():
            assert (await finished(executor, run_id)).state is RunState.FAILED
        assert await executor.spec(run_id) == job.bundle.canonical_bytes()


@pytest.mark.parametrize("not_before_ms", [0, 1, 4_000_000_000_000])
async def test_a_record_keeps_all_that_was_asked_for(house: QueueHouse, not_before_ms: int) -> None:
    policy = ExecutionPolicy(max_attempts=2, labels=(("team", "billing"),), not_before_ms=not_before_ms)
    async with house.executor(working=False) as executor:
        submitted = (await executor.submit(replace(house.job(run_id="mine"), policy=policy))).run
        found = await executor.get("mine")
    assert found == submitted
    assert (found.policy, found.max_attempts, found.templates) == (policy, 2, ("note/note",))
    assert found.tenant == house.job().tenant
    assert found.seed == house.job().bundle.seed


# --- bounds ---------------------------------------------------------------------------------------------------------------


async def test_a_full_queue_refuses_and_keeps_nothing(house: QueueHouse) -> None:
    async with connected(house, rules=QueueRules(max_depth=1)) as (executor, _):
        await executor.submit(house.job("a"))
        with pytest.raises(Overloaded) as full:
            await executor.submit(house.job("b"))
        assert (full.value.reason, full.value.retry_after_ms > 0) == ("QUEUE_FULL", True)
        with pytest.raises(NotFound):
            await executor.get(house.job("b").run_id)
        assert (await executor.submit(house.job("a"))).deduplicated, "what is in stays known"
        assert await executor.ready()


async def test_a_run_whose_dead_letter_was_dropped_cannot_be_retried_and_says_why(house: QueueHouse) -> None:
    house.renderer.script = fails
    async with house.executor() as executor, connected(house) as (_, queue):
        run = await finished(executor, (await executor.submit(house.job())).run.run_id)
        letters = (await queue.letters()).letters
        assert [letter.run_id for letter in letters] == [run.run_id]
        await queue.drop([letters[0].letter_id])
        with pytest.raises(NotPossibleNow) as refused:
            await executor.retry(run.run_id)
        assert refused.value.reason == "NOT_RETRYABLE"
        assert "dropped" in refused.value.hint


async def test_a_drained_executor_accepts_nothing_new(house: QueueHouse) -> None:
    async with house.executor(working=False) as executor:
        await executor.drain(1_000)
        with pytest.raises(Overloaded) as refused:
            await executor.submit(house.job())
        assert refused.value.reason == "SHUTTING_DOWN"
        assert not await executor.ready()


# --- lists ----------------------------------------------------------------------------------------------------------------


async def test_lists_are_filtered_paged_and_complete(house: QueueHouse) -> None:
    async with house.executor(working=False) as executor:
        runs: list[BundleRun] = []
        for n in range(23):
            policy = ExecutionPolicy(labels=(("team", "billing" if n % 3 else "claims"),))
            runs.append((await executor.submit(replace(house.job(str(n)), policy=policy))).run)
        await executor.cancel(runs[4].run_id, "")
        newest_first = sorted(runs, key=lambda run: (run.create_time_ms, run.run_id), reverse=True)
        claims = [r.run_id for r in newest_first if r.policy.labels == (("team", "claims"),)]
        by_pages = await pages(executor, "labels.team = claims", 3)
        assert [len(page) for page in by_pages] == [3, 3, 2]
        assert [*chain(*by_pages)] == claims
        assert [*chain(*await pages(executor, "", 5))] == [r.run_id for r in newest_first]
        assert await pages(executor, "state = CANCELLED", 50) == [[runs[4].run_id]]
        assert await pages(executor, 'create_time < "2020-01-01T00:00:00Z"', 50) == [[]]
        assert await pages(executor, 'create_time > "2090-01-01T00:00:00Z"', 50) == [[]]


async def test_a_list_reads_so_many_records_and_no_more_and_its_token_goes_on(
    house: QueueHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_listing, "PAGE_ITEMS", 4)
    monkeypatch.setattr(queue_listing, "SCAN_MAX", 8)
    async with house.executor(working=False) as executor:
        first = (await executor.submit(house.job("first"))).run
        for n in range(20):
            await executor.submit(house.job(str(n)))
        await executor.cancel(first.run_id, "")
        *short, last = await pages(executor, "state = CANCELLED", 5)
        assert last == [first.run_id]
        assert len(short) >= 2
        assert not any(short)
