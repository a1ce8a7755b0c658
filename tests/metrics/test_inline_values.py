"""Without a queue: after runs of every ending the metrics say what happened, and nothing else. Real renders and calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from docugen.v1 import bundle_run_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2_grpc import BundleRunServiceStub
from docugen_core.adapters.inline_executor import InlineExecutor
from docugen_core.adapters.otel_measures import OtelMeasures
from docugen_core.adapters.sqlite_ledger import SqliteLedger
from docugen_core.config import Settings
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.measures import Measures
from docugen_core.submission import SubmitRequest, prepare_generation_job, wait_for_run
from docugen_scheduler.app import Served, running_server
from executor_houses import Gate, InlineHouse, finished
from metric_scrape import Scrape, lint, scrape, scraped
from worker_world import bundle, until, write_pack

COMPLETED = "queue_bundle_generate_completed_total"
ATTEMPTS = "queue_bundle_generate_attempts_total"
FAILURES = "queue_bundle_generate_failures_total"
DEPTH = "queue_bundle_generate_depth"


@asynccontextmanager
async def scheduler(folder: Path, **changes: object) -> AsyncIterator[Served]:
    write_pack(folder / "packs")
    ours: dict[str, object] = {
        "store_url": f"file://{folder / 'store'}",
        "template_path": str(folder / "packs"),
        "grpc_address": "127.0.0.1:0",
        "metrics_address": "127.0.0.1:0",
        "inline_concurrency": 2,
        "render_processes": 1,
        "queue_backoff_ms": 20,
    }
    async with running_server(Settings(**(ours | changes))) as served:  # type: ignore[arg-type]
        yield served


async def submit(served: Served, template: str = "note", text: str = "hello", documents: int = 1) -> str:
    job = prepare_generation_job(SubmitRequest(bundle(template, text, documents)), served.core.intake)
    return (await served.core.executor.submit(job)).run.run_id


async def ended(served: Served, run_id: str) -> BundleRun:
    run = await wait_for_run(served.core.executor, run_id, 60_000)
    assert run.state.is_terminal
    return run


def counts(found: Scrape) -> dict[str, dict[str, float]]:
    return {
        "completed": found.by("outcome", COMPLETED),
        "attempts": found.by("outcome", ATTEMPTS),
        "failures": found.by("reason", FAILURES),
    }


async def test_runs_that_succeed_or_fail_by_their_template_are_counted_once_with_their_documents(
    tmp_path: Path,
) -> None:
    async with scheduler(tmp_path) as served:
        runs = [
            await submit(served, text="a", documents=3),
            await submit(served, text="b"),
            await submit(served, "broken"),
        ]
        await submit(served, text="b")  # the same once more is no other run
        states = [(await ended(served, run_id)).state for run_id in runs]
        found = await scraped(served.metrics_address, "nothing is in flight", idle)
    assert states == [RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED]
    assert counts(found) == {
        "completed": {"succeeded": 2.0, "failed": 1.0},
        "attempts": {"succeeded": 2.0, "failed": 1.0},
        "failures": {"TEMPLATE_FAILED": 1.0},
    }
    assert found.value("queue_bundle_generate_enqueued_total") == 3.0
    assert found.value("queue_bundle_generate_retries_total") == 0.0
    assert found.value("queue_bundle_generate_wait_duration_seconds_count") == 3.0
    assert found.value("queue_bundle_generate_processing_duration_seconds_count", outcome="succeeded") == 2.0
    assert found.value("docugen_artefact_render_duration_seconds_count", format="txt") == 5.0
    assert found.value("docugen_artefact_size_bytes_count", format="txt") == 4.0
    assert found.value("docugen_artefact_size_bytes_sum", format="txt") == 4.0 * len("SPECIMEN a\n")
    assert found.value("docugen_worker_slots", state="free") == 2.0
    assert lint(found) == ""


async def test_a_render_that_hangs_counts_a_retry_and_two_failures_with_its_reason(tmp_path: Path) -> None:
    async with scheduler(tmp_path, render_timeout_ms=300, queue_max_attempts=2) as served:
        run = await ended(served, await submit(served, "hang"))
        found = await scrape(served.metrics_address)
    assert (run.state, run.attempt) == (RunState.FAILED, 2)
    assert counts(found) == {
        "completed": {"failed": 1.0},
        "attempts": {"retried": 1.0, "failed": 1.0},
        "failures": {"RENDER_TIMEOUT": 2.0},
    }
    assert found.value("queue_bundle_generate_retries_total") == 1.0
    assert found.value("docugen_artefact_render_duration_seconds_count", format="pdf") == 2.0
    assert (found.value("docugen_artefact_render_duration_seconds_sum", format="pdf") or 0) >= 0.6


async def test_the_gauges_show_what_renders_what_waits_and_what_is_parked(tmp_path: Path) -> None:
    async with scheduler(tmp_path, inline_concurrency=1, queue_backoff_ms=300_000, render_timeout_ms=400) as served:
        parked = await submit(served, "hang")
        executor = served.core.executor
        async for run in executor.watch(parked):
            if run.state is RunState.RETRYING:
                break
        await served.core.executor.cancel(await submit(served, "slow"), "not wanted")
        found = await scraped(served.metrics_address, "one run is parked", lambda s: bool(s.value(DEPTH)))
        await executor.cancel(parked, "enough")
        last = await scrape(served.metrics_address)
    assert (found.value(DEPTH), found.value("queue_bundle_generate_parked")) == (1.0, 1.0)
    assert found.value("queue_bundle_generate_oldest_age_seconds") == 0.0
    assert counts(last)["completed"] == {"cancelled": 2.0}
    assert last.value(ATTEMPTS, outcome="retried") == 1.0


async def test_a_waiting_run_has_an_age_and_a_rendered_one_a_slot(tmp_path: Path) -> None:
    house, gate, measures = MeasuredHouse(tmp_path), Gate(), OtelMeasures()
    house.renderer.script = gate
    async with house.measured(measures, slots=1) as executor:
        first = (await executor.submit(house.job("a"))).run.run_id
        await gate.begun.wait()
        second = (await executor.submit(house.job("b"))).run.run_id
        await house.clock.sleep_ms(4_000)
        stats = await executor.stats()
        busy = Scrape(measures.text().decode()).value("docugen_worker_slots", state="busy")
        gate.open.set()
        for run_id in (first, second):
            await finished(executor, run_id)
        after = await executor.stats()
    assert (stats.depth, stats.in_flight, stats.parked, stats.oldest_age_ms) == (1, 1, 0, 4_000)
    assert busy == 1.0
    assert (after.depth, after.in_flight, after.oldest_age_ms) == (0, 0, 0)
    found = Scrape(measures.text().decode())
    assert found.value("queue_bundle_generate_wait_duration_seconds_sum") == 4.0
    assert found.value("docugen_worker_slots", state="free") == 1.0


async def test_an_attempt_that_a_drain_hands_back_is_not_spent_and_the_next_process_counts_its_own(
    tmp_path: Path,
) -> None:
    house, gate, before, after = MeasuredHouse(tmp_path), Gate(), OtelMeasures(), OtelMeasures()
    house.renderer.script = gate
    async with house.measured(before) as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        await gate.begun.wait()
    gate.open.set()
    async with house.measured(after) as executor:
        await finished(executor, run_id)
    first, second = (Scrape(m.text().decode()) for m in (before, after))
    assert counts(first) == {"completed": {}, "attempts": {"handed_back": 1.0}, "failures": {}}
    assert counts(second) == {"completed": {"succeeded": 1.0}, "attempts": {"succeeded": 1.0}, "failures": {}}
    assert (
        first.value("queue_bundle_generate_enqueued_total"),
        second.value("queue_bundle_generate_enqueued_total"),
    ) == (
        1.0,
        0.0,
    )


async def test_an_attempt_that_ended_with_its_process_is_counted_as_lost_by_the_next_one(tmp_path: Path) -> None:
    house, gate, measures = MeasuredHouse(tmp_path), Gate(), OtelMeasures()
    house.renderer.script = gate
    async with house.measured(OtelMeasures()) as executor:
        run_id = (await executor.submit(house.job())).run.run_id
        await gate.begun.wait()
        running = await executor.get(run_id)
    gate.open.set()
    async with house.ledger() as ledger:  # as a killed process leaves it: still running
        await ledger.update(running.moved(RunState.QUEUED).moved(RunState.RUNNING))
    async with house.measured(measures) as executor:
        await finished(executor, run_id)
    found = Scrape(measures.text().decode())
    assert counts(found) == {
        "completed": {"succeeded": 1.0},
        "attempts": {"lost": 1.0, "succeeded": 1.0},
        "failures": {"PROCESS_ENDED": 1.0},
    }
    assert found.value("queue_bundle_generate_reclaimed_total") == 1.0


async def test_calls_are_counted_by_method_and_by_the_status_that_the_caller_saw(tmp_path: Path) -> None:
    """A library's interceptor that was tried called UNKNOWN, DEADLINE_EXCEEDED and a cancelled call all OK."""
    async with scheduler(tmp_path) as served, grpc.aio.insecure_channel(served.address) as channel:
        stub = BundleRunServiceStub(channel)
        await stub.GetCapabilities(messages.GetCapabilitiesRequest())
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.GetBundleRun(messages.GetBundleRunRequest(name="bundleRuns/none"))
        run_id = await submit(served, "hang")
        watch = messages.WatchBundleRunRequest(name=f"bundleRuns/{run_id}")
        watched = stub.WatchBundleRun(watch)
        waited = stub.WaitBundleRun(messages.WaitBundleRunRequest(name=f"bundleRuns/{run_id}"))

        async def both_inside() -> bool:
            return served.limits.group("WaitBundleRun").inside == 2

        await until("both calls are inside", both_inside)
        waited.cancel()
        watched.cancel()
        expected = {
            ("GetCapabilities", "OK"),
            ("GetBundleRun", "NOT_FOUND"),
            ("WaitBundleRun", "CANCELLED"),
            ("WatchBundleRun", "CANCELLED"),
        }
        found = await scraped(served.metrics_address, "all calls have ended", lambda s: expected <= calls(s).keys())
        late = ("WatchBundleRun", "DEADLINE_EXCEEDED")
        tries: list[grpc.StatusCode] = []

        async def late_one_counted() -> bool:
            # A call that needs long to reach the server is cancelled before it has heard of it, or long before its deadline
            # passes there. So there is another one, until one was quick.
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                [_ async for _ in stub.WatchBundleRun(watch, timeout=1)]
            tries.append(ended.value.code())
            return late in calls(await scrape(served.metrics_address))

        await until("a call whose deadline passed is counted", late_one_counted)
        last = await scrape(served.metrics_address)
        await served.core.executor.cancel(run_id, "enough")
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    assert set(tries) == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert calls(found) == dict.fromkeys(expected, 1.0)
    assert 1.0 <= calls(last)[late] <= len(tries)
    assert not [key for key in calls(last) if key[1] == "OK" and key[0] in ("WaitBundleRun", "WatchBundleRun")]


