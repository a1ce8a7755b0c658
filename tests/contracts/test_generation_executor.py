"""What every GenerationExecutor promises, shown on the in-process one with a real store and a real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.local_store import LocalStore
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.domain.json import JsonObject
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import BundleRun, DocumentState, ExecutionPolicy, RunState
from docugen_core.domain.run_query import RunQuery
from docugen_core.errors import (
    BundleRunExists,
    NotFound,
    NotPossibleNow,
    Overloaded,
    RenderFailed,
    RenderInterrupted,
)
from docugen_core.generation import BundleRenderer
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.ports import GenerationJob
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import Rendering, RenderLimits, RenderTask
from docugen_core.submission import Intake, SubmitRequest, prepare_generation_job, wait_for_run
from docugen_core.validation import BundleLimits
from fakes import ScriptedRenderer, SteppedClock, plain

PACK = """
schema = "docugen.pack/v1"
[pack]
name = "note"
version = "1.0.0"
description = "A line of text."
default_language = "en"
[[templates]]
name = "note"
title = "Note"
description = "A line of text."
schema = "note.schema.json"
sample = "note.sample.json"
[templates.formats]
txt = "note.txt"
"""


@dataclass
class House:
    """One data folder, and executors that live in it one after the other."""

    root: Path
    renderer: ScriptedRenderer = field(default_factory=ScriptedRenderer)
    clock: SteppedClock = field(default_factory=SteppedClock)

    def __post_init__(self) -> None:
        pack = self.root / "packs" / "note"
        (pack / "labels").mkdir(parents=True)
        (pack / "pack.toml").write_text(PACK)
        (pack / "note.txt").write_text("{{ data.text }}\n")
        (pack / "note.schema.json").write_text('{"type": "object"}')
        (pack / "note.sample.json").write_text('{"text": "hello"}')
        (pack / "labels" / "en.toml").write_text('greeting = "hello"\n')
        self.intake = Intake(TemplateCatalogue.load([self.root / "packs"]), GeneratorRegistry.load(), BundleLimits())
        self.store = LocalStore(self.root / "store")

    def job(self, text: str = "hello", run_id: str = "", documents: int = 1, **extra: object) -> GenerationJob:
        bundle: JsonObject = {
            "data": {"text": text},
            "documents": [
                {"name": f"note{n}.txt", "format": "txt", "template": "note/note", **extra}  # type: ignore[dict-item]
                for n in range(documents)
            ],
        }
        return prepare_generation_job(SubmitRequest(bundle, run_id), self.intake)

    @asynccontextmanager
    async def executor(
        self, slots: int = 2, waiting_max: int = 200, max_attempts: int = 3, attempt_timeout_ms: int = 20_000
    ) -> AsyncIterator[InlineExecutor]:
        async with (
            SqliteLedger(self.root / "ledger.sqlite3") as ledger,
            InlineExecutor(
                bundles=BundleRenderer(self.intake.catalogue, self.intake.generators, self.renderer, RenderLimits()),
                store=self.store,
                ledger=ledger,
                clock=self.clock,
                policy=RetryPolicy(max_attempts=max_attempts),
                attempt_timeout_ms=attempt_timeout_ms,
                slots=slots,
                waiting_max=waiting_max,
            ) as executor,
        ):
            yield executor


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def finished(executor: InlineExecutor, run_id: str) -> BundleRun:
    run = await wait_for_run(executor, run_id, 20_000)
    assert run.state.is_terminal, f"still {run.state} after 20 s"
    return run


class Gate:
    """A render that begins, says so, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, task: RenderTask, n: int) -> Rendering:
        self.begun.set()
        await self.open.wait()
        return await plain(task, n)


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


async def test_beyond_slots_and_waiting_room_a_submit_is_refused_and_leaves_nothing(house: House) -> None:
    gate = Gate()
    house.renderer.script = gate
    async with house.executor(slots=1, waiting_max=1) as executor:
        accepted = [(await executor.submit(house.job(text))).run.run_id for text in ("a", "b")]
        refused = house.job("c")
        with pytest.raises(Overloaded) as busy:
            await executor.submit(refused)
        with pytest.raises(NotFound):
            await executor.get(refused.run_id)
        assert not await executor.ready()
        gate.open.set()
        for run_id in accepted:
            await finished(executor, run_id)
        assert await executor.ready()
        await finished(executor, (await executor.submit(refused)).run.run_id)
    assert busy.value.retry_after_ms > 0


