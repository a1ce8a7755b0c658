"""Jobs that this worker cannot serve and another can: handed back, and no attempt spent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from docugen_core.assembly import assemble_rendering
from docugen_core.domain.job import NewJob
from docugen_core.domain.run import RunState
from docugen_core.errors import RenderInterrupted, Unavailable
from docugen_core.generation import BundleRenderer
from docugen_core.ports import ArtefactStore
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from docugen_core.submission import Intake
from docugen_worker import app, processor
from docugen_worker.app import running_worker
from fakes import ScriptedRenderer
from worker_world import WorkerWorld


async def test_a_payload_of_another_version_is_handed_back_unspent(world: WorkerWorld) -> None:
    def newer(job: NewJob) -> NewJob:
        return replace(job, payload_version=99, payload=b"what nobody can read yet")

    async with world.worker():
        run_id = await world.submit_as(newer)
        record = await world.until(run_id, "is handed back", lambda r: r.next_attempt_time_ms > 0)
    assert (record.state, record.attempt, record.attempts) == (RunState.QUEUED, 0, ())
    assert (await world.queue.stats()).parked == 1


async def test_a_job_whose_pack_is_missing_is_left_to_a_worker_that_has_it(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "UNSERVED_DELAY_MS", 300)
    run_id = await world.submit()
    poor = replace(world.settings, template_path="")
    async with (
        assemble_rendering(poor) as rendering,
        running_worker(poor, consumer="poor", rendering=rendering),
    ):
        await world.until(run_id, "is left to others", lambda r: r.next_attempt_time_ms > 0 and not r.attempt)
        async with world.worker("rich"):
            run = await world.finished(run_id)
    assert (run.state, run.worker, run.attempt) == (RunState.SUCCEEDED, "rich", 1)


async def outdated(task: RenderTask, n: int) -> Rendering:
    raise RenderInterrupted("something on disk is not what it was", code="LIBRARY_CHANGED")


async def test_a_worker_whose_installation_changed_under_it_spends_no_attempt(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "UNSERVED_DELAY_MS", 300)

    run_id = await world.submit()
    async with world.worker("outdated", renderer=ScriptedRenderer(outdated)):
        await world.until(run_id, "is left to others", lambda r: r.next_attempt_time_ms > 0 and not r.attempt)
    async with world.worker("restarted"):
        run = await world.finished(run_id)
    assert (run.state, run.worker, run.attempt) == (RunState.SUCCEEDED, "restarted", 1)


async def test_a_worker_whose_installation_changed_ends_gracefully_to_be_started_again(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = world.core.intake
    bundles = BundleRenderer(intake.catalogue, intake.generators, ScriptedRenderer(outdated), RenderLimits())

    @asynccontextmanager
    async def assembled(*_: object) -> AsyncIterator[tuple[Intake, BundleRenderer, ArtefactStore]]:
        yield intake, bundles, world.core.store

    monkeypatch.setattr(app, "assemble_rendering", assembled)
    run_id = await world.submit()
    with pytest.raises(Unavailable, match="has changed on disk since the service was started") as ended:
        await asyncio.wait_for(app.work(world.settings, lambda _: None), 120)
    assert ended.value.retryable
    record = await world.until(run_id, "is left to others", lambda r: r.next_attempt_time_ms > 0)
    assert (record.state, record.attempt) == (RunState.QUEUED, 0)
