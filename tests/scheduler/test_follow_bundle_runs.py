"""Following a run over the wire while it is under way: watched, waited for, left, cancelled and started again."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen_scheduler import bundle_run_service
from fakes import ScriptedRenderer
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from scheduler_server import Gate, Scheduler, create, detail, note, note_settings, reason, scripted_scheduler

Run = bundle_run_pb2.BundleRun
UNFINISHED = (Run.STATE_QUEUED, Run.STATE_RUNNING)


async def test_return_immediately_then_watch_sees_growing_revisions_to_the_end(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(note(documents=3), return_immediately=True))).bundle_run
    assert run.state in (Run.STATE_QUEUED, Run.STATE_RUNNING)
    seen = []
    async for message in scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name)):
        seen.append(message.bundle_run)
        gate.open.set()
    assert [s.revision for s in seen] == sorted({s.revision for s in seen})
    assert seen[-1].state == Run.STATE_SUCCEEDED
    assert len(seen) >= 2


async def test_watching_a_finished_run_gives_its_state_and_ends(scheduler: Scheduler) -> None:
    run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
    seen = [m.bundle_run async for m in scheduler.runs.WatchBundleRun(messages.WatchBundleRunRequest(name=run.name))]
    assert seen == [run]


@pytest.mark.slow
async def test_create_and_wait_answer_before_the_deadline_of_the_call(
    scheduler: Scheduler, renderer: ScriptedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_run_service, "ANSWER_BEFORE_DEADLINE_MS", 58_000)  # for machines that stop for a while
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(), timeout=60)).bundle_run
    assert run.state in UNFINISHED
    await gate.begun.wait()
    waited = await scheduler.runs.WaitBundleRun(messages.WaitBundleRunRequest(name=run.name), timeout=60)
    assert waited.bundle_run.state == Run.STATE_RUNNING
    at_once = messages.WaitBundleRunRequest(name=run.name, timeout=Duration())
    assert (await scheduler.runs.WaitBundleRun(at_once)).bundle_run.state == Run.STATE_RUNNING
    gate.open.set()
    assert (await scheduler.finished(run.bundle_run_id)).state == Run.STATE_SUCCEEDED


async def test_create_answers_with_a_running_run_after_the_servers_own_bound(tmp_path: Path) -> None:
    gate = Gate()
    async with scripted_scheduler(note_settings(tmp_path, inline_answer_ms=50), ScriptedRenderer(gate)) as scheduler:
        assert (await scheduler.runs.CreateBundleRun(create())).bundle_run.state in UNFINISHED
        await gate.begun.wait()
        run = (await scheduler.runs.CreateBundleRun(create())).bundle_run
        assert run.state == Run.STATE_RUNNING
        gate.open.set()
        assert (await scheduler.finished(run.bundle_run_id)).state == Run.STATE_SUCCEEDED


async def test_a_caller_that_goes_away_does_not_stop_its_run(scheduler: Scheduler, renderer: ScriptedRenderer) -> None:
    gate = renderer.script = Gate()
    call = scheduler.runs.CreateBundleRun(create(bundle_run_id="left-alone"))
    await gate.begun.wait()
    call.cancel()
    gate.open.set()
    assert (await scheduler.finished("left-alone")).state == Run.STATE_SUCCEEDED


async def test_a_cancelled_run_is_cancelled_and_can_be_started_again(
    scheduler: Scheduler, renderer: ScriptedRenderer
) -> None:
    gate = renderer.script = Gate()
    run = (await scheduler.runs.CreateBundleRun(create(return_immediately=True))).bundle_run
    await gate.begun.wait()
    cancelled = await scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=run.name, reason="changed"))
    assert cancelled.bundle_run.state == Run.STATE_CANCELLED
    gate.open.set()
    again = await scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=run.name))
    assert again.bundle_run.state in (Run.STATE_QUEUED, Run.STATE_RUNNING)
    assert (await scheduler.finished(run.bundle_run_id)).state == Run.STATE_SUCCEEDED
    for call, why in (
        (scheduler.runs.CancelBundleRun(messages.CancelBundleRunRequest(name=run.name)), "NOT_CANCELLABLE"),
        (scheduler.runs.RetryBundleRun(messages.RetryBundleRunRequest(name=run.name)), "NOT_RETRYABLE"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert reason(refused.value) == why
        failed = detail(refused.value, error_details_pb2.PreconditionFailure)
        assert failed is not None
        assert (failed.violations[0].type, failed.violations[0].subject) == (why, run.name)
