"""Fault matrix rows 14, 21 to 24 and 26: full disks, mixed releases and engines, poison put back, overload, deployments."""

from __future__ import annotations

import asyncio
import resource
from dataclasses import replace
from pathlib import Path

import pytest
from chaos.processes import Line, Service
from docugen_core.adapters.job_codec import PAYLOAD_VERSION
from docugen_core.domain.dead_letter import Redriven
from docugen_core.domain.identity import content_digest
from docugen_core.domain.job import NewJob
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import ExecutionPolicy, RunState
from docugen_core.errors import Overloaded
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_worker import processor
from fakes import ScriptedRenderer
from redis_servers import queue_name
from worker_world import WorkerWorld, environment, until, worker_world

DEPTH_MAX = 20
OVERLOAD = 10
DEPLOYMENTS = 10
BACKLOG_MAX = 12
FILE_BYTES = 256 << 10


# --- 14: the disk of the artefacts is full ------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_full_disk_parks_a_run_without_half_a_manifest_and_is_done_once_there_is_room(
    world: WorkerWorld,
) -> None:
    """The bound of a file's size stands in for the disk: both are errors of write(2), and this one needs no rights."""
    async with world.process("ada", queue_max_attempts=50) as ada:
        resource.prlimit(ada.process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY))
        run_id = await world.submit(text="large " * 100_000, policy=ExecutionPolicy(max_attempts=50))
        parked = await world.until(run_id, "was parked", lambda r: len(r.attempts) >= 2)
        assert {a.failure.code for a in parked.attempts} == {"STORE_FULL"}
        store = world.folder / "store"
        assert [p for folder in ("claims", "manifests", "artefacts") for p in (store / folder).iterdir()] == []
        assert (await world.finished(await world.submit(text="small"))).state is RunState.SUCCEEDED
        resource.prlimit(ada.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert (await world.finished(run_id)).state is RunState.SUCCEEDED
    assert list((store / "staging").iterdir()) == []
    await _true_manifest(world, run_id)


# --- 21, 22: releases and engines are mixed -----------------------------------------------------------------------------


async def test_jobs_of_a_newer_release_wait_unspent_until_a_newer_worker_is_there(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 21: none of them becomes a dead letter, and jobs of the present release are done meanwhile."""
    monkeypatch.setattr(processor, "UNSERVED_DELAY_MS", 200)

    def newer(job: NewJob) -> NewJob:
        return replace(job, payload_version=PAYLOAD_VERSION + 1)

    ahead = [await world.submit_as(newer, text=f"newer {n}") for n in range(6)]
    present = [await world.submit(text=f"present {n}") for n in range(6)]
    async with world.worker("old"):
        assert {(await world.finished(run_id)).state for run_id in present} == {RunState.SUCCEEDED}
        for run_id in ahead:
            record = await world.until(run_id, "is left to others", lambda r: r.next_attempt_time_ms > 0)
            assert (record.state, record.attempts) == (RunState.QUEUED, ())
    assert (await world.queue.stats()).dead_letters == 0
    monkeypatch.setattr(processor, "PAYLOAD_VERSION", PAYLOAD_VERSION + 1)  # the release that knows it
    async with world.worker("new"):
        runs = [await world.finished(run_id) for run_id in ahead]
    assert {(run.state, run.attempt, run.worker) for run in runs} == {(RunState.SUCCEEDED, 1, "new")}
    assert await world.is_empty()


async def test_workers_with_other_engines_leave_one_manifest_that_is_true_to_its_artefacts(world: WorkerWorld) -> None:
    """Row 22: during an upgrade two engines are at the same run, since the first lost its lease, and both publish. Whoever
    comes first stands, whole; the other is no violation, as its engine is another one."""
    names = [f"run {n}" for n in range(6)]
    both = {name: asyncio.Barrier(2) for name in names}
    no_beat_ms = 600_000  # a beat would renew the lease that is made to lapse before anybody has seen that it did

    def engine(edition: str) -> ScriptedRenderer:
        async def script(task: RenderTask, _: int) -> Rendering:
            text = str(task.data["text"])
            if text in both:
                await both[text].wait()
            return Rendering(f"SPECIMEN {text}, edition {edition}".encode())

        return ScriptedRenderer(script, edition)

    async with (
        world.worker("one", renderer=engine("one"), queue_concurrency=1, queue_lease_ms=no_beat_ms),
        world.worker("two", renderer=engine("two"), queue_concurrency=1, queue_lease_ms=no_beat_ms),
    ):
        run_ids = [await world.submit(text=names[0])]
        for name in [*names[1:], "the last bell"]:
            await world.until(run_ids[-1], "is in hand", lambda r: r.attempt == 1)
            await world.lapse(run_ids[-1])
            await world.until(run_ids[-1], "is in other hands too", lambda r: r.attempt == 2)
            run_ids.append(await world.submit(text=name))
        runs = [await world.finished(run_id) for run_id in run_ids]
    assert [(run.state, run.attempt) for run in runs] == [(RunState.SUCCEEDED, 2)] * len(names) + [
        (RunState.SUCCEEDED, 1)
    ]
    assert (await world.queue.stats()).dead_letters == 0
    for run_id in run_ids:
        manifest = await _true_manifest(world, run_id)
        (edition,) = (value for _, value in manifest.engine.components)
        (artefact,) = (world.folder / "store" / "artefacts" / run_id).iterdir()
        assert artefact.read_text().endswith(f"edition {edition}")


# --- 23, 24: more than can be done --------------------------------------------------------------------------------------


async def test_a_poison_that_is_put_back_returns_counted_until_it_is_refused(tmp_path: Path, redis_url: str) -> None:
    """Row 23."""
    async with worker_world(redis_url, queue_name(str(tmp_path)), tmp_path, queue_redrives_max=2) as world:
        async with world.worker():
            run_id = await world.submit("broken")
            for count in range(3):
                assert (await world.finished(run_id)).state is RunState.FAILED
                (letter,) = (await world.queue.letters()).letters
                assert (letter.run_id, letter.redrive_count, letter.attempt) == (run_id, count, 1)
                (answer,) = await world.queue.redrive([(letter.letter_id, run_id)])
                assert answer is (Redriven.REDRIVEN if count < 2 else Redriven.REFUSED)
        assert (await world.queue.stats()).dead_letters == 1


@pytest.mark.slow
async def test_ten_times_too_many_submits_are_bounded_and_what_was_accepted_is_done(
    tmp_path: Path, redis_url: str
) -> None:
    """Row 24: the queue never holds more than its depth; a refusal says when to come back, and coming back works."""
    name = queue_name(str(tmp_path))
    async with worker_world(redis_url, name, tmp_path, queue_max_depth=DEPTH_MAX, queue_concurrency=4) as world:
        depths: list[int] = []
        refusals: list[Overloaded] = []

        async def watch() -> None:
            while True:
                stats = await world.queue.stats()
                depths.append(stats.depth + stats.in_flight)
                await asyncio.sleep(0.005)

        async def submit(number: int) -> str:
            for _ in range(1_000):
                try:
                    return await world.submit(text=f"job {number}")
                except Overloaded as refusal:
                    refusals.append(refusal)
                    await asyncio.sleep(0.3)
            raise AssertionError(f"job {number} never found room")

        watching = asyncio.create_task(watch())
        async with world.worker():
            run_ids = await asyncio.gather(*(submit(n) for n in range(DEPTH_MAX * OVERLOAD)))
            runs = [await world.finished(run_id) for run_id in run_ids]
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert len(set(run_ids)) == DEPTH_MAX * OVERLOAD
        assert {(run.state, run.attempt) for run in runs} == {(RunState.SUCCEEDED, 1)}
        assert len(refusals) > DEPTH_MAX
        assert {refusal.reason for refusal in refusals} == {"QUEUE_FULL"}
        assert all(refusal.retry_after_ms for refusal in refusals)
        assert max(depths) <= DEPTH_MAX


# --- 26: deployments ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_deployments_under_load_spend_no_attempt(world: WorkerWorld) -> None:
    """Row 26: each worker in turn gets SIGTERM, and another takes its place. The grace is shorter than the longest job, so that
    jobs are handed back as well as finished. One that nobody could hand back within the grace is told of in the log."""
    settings = environment(replace(world.settings, grace_ms=1_600))
    run_ids: list[str] = []
    left = 0

    def hear(_: Service, line: Line) -> None:
        nonlocal left
        left += line["count"] if line.get("event") == "jobs_left_to_their_leases" else 0

    async def has_room() -> bool:
        return (await world.queue.stats()).depth < BACKLOG_MAX

    async def load() -> None:
        while not over.is_set():
            await until("the workers keep up", has_room)
            number = len(run_ids) + 1
            run_ids.append(await world.submit("slow" if number % 8 == 0 else "note", text=f"job {number}"))
            await asyncio.sleep(0.05)

    workers = [Service(f"worker-{n}", "docugen_worker", settings, hear) for n in range(2)]
    over = asyncio.Event()

    try:
        await asyncio.gather(*(worker.start() for worker in workers))
        loading = asyncio.create_task(load())
        for deployment in range(DEPLOYMENTS):
            assert await workers[deployment % 2].end() == 0
            await workers[deployment % 2].start()
        over.set()
        await loading
        runs = [await world.finished(run_id) for run_id in run_ids]
        assert [await worker.end() for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            await worker.gone()
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert len(run_ids) <= sum(run.attempt for run in runs) <= len(run_ids) + left
    assert await world.is_empty()


async def _true_manifest(world: WorkerWorld, run_id: str) -> Manifest:
    """The manifest of a run, after every artefact was hashed anew."""
    raw = await world.manifest(run_id)
    manifest = Manifest.from_bytes(raw)
    folder = world.folder / "store" / "artefacts" / run_id
    assert {a.name: a.sha256 for a in manifest.artefacts} == {
        path.name: content_digest(path.read_bytes()) for path in folder.iterdir()
    }
    assert (await world.record(run_id)).manifest_digest == content_digest(raw)
    return manifest
