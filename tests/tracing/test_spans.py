"""What a run looks like as a trace: the same with and without a queue. Executors, ledger, Redis and worker are real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.adapters.job_codec import read_payload
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.domain.run import RunState
from docugen_core.domain.trace import TraceContext, attempt_span_id
from docugen_core.errors import RenderFailed, RenderInterrupted
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_core.submission import new_run
from docugen_core.tracing import UNTRACED, current_trace, inside
from executor_houses import Gate, House, InlineHouse, QueueHouse, finished
from fakes import plain
from redis_servers import queue_name
from trace_receiver import PARENT, Memory, named

CALLER = TraceContext.parse(PARENT, "vendor=opaque")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture(params=["inline", "queue"])
def house(request: pytest.FixtureRequest, tmp_path: Path, memory: Memory) -> House:
    made: House
    if request.param == "inline":
        made = InlineHouse(tmp_path)
    else:
        made = QueueHouse(tmp_path, request.getfixturevalue("queue_url"), queue_name(request.node.nodeid))
    made.tracer = memory.tracer
    return made


@pytest.fixture
def queue_house(request: pytest.FixtureRequest, queue_url: str, tmp_path: Path) -> QueueHouse:
    return QueueHouse(tmp_path, queue_url, queue_name(request.node.nodeid))


async def fails_once(task: RenderTask, n: int) -> Rendering:
    if n == 1:
        raise RenderInterrupted("killed", code="RENDER_TIMEOUT")
    return await plain(task, n)


async def test_one_trace_holds_the_submit_the_wait_the_attempt_its_documents_and_the_store(
    house: House, memory: Memory
) -> None:
    with inside(CALLER):
        async with house.executor() as executor:
            run = await finished(executor, (await executor.submit(house.job(documents=2))).run.run_id)
    spans = memory.spans
    assert {span.trace_id for span in spans} == {CALLER.trace_id}
    (submit,), (wait,), (attempt,) = (named(spans, name) for name in ("submit", "wait", "attempt"))
    assert submit.parent == CALLER.span_id
    assert (wait.parent, attempt.parent) == (submit.span_id, submit.span_id)
    documents, puts, (publish,) = (named(spans, name) for name in ("document", "store.put", "store.publish"))
    assert [document.parent for document in documents] == [attempt.span_id] * 2
    assert sorted(put.parent for put in puts) == sorted(document.span_id for document in documents)
    assert publish.parent == attempt.span_id
    assert submit.facts == {"docugen.run_id": run.run_id}
    assert attempt.facts["docugen.outcome"] == "succeeded"
    assert attempt.facts["docugen.attempt"] == 1
    assert [document.facts for document in documents] == [
        {
            "docugen.format": "txt",
            "docugen.template": "note/note",
            "docugen.status": "rendered",
            "docugen.pages": 1,
            "docugen.bytes": progress.size,
            "docugen.reused": False,
        }
        for progress in run.documents
    ]
    assert not any(span.failed for span in spans)


async def test_each_attempt_is_a_span_below_the_submit_and_links_to_the_one_before(
    house: House, memory: Memory
) -> None:
    house.renderer.script = fails_once
    async with house.executor() as executor:
        run = await finished(executor, (await executor.submit(house.job())).run.run_id)
    assert run.attempt == 2
    (submit,), (first, second) = named(memory.spans, "submit"), named(memory.spans, "attempt")
    assert submit.parent == ""
    assert (first.parent, second.parent) == (submit.span_id, submit.span_id)
    assert (first.links, second.links) == ((), (first.span_id,))
    assert (first.failed, first.facts["error.type"], first.facts["docugen.outcome"]) == (
        True,
        "RENDER_TIMEOUT",
        "retried",
    )
    assert (second.failed, second.facts["docugen.outcome"]) == (False, "succeeded")
    assert [span.parent for span in named(memory.spans, "document")] == [first.span_id, second.span_id]
    assert len(named(memory.spans, "wait")) == 2


async def test_a_run_that_fails_for_good_or_is_cancelled_says_so_in_its_attempt(house: House, memory: Memory) -> None:
    async def broken(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("broken", document=task.document)

    house.renderer.script = broken
    gate = Gate()
    async with house.executor() as executor:
        await finished(executor, (await executor.submit(house.job("broken"))).run.run_id)
        house.renderer.script = gate
        run_id = (await executor.submit(house.job("cancelled"))).run.run_id
        await gate.begun.wait()
        await executor.cancel(run_id, "no longer wanted")
        await finished(executor, run_id)
    failed, cancelled = named(memory.spans, "attempt")
    assert (failed.facts["docugen.outcome"], failed.facts["error.type"]) == ("failed", "TEMPLATE_FAILED")
    assert (cancelled.facts["docugen.outcome"], cancelled.failed) == ("cancelled", False)


async def test_no_span_says_what_a_caller_wrote(house: House, memory: Memory) -> None:
    async def broken(task: RenderTask, n: int) -> Rendering:
        raise RenderFailed("MARKER in a message", document=task.document, hint="MARKER")

    house.renderer.script = broken
    job = house.job("MARKER")
    job = replace(job, policy=replace(job.policy, labels=(("team", "MARKER"),)))
    named_document = replace(job.bundle.documents[0], name="MARKER.txt")
    job = replace(job, bundle=replace(job.bundle, documents=(named_document,)))
    async with house.executor() as executor:
        run = await finished(executor, (await executor.submit(job)).run.run_id)
    assert run.state is RunState.FAILED
    assert memory.spans
    assert "MARKER" not in repr(memory.spans)


async def test_a_trace_that_is_not_sampled_is_passed_on_and_not_recorded(house: House, memory: Memory) -> None:
    with inside(replace(CALLER, flags=0)):
        async with house.executor() as executor:
            await finished(executor, (await executor.submit(house.job())).run.run_id)
    assert memory.spans == []


async def test_the_trace_is_no_part_of_a_runs_identity(house: House, memory: Memory) -> None:
    async with house.executor() as executor:
        with inside(CALLER):
            first = await executor.submit(house.job())
        run = await finished(executor, first.run.run_id)
        with inside(TraceContext.parse(f"00-{'a' * 32}-{'b' * 16}-01")):
            again = await executor.submit(house.job())
    published = await house.store.read_manifest(run.run_id)
    assert again.deduplicated
    assert [span.facts.get("docugen.deduplicated") for span in named(memory.spans, "submit")] == [None, True]
    assert (again.run.run_id, again.run.spec_digest) == (first.run.run_id, first.run.spec_digest)
    assert published is not None
    assert CALLER.trace_id.encode() not in published + house.job().bundle.canonical_bytes()


async def test_a_scheduler_without_a_tracer_passes_the_callers_context_to_the_worker_whose_lines_name_it(
    queue_house: QueueHouse,
) -> None:
    seen: list[TraceContext] = []

    async def looks(task: RenderTask, n: int) -> Rendering:
        seen.append(current_trace())
        return await plain(task, n)

    queue_house.renderer.script = looks
    assert queue_house.tracer is UNTRACED
    async with (
        RedisConnection(queue_house.settings.redis_url) as connection,
        queue_house.executor(working=False) as executor,
    ):
        with inside(CALLER):
            run_id = (await executor.submit(queue_house.job())).run.run_id
        held = await RedisQueue(connection, queue_house.settings.queue_name).payload(run_id)
        assert held is not None
        message = read_payload(held[1])
        assert TraceContext.parse(message.traceparent, message.tracestate) == CALLER
        async with queue_house.worker():
            await finished(executor, run_id)
    assert seen == [CALLER]


async def test_a_worker_that_is_not_told_a_trace_begins_one(queue_house: QueueHouse, memory: Memory) -> None:
    async with queue_house.executor(working=False) as executor:
        run_id = (await executor.submit(queue_house.job())).run.run_id
        queue_house.tracer = memory.tracer
        async with queue_house.worker():
            await finished(executor, run_id)
    (attempt,) = named(memory.spans, "attempt")
    assert attempt.parent == ""
    assert named(memory.spans, "wait") == []


async def test_an_attempt_that_was_handed_back_is_told_and_the_next_one_links_to_it(
    queue_house: QueueHouse, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_house.have_time_to_hand_back(monkeypatch)
    queue_house.tracer = memory.tracer
    gate = Gate()
    queue_house.renderer.script = gate
    async with queue_house.executor(working=False) as executor:
        run_id = (await executor.submit(queue_house.job())).run.run_id
        async with queue_house.worker():
            await gate.begun.wait()
        gate.open.set()
        async with queue_house.worker():
            run = await finished(executor, run_id)
    assert run.attempt == 1
    first, second = named(memory.spans, "attempt")
    assert [a.facts["docugen.outcome"] for a in (first, second)] == ["handed_back", "succeeded"]
    assert second.links == (first.span_id,)


async def test_an_attempt_whose_process_ended_is_closed_by_the_next_process(tmp_path: Path, memory: Memory) -> None:
    house = InlineHouse(tmp_path)
    house.tracer = memory.tracer
    job = house.job()
    begun_ms = house.clock.now_ms()
    async with SqliteLedger(house.root / "ledger.sqlite3") as ledger:  # as a process leaves it that is killed
        queued = new_run(job, now_ms=begun_ms, max_attempts=3, trace=CALLER)
        await ledger.insert(queued, job.bundle.canonical_bytes())
        await ledger.update(queued.moved(RunState.RUNNING, attempt=1, worker="inline", start_time_ms=begun_ms))
    await house.clock.sleep_ms(5_000)
    async with house.executor() as executor:
        await finished(executor, job.run_id)
    second, lost = named(memory.spans, "attempt")  # the house's clock is ahead of the one that spans are timed by
    assert lost.span_id == attempt_span_id(job.run_id, "inline", begun_ms)
    assert (lost.start_ns, lost.end_ns) == (begun_ms * 1_000_000, (begun_ms + 5_000) * 1_000_000)
    assert (lost.facts["docugen.outcome"], lost.facts["error.type"]) == ("lost", "PROCESS_ENDED")
    assert second.links == (lost.span_id,)
    assert {lost.trace_id, second.trace_id} == {CALLER.trace_id}
