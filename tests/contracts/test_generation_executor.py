"""What every GenerationExecutor promises, shown on the in-process one and on the one with a queue: with a real store, a real
ledger, a real Redis and a real worker. What one of them promises alone is in test_inline_executor, test_queue_executor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import BundleRun, DocumentState, ExecutionPolicy, RunState
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import (
    BundleRunExists,
    LimitExceeded,
    NotFound,
    NotPossibleNow,
    RenderFailed,
    RenderInterrupted,
)
from docugen_core.ports import GenerationExecutor
from docugen_core.rendering.task import Rendering, RenderTask
from executor_houses import Gate, House, InlineHouse, QueueHouse, finished
from fakes import plain
from redis_servers import queue_name


@pytest.fixture(params=["inline", "queue"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "inline":
        return InlineHouse(tmp_path)
    return QueueHouse(tmp_path, request.getfixturevalue("queue_url"), queue_name(request.node.nodeid))


async def test_an_accepted_run_ends_with_a_manifest_that_names_every_artefact(house: House) -> None:
    async with house.executor() as executor:
        submission = await executor.submit(house.job(documents=3))
        run = await finished(executor, submission.run.run_id)
    assert run.state is RunState.SUCCEEDED
    manifest = Manifest.from_bytes(await house.store.read_manifest(run.run_id) or b"")
    assert [a.name for a in manifest.artefacts] == ["note0.txt", "note1.txt", "note2.txt"]
    assert run.manifest_digest == manifest.digest
    for artefact in manifest.artefacts:
        assert len(await house.store.read_blob(artefact.sha256)) == artefact.size


async def test_the_same_request_is_the_same_run_and_renders_once(house: House) -> None:
    async with house.executor() as executor:
        first = await executor.submit(house.job())
        await finished(executor, first.run.run_id)
        second = await executor.submit(house.job())
    assert not first.deduplicated
    assert second.deduplicated
    assert second.run.state is RunState.SUCCEEDED
    assert house.renderer.calls == {"note0.txt": 1}


async def test_a_hundred_submits_at_once_are_one_run(house: House) -> None:
    async with house.executor() as executor:
        answers = await asyncio.gather(*(executor.submit(house.job()) for _ in range(100)))
        await finished(executor, answers[0].run.run_id)
    assert sorted(a.deduplicated for a in answers) == [False] + [True] * 99
    assert len({a.run.run_id for a in answers}) == 1
    assert house.renderer.calls == {"note0.txt": 1}


async def test_a_submit_cancelled_at_any_moment_never_leaves_a_run_that_nobody_leads(house: House) -> None:
    # A caller's deadline used to strike between the ledger's insert and the start of the run: the run was recorded, every
    # further submit was answered with it, and it stayed QUEUED until the next restart.
    async with house.executor() as executor:
        for n in range(60):
            job = house.job(str(n))
            submitting = asyncio.create_task(executor.submit(job))
            for _ in range(n % 12):
                await asyncio.sleep(0.0002)
            submitting.cancel()
            await asyncio.wait([submitting])
            again = await executor.submit(job)
            assert (await finished(executor, again.run.run_id)).state is RunState.SUCCEEDED


async def test_an_id_that_names_another_spec_is_refused_and_the_first_run_is_untouched(house: House) -> None:
    async with house.executor() as executor:
        await executor.submit(house.job("one", run_id="mine"))
        done = await finished(executor, "mine")
        with pytest.raises(BundleRunExists) as refused:
            await executor.submit(house.job("two", run_id="mine"))
        assert await executor.get("mine") == done
    assert refused.value.details["existing_spec_digest"] == done.spec_digest


async def watched_to_its_end(house: House, executor: GenerationExecutor, run_id: str) -> list[BundleRun]:
    """What a watcher sees of a run whose script holds retries: a retry begins once the watcher knows of it."""
    seen = []
    async for run in executor.watch(run_id):
        seen.append(run)
        if run.state is RunState.RETRYING:
            await house.let_retries_go()
    return seen


@pytest.mark.slow
async def test_trouble_that_may_pass_is_shown_and_retried(house: House) -> None:
    async def dies_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            await house.hold_retries()
            raise RenderInterrupted("the render process died")
        return await plain(task, n)

    house.renderer.script = dies_once
    async with house.executor() as executor:
        submission = await executor.submit(house.job())
        seen = await watched_to_its_end(house, executor, submission.run.run_id)
    retrying = [run for run in seen if run.state is RunState.RETRYING]
    assert [run.failure and run.failure.code for run in retrying] == ["RENDER_PROCESS_DIED"]
    assert retrying[0].next_attempt_time_ms > retrying[0].start_time_ms
    assert (seen[-1].state, seen[-1].attempt, seen[-1].failure) == (RunState.SUCCEEDED, 2, None)


@pytest.mark.slow
async def test_trouble_that_stays_costs_exactly_max_attempts(house: House) -> None:
    async def dies(task: RenderTask, n: int) -> Rendering:
        raise RenderInterrupted("the render process died", hint="look at the template")

    house.renderer.script = dies
    async with house.executor(max_attempts=3) as executor:
        submission = await executor.submit(house.job())
        run = await finished(executor, submission.run.run_id)
    assert (run.state, run.attempt, house.renderer.calls) == (RunState.FAILED, 3, {"note0.txt": 3})
    assert run.failure is not None
    assert run.failure.code == "RENDER_PROCESS_DIED"
    assert run.failure.hint == "look at the template"


@pytest.mark.slow
async def test_an_attempt_beyond_its_deadline_is_ended_and_retried(house: House) -> None:
    async def hangs_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            await house.hold_retries()
            await asyncio.Event().wait()
        return await plain(task, n)

    house.renderer.script = hangs_once
    # The second attempt has no more time than the first, for all its fsyncs and the pauses of the machine.
    async with house.executor(attempt_timeout_ms=6_000) as executor:
        submission = await executor.submit(house.job())
        seen = await watched_to_its_end(house, executor, submission.run.run_id)
    codes = {run.failure.code for run in seen if run.failure}
    assert codes == {"ATTEMPT_TIMEOUT"}
    assert (seen[-1].state, seen[-1].attempt) == (RunState.SUCCEEDED, 2)


async def test_a_run_does_not_start_before_the_time_it_was_given(house: House) -> None:
    start = house.soon_ms()
    job = replace(house.job(), policy=ExecutionPolicy(not_before_ms=start))
    async with house.executor() as executor:
        run = await finished(executor, (await executor.submit(job)).run.run_id)
    assert run.start_time_ms >= start


async def test_a_template_failure_is_not_retried(house: House) -> None:
    async def fails(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("no such field", document=task.document)

    house.renderer.script = fails
    async with house.executor() as executor:
        submission = await executor.submit(house.job(documents=2))
        run = await finished(executor, submission.run.run_id)
    assert (run.state, run.attempt) == (RunState.FAILED, 1)
    assert run.failure is not None
    assert run.failure.document == "note0.txt", "the first failing document by name is the one reported"
    assert await house.store.read_manifest(run.run_id) is None


async def test_an_optional_document_that_fails_is_omitted_and_says_why(house: House) -> None:
    async def fails(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("no such field", document=task.document)

    house.renderer.script = fails
    async with house.executor() as executor:
        submission = await executor.submit(house.job(optional=True))
        run = await finished(executor, submission.run.run_id)
    assert run.state is RunState.SUCCEEDED
    assert run.documents[0].state is DocumentState.OMITTED
    manifest = Manifest.from_bytes(await house.store.read_manifest(run.run_id) or b"")
    assert manifest.artefacts[0].reason == "TEMPLATE_FAILED"


async def test_a_bound_of_this_server_fails_the_run_rather_than_reach_the_manifest(house: House) -> None:
    """Else the same request would be omitted here and rendered there, under one run id and one engine."""

    async def too_long(task: RenderTask, n: int) -> Rendering:
        raise LimitExceeded("5 pages, the limit is 1", document=task.document)

    house.renderer.script = too_long
    async with house.executor() as executor:
        submission = await executor.submit(house.job(optional=True, fallback="note/note"))
        run = await finished(executor, submission.run.run_id)
    assert (run.state, run.attempt) == (RunState.FAILED, 1)
    assert run.failure is not None
    assert run.failure.code == "LIMIT_EXCEEDED"
    assert await house.store.read_manifest(run.run_id) is None


async def test_a_bug_of_ours_fails_the_run_without_telling_internals(house: House) -> None:
    async def bug(task: RenderTask, n: int) -> Rendering:
        raise KeyError("secret-internal-name")

    house.renderer.script = bug
    async with house.executor() as executor:
        submission = await executor.submit(house.job())
        run = await finished(executor, submission.run.run_id)
    assert run.state is RunState.FAILED
    assert run.failure is not None
    assert run.failure.code == "INTERNAL"
    assert "secret" not in run.failure.message


@pytest.mark.slow
@pytest.mark.parametrize("when", ["queued", "running"])
async def test_a_cancelled_run_publishes_nothing_and_frees_its_place(house: House, when: str) -> None:
    gate = Gate()
    house.renderer.script = gate
    async with house.executor(slots=1) as executor:
        running = (await executor.submit(house.job("a"))).run.run_id
        queued = (await executor.submit(house.job("b"))).run.run_id
        await gate.begun.wait()
        victim = {"queued": queued, "running": running}[when]
        assert (await executor.cancel(victim, "wrong month")).state in (RunState.CANCELLING, RunState.CANCELLED)
        cancelled = await finished(executor, victim)
        assert cancelled.state is RunState.CANCELLED
        assert cancelled.failure is not None
        assert cancelled.failure.message == "wrong month"
        assert await executor.cancel(victim, "again") == cancelled
        assert await executor.ready()
        gate.open.set()
        other = {"queued": running, "running": queued}[when]
        assert (await finished(executor, other)).state is RunState.SUCCEEDED
        with pytest.raises(NotPossibleNow):
            await executor.cancel(other, "too late")
    assert await house.store.read_manifest(victim) is None


async def test_a_failed_run_can_be_started_again_and_keeps_its_id_and_seed(house: House) -> None:
    async def fails_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            raise RenderFailed("the disk of the template designer was full")
        return await plain(task, n)

    house.renderer.script = fails_once
    async with house.executor() as executor:
        failed = await finished(executor, (await executor.submit(house.job())).run.run_id)
        assert failed.state is RunState.FAILED
        again = await executor.retry(failed.run_id)
        assert (again.run_id, again.seed) == (failed.run_id, failed.seed)
        assert again.attempt <= 1  # a worker may have begun before the answer is made
        assert (await finished(executor, failed.run_id)).state is RunState.SUCCEEDED
        with pytest.raises(NotPossibleNow):
            await executor.retry(failed.run_id)


async def test_watchers_see_growing_revisions_and_the_end(house: House) -> None:
    gate = Gate()
    house.renderer.script = gate
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job(documents=4))).run.run_id

        async def watch() -> list[BundleRun]:
            return [run async for run in executor.watch(run_id)]

        watchers = [asyncio.create_task(watch()) for _ in range(3)]
        await gate.begun.wait()
        gate.open.set()
        for seen in await asyncio.gather(*watchers):
            assert [r.revision for r in seen] == sorted({r.revision for r in seen})
            assert seen[-1].state is RunState.SUCCEEDED
            assert {d.state for d in seen[-1].documents} == {DocumentState.RENDERED}
        late = [run async for run in executor.watch(run_id)]
    assert [r.state for r in late] == [RunState.SUCCEEDED]


@pytest.mark.slow
async def test_a_drained_run_goes_on_after_the_restart_without_having_spent_an_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    QueueHouse.have_time_to_hand_back(monkeypatch)
    gate = Gate()
    house.renderer.script = gate
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        await gate.begun.wait()
        await executor.drain(0)
    house.renderer.script = plain
    async with house.executor() as executor:
        run = await finished(executor, run_id)
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)


@pytest.mark.slow
async def test_manifests_outlive_lost_records(house: House) -> None:
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        done = await finished(executor, run_id)
    await house.lose_records()
    async with house.executor() as executor:
        found = await executor.get(run_id)
        again = await executor.submit(house.job())
    assert (found.state, found.manifest_digest) == (RunState.SUCCEEDED, done.manifest_digest)
    assert again.deduplicated
    assert house.renderer.calls == {"note0.txt": 1}


async def test_lists_show_the_live_state(house: House) -> None:
    gate = Gate()
    house.renderer.script = gate
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        await gate.begun.wait()
        page = await executor.list(RunQuery())
        assert [(r.run_id, r.state) for r in page.runs] == [(run_id, RunState.RUNNING)]
        gate.open.set()
        await finished(executor, run_id)


@pytest.mark.slow
async def test_an_unknown_run_is_not_found(house: House) -> None:
    async with house.executor() as executor:
        with pytest.raises(NotFound) as missing:
            await executor.get("nobody")
    assert missing.value.reason == "BUNDLE_RUN_NOT_FOUND"