async def test_trouble_that_may_pass_is_retried_after_the_stated_delay(house: House) -> None:
    async def dies_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            raise RenderInterrupted("the render process died")
        return await plain(task, n)

    house.renderer.script = dies_once
    async with house.executor() as executor:
        submission = await executor.submit(house.job())
        states = [run.state async for run in executor.watch(submission.run.run_id)]
        run = await executor.get(submission.run.run_id)
    assert run.state is RunState.SUCCEEDED
    assert run.attempt == 2
    assert run.failure is None
    assert states[-1] is RunState.SUCCEEDED
    assert house.clock.sleeps_ms == [RetryPolicy().delay_ms(run.run_id, 1)]
    assert 4_000 <= house.clock.sleeps_ms[0] <= 6_000


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


async def test_an_attempt_beyond_its_deadline_is_ended_and_retried(house: House) -> None:
    async def hangs_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            await asyncio.Event().wait()
        return await plain(task, n)

    house.renderer.script = hangs_once
    async with house.executor(attempt_timeout_ms=200) as executor:
        submission = await executor.submit(house.job())
        seen = [run async for run in executor.watch(submission.run.run_id)]
    codes = {run.failure.code for run in seen if run.failure}
    assert codes == {"ATTEMPT_TIMEOUT"}
    assert (seen[-1].state, seen[-1].attempt) == (RunState.SUCCEEDED, 2)


async def test_a_run_does_not_start_before_the_time_it_was_given(house: House) -> None:
    start = house.clock.now_ms() + 90_000
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


@pytest.mark.parametrize("when", ["queued", "running"])
async def test_a_cancelled_run_publishes_nothing_and_frees_its_place(house: House, when: str) -> None:
    gate = Gate()
    house.renderer.script = gate
    async with house.executor(slots=1, waiting_max=1) as executor:
        running = (await executor.submit(house.job("a"))).run.run_id
        queued = (await executor.submit(house.job("b"))).run.run_id
        await gate.begun.wait()
        victim = {"queued": queued, "running": running}[when]
        cancelled = await executor.cancel(victim, "wrong month")
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
        assert (again.run_id, again.seed, again.attempt) == (failed.run_id, failed.seed, 0)
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


async def test_a_drained_run_goes_on_after_the_restart_without_having_spent_an_attempt(house: House) -> None:
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


async def test_a_crash_of_the_process_costs_an_attempt_and_the_run_goes_on(house: House) -> None:
    async with SqliteLedger(house.root / "ledger.sqlite3") as ledger:
        job = house.job()
        from docugen_core.submission import new_run

        run = new_run(job, now_ms=1, max_attempts=3)
        await ledger.insert(run, job.bundle.canonical_bytes())
        await ledger.update(run.moved(RunState.RUNNING, attempt=1))
    async with house.executor() as executor:
        done = await finished(executor, job.run_id)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2)
    assert len(house.clock.sleeps_ms) == 1


async def test_a_run_published_just_before_a_crash_is_finished_not_rendered_again(house: House) -> None:
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        done = await finished(executor, run_id)
    (house.root / "ledger.sqlite3").unlink()
    async with SqliteLedger(house.root / "ledger.sqlite3") as ledger:
        from docugen_core.submission import new_run

        job = house.job()
        run = new_run(job, now_ms=1, max_attempts=3)
        await ledger.insert(run, job.bundle.canonical_bytes())
        await ledger.update(run.moved(RunState.RUNNING, attempt=1))
    async with house.executor() as executor:
        found = await executor.get(run_id)
    assert (found.state, found.manifest_digest) == (RunState.SUCCEEDED, done.manifest_digest)
    assert house.renderer.calls == {"note0.txt": 1}


async def test_manifests_outlive_a_lost_ledger(house: House) -> None:
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        done = await finished(executor, run_id)
    for file in house.root.glob("ledger.sqlite3*"):
        file.unlink()
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


async def test_an_unknown_run_is_not_found(house: House) -> None:
    async with house.executor() as executor:
        with pytest.raises(NotFound) as missing:
            await executor.get("nobody")
    assert missing.value.reason == "BUNDLE_RUN_NOT_FOUND"