class MeasuredHouse(InlineHouse):
    """Executors that record."""

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[SqliteLedger]:
        async with SqliteLedger(self.root / "ledger.sqlite3") as ledger:
            yield ledger

    @asynccontextmanager
    async def measured(self, measures: Measures, slots: int = 2) -> AsyncIterator[InlineExecutor]:
        async with (
            self.ledger() as ledger,
            InlineExecutor(
                bundles=self.bundles(),
                store=self.store,
                ledger=ledger,
                clock=self.clock,
                policy=RetryPolicy(max_attempts=3),
                attempt_timeout_ms=20_000,
                slots=slots,
                waiting_max=20,
                measures=measures,
            ) as executor,
        ):
            yield executor


def calls(found: Scrape) -> dict[tuple[str, str], float]:
    """Calls that ended, by method and code."""
    name = "rpc_server_call_duration_seconds_count"
    return {(its["method"], its["code"]): value for sample, its, value in found.samples() if sample == name}


def idle(found: Scrape) -> bool:
    # Depth and runs in flight are of the last look, which may be older than the runs; slots are told at once, and last of all.
    nothing_waits = found.value("queue_bundle_generate_inflight") == 0.0 and found.value(DEPTH) == 0.0
    return nothing_waits and found.value("docugen_worker_slots", state="busy") == 0.0
