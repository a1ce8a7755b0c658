"""What becomes of jobs in a worker's hands: every way to end, in this process, with real Redis, store and render processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from docugen_core.adapters.job_codec import decode_job, read_payload
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.domain.identity import content_digest
from docugen_core.domain.lease import Delivery
from docugen_core.domain.run import DocumentState, ExecutionPolicy, RunState
from docugen_core.domain.run_record import decode_documents
from docugen_core.errors import RenderInterrupted
from docugen_core.generation import generate
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer, plain
from scheduler_server import Gate
from structlog.testing import capture_logs
from worker_world import WorkerWorld, documents_of, until, worker_world


async def test_a_batch_is_finished_by_two_workers_each_run_once_with_its_documents_on_record(
    world: WorkerWorld,
) -> None:
    run_ids = [await world.submit(text=str(n), documents=2) for n in range(12)]
    async with world.worker("ada"), world.worker("bob"):
        runs = [await world.finished(run_id) for run_id in run_ids]
    assert {(run.state, run.attempt) for run in runs} == {(RunState.SUCCEEDED, 1)}
    for run in runs:
        manifest = await world.manifest(run.run_id)
        assert run.manifest_digest == content_digest(manifest)
        assert {d.name: (d.pages, d.size) for d in run.documents} == documents_of(manifest)
        assert {d.state for d in run.documents} == {DocumentState.RENDERED}
    assert await world.is_empty()


async def test_a_worker_takes_no_more_than_its_slots(world: WorkerWorld) -> None:
    gate = Gate()
    run_ids = [await world.submit(text=str(n)) for n in range(5)]
    async with world.worker(renderer=ScriptedRenderer(gate), queue_concurrency=3):
        await gate.begun.wait()
        stats = await world.queue.stats()
        assert stats.in_flight <= 3
        assert stats.depth >= 2
        gate.open.set()
        assert {(await world.finished(run_id)).state for run_id in run_ids} == {RunState.SUCCEEDED}


async def test_watchers_see_documents_before_the_run_ends(world: WorkerWorld) -> None:
    second = Gate()

    async def first_then_gate(task: RenderTask, n: int) -> Rendering:
        return await (plain if task.document == "note0.txt" else second)(task, n)

    run_id = await world.submit(documents=2)
    async with world.worker(renderer=ScriptedRenderer(first_then_gate)):
        record = await world.until(run_id, "shows its first document", lambda r: b"rendered" in r.progress)
        states = {d.name: d.state for d in decode_documents(record.progress)}
        assert states == {"note0.txt": DocumentState.RENDERED, "note1.txt": DocumentState.RENDERING}
        assert record.state is RunState.RUNNING
        second.open.set()
        assert (await world.finished(run_id)).state is RunState.SUCCEEDED


@pytest.mark.slow
async def test_a_failure_that_passes_is_retried_and_one_that_does_not_is_a_dead_letter_with_history(
    world: WorkerWorld,
) -> None:
    async def once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            raise RenderInterrupted("killed by the test")
        return await plain(task, n)

    async def always(task: RenderTask, n: int) -> Rendering:
        raise RenderInterrupted("killed by the test")

    async with world.worker(renderer=ScriptedRenderer(once)):
        run = await world.finished(await world.submit(text="once"))
        assert (run.state, run.attempt) == (RunState.SUCCEEDED, 2)
    async with world.worker("bob", renderer=ScriptedRenderer(always)):
        run = await world.finished(await world.submit(text="always", policy=ExecutionPolicy(max_attempts=3)))
    assert (run.state, run.attempt) == (RunState.FAILED, 3)
    (letter,) = (await world.queue.letters()).letters
    assert (letter.run_id, letter.failure.code, letter.worker) == (run.run_id, "RENDER_PROCESS_DIED", "bob")
    assert [a.number for a in letter.attempts] == [1, 2, 3]


async def test_a_template_failure_is_a_dead_letter_at_once_and_says_where(world: WorkerWorld) -> None:
    async with world.worker():
        run = await world.finished(await world.submit("broken"))
    assert (run.state, run.attempt) == (RunState.FAILED, 1)
    assert run.failure is not None
    assert (run.failure.code, str(run.failure.where)) == ("TEMPLATE_FAILED", "broken.txt:1:17")
    assert [d.state for d in run.documents] == [DocumentState.FAILED]


async def test_a_bug_of_ours_is_a_dead_letter_that_shows_no_internals(world: WorkerWorld) -> None:
    async def bug(task: RenderTask, n: int) -> Rendering:
        raise ZeroDivisionError("secret internals")

    async with world.worker(renderer=ScriptedRenderer(bug)):
        run = await world.finished(await world.submit())
        assert (run.state, run.attempt) == (RunState.FAILED, 1)
        assert run.failure is not None
        assert run.failure.code == "INTERNAL"
        assert "secret" not in str(run.failure)
        assert (await world.finished(await world.submit("broken"))).state is RunState.FAILED  # and it works on


@pytest.mark.slow
async def test_an_attempt_that_takes_too_long_is_a_failed_attempt(world: WorkerWorld) -> None:
    gate = Gate()
    async with world.worker(renderer=ScriptedRenderer(gate), attempt_timeout_ms=200):
        run = await world.finished(await world.submit(policy=ExecutionPolicy(max_attempts=2)))
    assert (run.state, run.attempt) == (RunState.FAILED, 2)
    assert run.failure is not None
    assert run.failure.code == "ATTEMPT_TIMEOUT"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "code", "render_timeout_ms"),
    [("hang", "RENDER_TIMEOUT", 6_000), ("bomb", "RENDER_OUT_OF_MEMORY", 60_000)],
)
async def test_poison_costs_exactly_its_attempts_and_neighbours_are_unharmed(
    world: WorkerWorld, template: str, code: str, render_timeout_ms: int
) -> None:
    """render_timeout_ms: of the neighbours too, whose first one waits for its process to import what it needs."""
    async with worker_world(
        world.settings.redis_url,
        world.settings.queue_name + "p",
        world.folder / "poison",
        render_timeout_ms=render_timeout_ms,
    ) as short:
        async with short.worker():
            poison = await short.submit(template, policy=ExecutionPolicy(max_attempts=2))
            neighbours = [await short.submit(text=str(n)) for n in range(4)]
            run = await short.finished(poison)
            assert {(await short.finished(n)).attempt for n in neighbours} == {1}
        assert (run.state, run.attempt) == (RunState.FAILED, 2)
        (letter,) = (await short.queue.letters()).letters
        assert [(a.number, a.failure.code) for a in letter.attempts] == [(1, code), (2, code)]


async def test_a_waiting_run_is_cancelled_at_once_and_a_running_one_by_its_worker(world: WorkerWorld) -> None:
    gate = Gate()
    waiting = await world.submit(text="waiting")
    assert (await world.core.executor.cancel(waiting, "typo")).state is RunState.CANCELLED
    running = await world.submit(text="running")
    async with world.worker(renderer=ScriptedRenderer(gate)) as working:
        await gate.begun.wait()
        await world.core.executor.cancel(running, "typo")
        run = await world.finished(running)
        assert run.state is RunState.CANCELLED

        async def let_go() -> bool:
            return len(working.jobs) == 0

        await until("the worker has heard that it is settled", let_go)
    assert await world.core.store.read_manifest(running) is None
    assert await world.core.store.run_ids() == ()


async def test_a_paused_queue_is_left_alone_until_it_goes_on(world: WorkerWorld) -> None:
    await world.queue.pause("disk swap")
    async with world.worker():
        run_id = await world.submit()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.until(run_id, "starts", lambda r: r.attempt > 0), 0.6)
        await world.queue.resume()
        assert (await world.finished(run_id)).state is RunState.SUCCEEDED


async def test_a_draining_worker_finishes_what_it_has_and_takes_nothing_new(world: WorkerWorld) -> None:
    gate = Gate()
    held = await world.submit(text="held")
    async with world.worker("ada", renderer=ScriptedRenderer(gate)):
        await gate.begun.wait()

        async def announced() -> bool:
            return await world.queue.drain_worker("ada")

        await until("ada is known, and told to drain", announced)
        other = await world.submit(text="other")
        gate.open.set()
        assert (await world.finished(held)).worker == "ada"
        assert (await world.record(other)).attempt == 0
        async with world.worker("bob"):
            assert (await world.finished(other)).worker == "bob"


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b""], ids=["no message", "another run"])
async def test_a_payload_that_cannot_be_read_is_a_dead_letter_at_once(world: WorkerWorld, payload: bytes) -> None:
    async with world.worker():
        run_id = await world.submit_as(lambda job: replace(job, payload=payload))
        run = await world.finished(run_id)
    assert (run.state, run.attempt) == (RunState.FAILED, 1)
    assert run.failure is not None
    assert run.failure.code == "PAYLOAD_UNREADABLE"


@asynccontextmanager
async def lost_job(world: WorkerWorld, run_id: str, lease_ms: int = 300) -> AsyncIterator[Delivery]:
    """A run in the hands of a worker that does nothing more, until its lease lapses at the end of the context."""
    async with RedisConnection(world.settings.redis_url) as redis:
        rules = replace(world.queue.rules, lease_ms=lease_ms)
        dead = RedisJobSource(redis, world.settings.queue_name, consumer="dead", rules=rules)
        (delivery,) = (await dead.take(1)).deliveries
        assert delivery.lease.run_id == run_id
        yield delivery


async def published(world: WorkerWorld, delivery: Delivery) -> bytes:
    """What a worker does before it settles."""
    job = await decode_job(read_payload(delivery.payload), world.core.store)
    await generate(job, bundles=world.core.bundles, store=world.core.store, timeout_ms=60_000)
    return await world.manifest(job.run_id)


async def must_not_render(task: RenderTask, n: int) -> Rendering:
    raise AssertionError("this job needs no rendering")


async def test_what_a_lost_attempt_published_is_done_without_rendering(world: WorkerWorld) -> None:
    """A worker died between the manifest and the settlement: the run is finished, and its successor only says so."""
    run_id = await world.submit()
    async with lost_job(world, run_id) as delivery:
        manifest = await published(world, delivery)
    async with world.worker(renderer=ScriptedRenderer(must_not_render)):
        run = await world.finished(run_id)
    assert (run.state, run.attempt, run.manifest_digest) == (RunState.SUCCEEDED, 2, content_digest(manifest))
    assert {d.name: (d.pages, d.size) for d in run.documents} == documents_of(manifest)
    assert await world.manifest(run_id) == manifest


@pytest.mark.parametrize("finished_first", [True, False])
async def test_a_cancelled_run_of_a_lost_worker_is_what_it_was_then(world: WorkerWorld, finished_first: bool) -> None:
    run_id = await world.submit()
    async with lost_job(world, run_id) as delivery:
        if finished_first:
            await published(world, delivery)
        await world.core.executor.cancel(run_id, "typo")
    async with world.worker(renderer=ScriptedRenderer(must_not_render)):
        run = await world.finished(run_id)
    assert run.state is (RunState.SUCCEEDED if finished_first else RunState.CANCELLED)


async def test_a_job_that_took_a_worker_with_each_attempt_is_buried_without_rendering(world: WorkerWorld) -> None:
    run_id = await world.submit(policy=ExecutionPolicy(max_attempts=1))
    async with lost_job(world, run_id):
        pass
    async with world.worker(renderer=ScriptedRenderer(must_not_render)):
        run = await world.finished(run_id)
    assert run.state is RunState.FAILED
    assert run.failure is not None
    assert (run.failure.code, run.failure.retryable) == ("WORKER_LOST", False)
    (letter,) = (await world.queue.letters()).letters
    assert [(a.worker, a.failure.code) for a in letter.attempts if a.number == 1] == [("dead", "WORKER_LOST")]


async def test_another_edition_of_the_same_spec_is_an_alarm_and_a_dead_letter(
    world: WorkerWorld,
) -> None:
    """The promise is broken: same engine, other bytes. The edition that stands is untouched."""
    both = Gate(), Gate()
    run_id = await world.submit()

    def edition(text: bytes, gate: Gate) -> ScriptedRenderer:
        async def script(task: RenderTask, n: int) -> Rendering:
            await gate(task, n)
            return Rendering(text, pages=1)

        return ScriptedRenderer(script)

    async with lost_job(world, run_id) as delivery:
        job = await decode_job(read_payload(delivery.payload), world.core.store)
        async with world.worker(renderer=edition(b"two", both[1])):
            await both[1].begun.wait()
            bundles = replace(world.core.bundles, renderer=edition(b"one", both[0]))
            both[0].open.set()
            await generate(job, bundles=bundles, store=world.core.store, timeout_ms=60_000)
            standing = await world.manifest(run_id)
            with capture_logs() as logged:
                both[1].open.set()
                run = await world.finished(run_id)
    assert run.state is RunState.FAILED
    assert run.failure is not None
    assert run.failure.code == "DETERMINISM_VIOLATION"
    assert await world.manifest(run_id) == standing
    assert [line["log_level"] for line in logged if line["event"] == "determinism_violated"] == ["error"]
