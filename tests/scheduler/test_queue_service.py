"""QueueService over the wire: numbers, pause, workers, and dead letters listed, looked at, put back, dropped."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_pb2, bundle_run_pb2
from docugen.v1 import bundle_run_service_pb2 as runs
from docugen.v1 import queue_service_pb2 as messages
from docugen_core.domain.bundle import ResolvedBundle
from docugen_core.errors import RenderFailed, RenderInterrupted
from docugen_core.rendering.task import Rendering, RenderTask
from fakes import ScriptedRenderer, plain
from google.protobuf.duration_pb2 import Duration
from queue_scheduler import QueueScheduler, queue_scheduler
from redis_servers import queue_name
from scheduler_server import Gate, create, note, reason, wrong_fields
from worker_world import until

State = bundle_run_pb2.BundleRun


@pytest.fixture
async def queued(tmp_path: Path, queue_url: str, request: pytest.FixtureRequest) -> AsyncIterator[QueueScheduler]:
    name = queue_name(request.node.nodeid)
    async with queue_scheduler(tmp_path, queue_url, name, queue_redrives_max=1, queue_max_attempts=2) as scheduler:
        yield scheduler


async def stats(scheduler: QueueScheduler) -> messages.QueueStats:
    return (await scheduler.queue.GetQueueStats(messages.GetQueueStatsRequest())).stats


async def letters(scheduler: QueueScheduler, filter_text: str = "") -> list[messages.DeadLetter]:
    """All that match, fetched in small pages."""
    found: list[messages.DeadLetter] = []
    token = ""
    while True:
        request = messages.ListDeadLettersRequest(filter=filter_text, page_size=2, page_token=token)
        page = await scheduler.queue.ListDeadLetters(request)
        assert len(page.dead_letters) <= 2
        found += page.dead_letters
        token = page.next_page_token
        if not token:
            return found


async def refused_at(call: Awaitable[object]) -> list[str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return wrong_fields(refused.value)


async def fail(task: RenderTask, n: int) -> Rendering:
    raise RenderFailed("unknown variable: balnce", document=task.document, hint="Did you mean balance?")


async def die(task: RenderTask, n: int) -> Rendering:
    raise RenderInterrupted("the render process died")


async def buried(scheduler: QueueScheduler, renderer: ScriptedRenderer) -> dict[str, str]:
    """Five failed runs, id by text: three of team billing that fail, two of team claims whose renders die."""
    ids: dict[str, str] = {}
    async with scheduler.worker(renderer):
        for text, team, script in (
            ("a", "billing", fail),
            ("b", "billing", fail),
            ("c", "claims", die),
            ("d", "claims", die),
            ("e", "billing", fail),
        ):
            renderer.script = script
            policy = bundle_pb2.ExecutionPolicy(labels={"team": team})
            run = (await scheduler.runs.CreateBundleRun(create(note(text), execution_policy=policy))).bundle_run
            done = await scheduler.finished(run.bundle_run_id)
            assert done.state == State.STATE_FAILED
            ids[text] = run.bundle_run_id
    renderer.script = plain
    return ids


async def test_numbers_follow_the_queue(queued: QueueScheduler, renderer: ScriptedRenderer) -> None:
    renderer.script = gate = Gate()
    for n in range(5):
        await queued.runs.CreateBundleRun(create(note(str(n))))
    waiting = await stats(queued)
    assert (waiting.depth, waiting.in_flight, waiting.workers, waiting.paused) == (5, 0, 0, False)
    async with queued.worker(renderer):

        async def busy() -> bool:
            now = await stats(queued)
            return (now.depth, now.in_flight, now.workers, now.slots) == (3, 2, 1, 2)

        await gate.begun.wait()
        await until("two are in flight", busy)
        gate.open.set()

        async def empty() -> bool:
            now = await stats(queued)
            return now.depth == now.in_flight == 0

        await until("nothing is left", empty)


async def test_numbers_are_sent_again_and_again(queued: QueueScheduler) -> None:
    request = messages.WatchQueueStatsRequest(interval=Duration(nanos=200_000_000))
    watch = queued.queue.WatchQueueStats(request)
    answers = aiter(watch)
    seen = [(await anext(answers)).stats]
    await queued.runs.CreateBundleRun(create())
    while not seen[-1].depth:  # some were made before the run was there
        seen.append((await anext(answers)).stats)
    assert [stats.depth for stats in seen] == [0] * (len(seen) - 1) + [1]
    times = [stats.observe_time.ToMilliseconds() for stats in seen]
    assert times == sorted(set(times))
    watch.cancel()
    hasty = queued.queue.WatchQueueStats(messages.WatchQueueStatsRequest(interval=Duration(nanos=1_000_000)))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await hasty.read()
    assert wrong_fields(refused.value) == ["interval"]


async def test_a_paused_queue_accepts_and_hands_out_nothing_until_it_is_resumed(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    await queued.queue.PauseQueue(messages.PauseQueueRequest(reason="the printer moves"))
    await queued.queue.PauseQueue(messages.PauseQueueRequest())
    run = (await queued.runs.CreateBundleRun(create())).bundle_run
    async with queued.worker(renderer):
        wait = runs.WaitBundleRunRequest(name=run.name, timeout=Duration(nanos=300_000_000))
        assert (await queued.runs.WaitBundleRun(wait)).bundle_run.state == State.STATE_QUEUED
        assert (await stats(queued)).paused
        await queued.queue.ResumeQueue(messages.ResumeQueueRequest())
        assert (await queued.finished(run.bundle_run_id)).state == State.STATE_SUCCEEDED
    assert not (await stats(queued)).paused
    assert await refused_at(queued.queue.PauseQueue(messages.PauseQueueRequest(reason="x" * 257))) == ["reason"]


async def test_workers_are_listed_by_name_and_one_can_be_drained(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    async with queued.worker(renderer, "berta"), queued.worker(renderer, "ada"):

        async def both() -> bool:
            found = (await queued.queue.ListWorkers(messages.ListWorkersRequest())).workers
            return [worker.name for worker in found] == ["workers/ada", "workers/berta"]

        await until("both are listed", both)
        page = await queued.queue.ListWorkers(messages.ListWorkersRequest(page_size=1))
        assert [worker.slots for worker in page.workers] == [2]
        rest = await queued.queue.ListWorkers(messages.ListWorkersRequest(page_size=1, page_token=page.next_page_token))
        assert ([worker.name for worker in rest.workers], rest.next_page_token) == (["workers/berta"], "")
        drained = (await queued.queue.DrainWorker(messages.DrainWorkerRequest(name="workers/ada"))).worker
        assert drained.draining
        run = (await queued.runs.CreateBundleRun(create())).bundle_run
        assert (await queued.finished(run.bundle_run_id)).worker == "berta"
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await queued.queue.DrainWorker(messages.DrainWorkerRequest(name="workers/nobody"))
    assert (missing.value.code(), reason(missing.value)) == (grpc.StatusCode.NOT_FOUND, "WORKER_NOT_FOUND")
    assert await refused_at(queued.queue.DrainWorker(messages.DrainWorkerRequest(name="ada"))) == ["name"]


@pytest.mark.slow
async def test_dead_letters_are_listed_oldest_first_by_filter_and_without_data(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    ids = await buried(queued, renderer)
    found = await letters(queued)
    assert [letter.bundle_run for letter in found] == [f"bundleRuns/{run_id}" for run_id in ids.values()]
    assert all(letter.spec_json == b"" for letter in found)
    for filter_text, texts in (
        ("labels.team = claims", "cd"),
        ("reason = TEMPLATE_FAILED", "abe"),
        ("reason != TEMPLATE_FAILED AND template = note", "cd"),
        ('template = "note/note" AND labels.team = billing', "abe"),
        ("template = invoice", ""),
        ('create_time > "2090-01-01T00:00:00Z"', ""),
    ):
        found = await letters(queued, filter_text)
        assert [letter.bundle_run for letter in found] == [f"bundleRuns/{ids[text]}" for text in texts], filter_text
    assert await refused_at(queued.queue.ListDeadLetters(messages.ListDeadLettersRequest(filter="state = FAILED"))) == [
        "filter"
    ]
    wrong_token = messages.ListDeadLettersRequest(page_token="bm9wZQ")  # noqa: S106 - not that kind of token
    assert await refused_at(queued.queue.ListDeadLetters(wrong_token)) == ["page_token"]


@pytest.mark.slow
async def test_a_dead_letter_holds_all_it_takes_to_run_it_again(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    ids = await buried(queued, renderer)
    for text, attempts in (("a", 1), ("c", 2)):
        name = next(le.name for le in await letters(queued) if le.bundle_run.endswith(ids[text]))
        letter = (await queued.queue.GetDeadLetter(messages.GetDeadLetterRequest(name=name))).dead_letter
        bundle = ResolvedBundle.from_json(json.loads(letter.spec_json))
        assert bundle.data == {"text": text}
        assert [attempt.number for attempt in letter.attempts] == list(range(1, attempts + 1))
        assert {attempt.worker for attempt in letter.attempts} == {"ada"}
        assert letter.engine_fingerprint == renderer.engine.fingerprint
        assert letter.error.reason == letter.attempts[-1].error.reason
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await queued.queue.GetDeadLetter(messages.GetDeadLetterRequest(name="deadLetters/1-1"))
    assert (missing.value.code(), reason(missing.value)) == (grpc.StatusCode.NOT_FOUND, "DEAD_LETTER_NOT_FOUND")
    assert await refused_at(queued.queue.GetDeadLetter(messages.GetDeadLetterRequest(name="deadLetters/x"))) == ["name"]


@pytest.mark.slow
async def test_a_spec_in_the_store_is_shown_with_its_dead_letter(
    tmp_path: Path, queue_url: str, renderer: ScriptedRenderer
) -> None:
    name = queue_name("claim check")
    async with queue_scheduler(tmp_path, queue_url, name, queue_inline_bytes=0, queue_max_attempts=2) as scheduler:
        await buried(scheduler, renderer)
        first = (await letters(scheduler))[0]
        letter = (await scheduler.queue.GetDeadLetter(messages.GetDeadLetterRequest(name=first.name))).dead_letter
        assert b'"text":"a"' in letter.spec_json


@pytest.mark.slow
async def test_redriving_says_what_it_would_do_then_does_it_and_counts(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    ids = await buried(queued, renderer)
    would = await queued.queue.RedriveDeadLetters(
        messages.RedriveDeadLettersRequest(filter="labels.team = billing", limit=2, dry_run=True)
    )
    assert (would.redriven, would.refused) == (2, 0)
    assert list(would.bundle_runs) == [f"bundleRuns/{ids[text]}" for text in "ab"]
    assert len(await letters(queued)) == 5
    done = await queued.queue.RedriveDeadLetters(
        messages.RedriveDeadLettersRequest(filter="labels.team = billing", limit=2, rate=100)
    )
    assert (done.redriven, list(done.bundle_runs)) == (2, list(would.bundle_runs))
    async with queued.worker(renderer, "berta"):
        for text in "ab":
            run = await queued.finished(ids[text])
            assert (run.state, run.attempt, run.bundle_run_id) == (State.STATE_SUCCEEDED, 1, ids[text])
    assert [letter.bundle_run[11:] for letter in await letters(queued)] == [ids[text] for text in "cde"]


@pytest.mark.slow
async def test_a_poison_is_put_back_so_often_and_then_only_by_force(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    ids = await buried(queued, renderer)
    everything = messages.RedriveDeadLettersRequest()
    assert (await queued.queue.RedriveDeadLetters(everything)).redriven == 5
    renderer.script = fail
    async with queued.worker(renderer, "berta"):
        for run_id in ids.values():
            assert (await queued.finished(run_id)).state == State.STATE_FAILED
    assert [letter.redrive_count for letter in await letters(queued)] == [1] * 5
    for dry_run in (True, False):
        again = await queued.queue.RedriveDeadLetters(messages.RedriveDeadLettersRequest(dry_run=dry_run))
        assert (again.redriven, again.refused) == (0, 5)
    forced = await queued.queue.RedriveDeadLetters(messages.RedriveDeadLettersRequest(force=True, limit=1))
    assert (forced.redriven, forced.refused) == (1, 0)
    negative = messages.RedriveDeadLettersRequest(limit=-1, rate=-1)
    assert await refused_at(queued.queue.RedriveDeadLetters(negative)) == ["limit", "rate"]


@pytest.mark.slow
async def test_dropped_letters_are_gone_and_all_of_them_only_when_that_is_written_out(
    queued: QueueScheduler, renderer: ScriptedRenderer
) -> None:
    ids = await buried(queued, renderer)
    assert await refused_at(queued.queue.DropDeadLetters(messages.DropDeadLettersRequest())) == ["filter"]
    claims = messages.DropDeadLettersRequest(filter="labels.team = claims", dry_run=True)
    assert (await queued.queue.DropDeadLetters(claims)).dropped == 2
    assert len(await letters(queued)) == 5
    claims.dry_run = False
    dropped = await queued.queue.DropDeadLetters(claims)
    assert (dropped.dropped, list(dropped.bundle_runs)) == (2, [f"bundleRuns/{ids[text]}" for text in "cd"])
    assert (await queued.queue.DropDeadLetters(messages.DropDeadLettersRequest(filter="*"))).dropped == 3
    assert await letters(queued) == []
    assert (await queued.finished(ids["a"])).state == State.STATE_FAILED, "the record stays"
    assert (await stats(queued)).dead_letters == 0
