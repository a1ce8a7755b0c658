"""What the executor with a queue promises beyond test_generation_executor: large specs, bounds, lists, and Redis in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from docugen_core.adapters import queue_listing
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.job_codec import read_payload
from docugen_core.adapters.queue_executor import QueueExecutor
from docugen_core.adapters.queue_fallback import QueueWithFallback
from docugen_core.adapters.queue_health import Fitness, QueueHealth
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import QueueRules, RedisQueue
from docugen_core.adapters.run_watcher import RunWatcher
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import BundleRun, ExecutionPolicy, RunState
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import ConfigurationError, NotFound, NotPossibleNow, Overloaded, RenderFailed, Unavailable
from docugen_core.ports import GenerationExecutor
from docugen_core.rendering.task import Rendering, RenderTask
from executor_houses import Gate, QueueHouse, finished
from redis_proxy import Proxy
from redis_servers import own_server, queue_name
from worker_world import until


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path, queue_url: str) -> QueueHouse:
    return QueueHouse(tmp_path, queue_url, queue_name(request.node.nodeid))


@asynccontextmanager
async def connected(
    house: QueueHouse, url: str = "", **changes: Any
) -> AsyncIterator[tuple[QueueExecutor, RedisQueue]]:
    """An executor without a worker, and the queue behind it."""
    async with (
        RedisConnection(url or house.settings.redis_url) as connection,
        house.bare_executor(connection, **changes) as executor,
    ):
        yield executor, RedisQueue(connection, house.settings.queue_name)


async def fails(task: RenderTask, n: int) -> Rendering:
    raise RenderFailed("no such field", document=task.document)


# --- what travels ----------------------------------------------------------------------------------------------------


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


# --- bounds ----------------------------------------------------------------------------------------------------------


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


async def test_a_redis_without_memory_refuses_submits_alone(house: QueueHouse) -> None:
    with own_server() as redis:
        async with connected(house, redis.url) as (executor, queue):
            kept = (await executor.submit(house.job("a"))).run.run_id
            await queue._redis.execute("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(Overloaded) as full:
                await executor.submit(house.job("b"))
            assert full.value.reason == "QUEUE_MEMORY_FULL"
            assert (await executor.cancel(kept, "")).state is RunState.CANCELLED


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


# --- lists -----------------------------------------------------------------------------------------------------------


async def pages(executor: GenerationExecutor, filter_text: str, page_size: int) -> list[list[str]]:
    found, token = [], ""
    while True:
        page = await executor.list(RunQuery.parse(filter_text, page_size, token))
        found.append([run.run_id for run in page.runs])
        token = page.next_page_token
        if not token:
            return found


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


# --- watching --------------------------------------------------------------------------------------------------------


async def test_a_watcher_goes_on_across_a_restart_of_redis(house: QueueHouse) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with house.executor(working=False) as executor:
            run_id = (await executor.submit(house.job())).run.run_id
            snapshots = executor.watch(run_id)
            assert (await anext(snapshots)).state is RunState.QUEUED
            await asyncio.to_thread(redis.stop)
            redis.start()  # here, not in a thread: the server dies with the thread that started it
            await asyncio.to_thread(redis.wait_ready)
            async with house.worker():
                states = [run.state async for run in snapshots]
    assert states[-1] is RunState.SUCCEEDED


async def test_a_watcher_hears_of_changes_whose_events_were_trimmed(house: QueueHouse) -> None:
    async with connected(house) as (executor, queue):
        run_id = (await executor.submit(house.job())).run.run_id
        snapshots = executor.watch(run_id)
        await anext(snapshots)
        following = asyncio.ensure_future(anext(snapshots))
        await queue.cancel(run_id, "")
        await queue._redis.execute("DEL", queue.keys.key("events"))
        assert (await following).state is RunState.CANCELLED


async def test_a_watcher_of_a_run_that_redis_lost_is_told_that_there_is_none(house: QueueHouse) -> None:
    async with house.executor(working=False) as executor:
        snapshots = executor.watch((await executor.submit(house.job())).run.run_id)
        await anext(snapshots)
        await house.lose_records()
        with pytest.raises(NotFound):
            await anext(snapshots)


async def test_the_tail_runs_while_somebody_watches_and_ends_with_the_last(house: QueueHouse) -> None:
    async with connected(house) as (executor, queue):
        run_id = (await executor.submit(house.job())).run.run_id
        watcher = RunWatcher(queue, executor._read, SystemClock())
        quiet = not watcher.is_tailing
        snapshots = [watcher.watch(run_id, lambda: executor.get(run_id)) for _ in range(3)]
        for each in snapshots:
            await anext(each)
        assert (quiet, watcher.is_tailing) == (True, True)
        await executor.cancel(run_id, "")
        for each in snapshots:
            assert [run.state async for run in each] == [RunState.CANCELLED]

        async def ended() -> bool:
            return not watcher.is_tailing

        await until("the tail has ended", ended)
        await watcher.aclose()


# --- Redis in trouble -----------------------------------------------------------------------------------------------


async def test_a_submit_whose_answer_is_lost_may_be_repeated(house: QueueHouse) -> None:
    async with Proxy(house.settings.redis_url) as proxy, connected(house, proxy.url) as (executor, queue):
        proxy.lose_replies = 20
        with pytest.raises(Unavailable) as lost:
            await executor.submit(house.job())
        proxy.lose_replies = 0
        assert lost.value.reason == "QUEUE_UNAVAILABLE"

        async def accepted() -> bool:
            try:
                return bool((await executor.submit(house.job())).run)
            except Unavailable:
                return False

        await until("the queue answers again", accepted)
        assert (await executor.submit(house.job())).deduplicated
        assert (await queue.stats()).depth == 1


@pytest.mark.slow
async def test_while_redis_is_away_finished_runs_are_found_and_submits_are_told_when_to_come_back(
    house: QueueHouse,
) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with house.executor(working=False) as executor:
            async with house.worker():
                done = await finished(executor, (await executor.submit(house.job("done"))).run.run_id)
            redis.stop(kill=True)
            with pytest.raises(Unavailable) as away:
                await executor.submit(house.job("new"))
            assert (away.value.reason, away.value.retry_after_ms > 0) == ("QUEUE_UNAVAILABLE", True)
            found = await executor.get(done.run_id)
            assert (found.state, found.manifest_digest) == (RunState.SUCCEEDED, done.manifest_digest)
            assert (await executor.submit(house.job("done"))).deduplicated
            with pytest.raises(Unavailable):
                await executor.get("unknown")

            async def unready() -> bool:
                return not await executor.ready()

            await until("readiness is gone", unready)
            redis.start()
            await asyncio.to_thread(redis.wait_ready)
            await until("readiness is back", executor.ready)
            assert not (await executor.submit(house.job("new"))).deduplicated


async def test_a_finished_run_is_not_queued_again_when_redis_lost_its_record(house: QueueHouse) -> None:
    async with house.executor() as executor:
        done = await finished(executor, (await executor.submit(house.job())).run.run_id)
        await house.lose_records()
        again = await executor.submit(house.job())
        seen = [run async for run in executor.watch(done.run_id)]
    assert again.deduplicated
    assert [run.manifest_digest for run in (again.run, *seen)] == [done.manifest_digest] * 2
    assert house.renderer.calls == {"note0.txt": 1}


async def test_a_redis_that_may_lose_jobs_is_refused_at_the_start_and_named_later() -> None:
    with own_server() as redis:
        async with (
            RedisConnection(redis.url) as connection,
            QueueHealth(connection, SystemClock(), every_ms=20) as health,
        ):
            health.check()
            await connection.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")

            async def unfit() -> bool:
                return health.fitness is Fitness.UNFIT

            await until("the flaw is seen", unfit)
            with pytest.raises(Unavailable) as refused:
                health.check()
            assert refused.value.reason == "QUEUE_UNFIT"
            with pytest.raises(ConfigurationError) as wrong:
                async with QueueHealth(connection, SystemClock()):
                    pass
            assert "CONFIG SET maxmemory-policy noeviction" in wrong.value.message
            async with QueueHealth(connection, SystemClock(), allow_volatile=True) as lenient:
                lenient.check()


# --- rendering here meanwhile ------------------------------------------------------------------------------------------


@asynccontextmanager
async def with_fallback(house: QueueHouse) -> AsyncIterator[QueueWithFallback]:
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(house.executor(working=False))
        ledger = await stack.enter_async_context(SqliteLedger(house.root / "fallback-1.sqlite3"))
        inline = await stack.enter_async_context(
            InlineExecutor(
                bundles=house.bundles(),
                store=house.store,
                ledger=ledger,
                clock=SystemClock(),
                policy=RetryPolicy(),
                attempt_timeout_ms=20_000,
                slots=2,
                waiting_max=10,
            )
        )
        yield QueueWithFallback(queue, inline)


async def test_while_redis_is_away_bundles_are_rendered_here_and_both_places_are_one_list(house: QueueHouse) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with with_fallback(house) as executor:
            queued = (await executor.submit(house.job("queued"))).run
            assert queued.state is RunState.QUEUED
            redis.stop(kill=True)
            gate = Gate()
            house.renderer.script = gate
            here = (await executor.submit(house.job("here"))).run
            assert here.run_id == house.job("here").run_id
            await gate.begun.wait()
            assert (await executor.submit(house.job("here"))).deduplicated
            assert await executor.ready(), "a submit is accepted, if not by the queue"
            assert [run.run_id for run in (await executor.list(RunQuery())).runs] == [here.run_id]
            following = asyncio.create_task(finished(executor, here.run_id))
            await asyncio.sleep(0)
            gate.open.set()
            done = await following
            assert done.state is RunState.SUCCEEDED
            redis.start()
            await asyncio.to_thread(redis.wait_ready)

            async def both() -> bool:
                return len((await executor.list(RunQuery())).runs) == 2

            await until("both are listed", both)
            assert (await executor.submit(house.job("here"))).deduplicated
            assert await executor.get(here.run_id) == done
            one_by_one = await pages(executor, "", 1)
            assert [*chain(*one_by_one)] == [here.run_id, queued.run_id]
            assert await executor.spec(here.run_id) == house.job("here").bundle.canonical_bytes()
            with pytest.raises(NotPossibleNow):
                await executor.cancel(here.run_id, "")
            assert (await executor.cancel(queued.run_id, "")).state is RunState.CANCELLED


async def test_a_run_that_failed_here_can_be_cancelled_retried_and_watched_here(house: QueueHouse) -> None:
    with own_server() as redis:
        house.settings = replace(house.settings, redis_url=redis.url)
        async with with_fallback(house) as executor:
            redis.stop(kill=True)
            house.renderer.script = fails
            run_id = (await executor.submit(house.job())).run.run_id
            assert (await finished(executor, run_id)).state is RunState.FAILED
            house.renderer.script = gate = Gate()
            await executor.retry(run_id)
            await gate.begun.wait()
            assert (await executor.cancel(run_id, "enough")).state is RunState.CANCELLED
            assert [run.state async for run in executor.watch(run_id)] == [RunState.CANCELLED]
