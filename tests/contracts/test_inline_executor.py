"""What the in-process executor promises beyond test_generation_executor: its bounds, its ledger, its delays."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import ExecutionPolicy, RunState
from docugen_core.errors import NotFound, Overloaded, RenderInterrupted
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_core.submission import new_run
from executor_houses import Gate, InlineHouse, finished
from fakes import plain
from structlog.testing import capture_logs


@pytest.fixture
def house(tmp_path: Path) -> InlineHouse:
    return InlineHouse(tmp_path)


async def test_beyond_slots_and_waiting_room_a_submit_is_refused_and_leaves_nothing(house: InlineHouse) -> None:
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


async def test_a_stop_waits_for_what_renders_and_not_for_what_is_parked_until_later(
    house: InlineHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(duration_ms: int) -> None:
        if duration_ms:
            await asyncio.Event().wait()

    monkeypatch.setattr(house.clock, "sleep_ms", for_ever)
    gate = Gate()
    house.renderer.script = gate
    async with house.executor(slots=2) as executor:
        parked = replace(house.job("parked"), policy=ExecutionPolicy(not_before_ms=house.soon_ms()))
        await executor.submit(parked)
        rendering = (await executor.submit(house.job("rendering"))).run.run_id
        await gate.begun.wait()
        drain = asyncio.create_task(executor.drain(80_000))
        await asyncio.wait([drain], timeout=0.5)
        assert not drain.done()
        gate.open.set()
        async with asyncio.timeout(60):
            await drain
        states = [(await executor.get(run_id)).state for run_id in (parked.run_id, rendering)]
    assert states == [RunState.QUEUED, RunState.SUCCEEDED]


async def test_trouble_that_may_pass_is_retried_after_the_stated_delay(house: InlineHouse) -> None:
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


async def test_a_crash_of_the_process_costs_an_attempt_and_the_run_goes_on(house: InlineHouse) -> None:
    async with SqliteLedger(house.root / "ledger.sqlite3") as ledger:
        job = house.job()
        run = new_run(job, now_ms=1, max_attempts=3)
        await ledger.insert(run, job.bundle.canonical_bytes())
        await ledger.update(run.moved(RunState.RUNNING, attempt=1))
    async with house.executor() as executor:
        done = await finished(executor, job.run_id)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2)
    assert len(house.clock.sleeps_ms) == 1


async def test_a_run_published_just_before_a_crash_is_finished_not_rendered_again(house: InlineHouse) -> None:
    async with house.executor() as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        done = await finished(executor, run_id)
    (house.root / "ledger.sqlite3").unlink()
    async with SqliteLedger(house.root / "ledger.sqlite3") as ledger:
        job = house.job()
        run = new_run(job, now_ms=1, max_attempts=3)
        await ledger.insert(run, job.bundle.canonical_bytes())
        await ledger.update(run.moved(RunState.RUNNING, attempt=1))
    async with house.executor() as executor:
        found = await executor.get(run_id)
    assert (found.state, found.manifest_digest) == (RunState.SUCCEEDED, done.manifest_digest)
    assert house.renderer.calls == {"note0.txt": 1}


@pytest.mark.parametrize("outcome", [RunState.SUCCEEDED, RunState.FAILED])
async def test_a_run_ends_while_the_ledger_cannot_be_written_and_is_recorded_once_it_can(
    house: InlineHouse, outcome: RunState
) -> None:
    # A disk that filled up in mid-render ended the run's task without a word: `docugen render` and every watcher waited for
    # ever, and nobody led the run until the next restart.
    gate = Gate()

    async def renders(task: RenderTask, n: int) -> Rendering:
        rendering = await gate(task, n)
        if outcome is RunState.FAILED:
            raise RenderInterrupted("the render process died")
        return rendering

    house.renderer.script = renders
    async with house.executor(max_attempts=3) as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        await gate.begun.wait()
        _in_ledger(house, "ALTER TABLE runs RENAME TO gone")
        gate.open.set()
        assert (await finished(executor, run_id)).state is outcome
        assert (await executor.get(run_id)).state is outcome
        _in_ledger(house, "ALTER TABLE gone RENAME TO runs")
        await executor.drain(20_000)
    async with house.executor() as after_restart:
        recorded = await after_restart.recorded(run_id)
    assert recorded is not None
    assert recorded.state is outcome


def _in_ledger(house: InlineHouse, statement: str) -> None:
    """Change the tables of a ledger that is in use, as a second program on the same file can."""
    with closing(sqlite3.connect(house.root / "ledger.sqlite3", isolation_level=None)) as db:
        db.execute(statement)


async def test_every_attempt_leaves_one_line_in_the_log(house: InlineHouse) -> None:
    async def dies_once(task: RenderTask, n: int) -> Rendering:
        if n == 1:
            raise RenderInterrupted("the render process died")
        return await plain(task, n)

    house.renderer.script = dies_once
    with capture_logs() as lines:
        async with house.executor() as executor:
            run = await finished(executor, (await executor.submit(house.job())).run.run_id)
    settled = [line for line in lines if line["event"] == "job_settled"]
    assert [(line["run_id"], line["attempt"], line["outcome"], line["code"]) for line in settled] == [
        (run.run_id, 1, "retried", "RENDER_PROCESS_DIED"),
        (run.run_id, 2, "succeeded", ""),
    ]
    assert settled[1]["manifest"] == run.manifest_digest
    assert settled[1]["bytes"] == run.documents[0].size
