"""With a queue: a scheduler, workers as processes, a real Redis, and a Prometheus that scrapes them where one is installed.

One story with every ending: after it each number is what happened, at the service where it happened.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from docugen.v1 import queue_service_pb2
from docugen.v1.queue_service_pb2_grpc import QueueServiceStub
from docugen_core.domain.json import JsonObject
from docugen_core.domain.run import RunState
from docugen_core.submission import SubmitRequest, prepare_generation_job
from docugen_scheduler.app import Served, running_server
from metric_scrape import lint, scrape, scraped
from process_tree import standing_still
from prometheus_server import Monitoring, monitoring
from redis_servers import own_server, queue_name
from scheduler_server import note_settings
from worker_world import WorkerWorld, bundle, until, worker_world

FREE = "127.0.0.1:0"
COMPLETED = "queue_bundle_generate_completed_total"
ATTEMPTS = "queue_bundle_generate_attempts_total"
FAILURES = "queue_bundle_generate_failures_total"
RECLAIMED = "queue_bundle_generate_reclaimed_total"
ENQUEUED = "queue_bundle_generate_enqueued_total"
DEPTH = "queue_bundle_generate_depth"
NOTE_BUNDLE: JsonObject = {
    "documents": [{"name": "note.txt", "format": "txt", "template": "note/note"}],
    "data": {"text": "hello"},
}

pytestmark = pytest.mark.slow


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WorkerWorld]:
    with own_server() as redis:
        changes = {"queue_max_attempts": 2, "render_timeout_ms": 6_000, "render_processes": 2}
        async with worker_world(redis.url, queue_name(request.node.nodeid), tmp_path, **changes) as made:
            yield made


@asynccontextmanager
async def scheduler(world: WorkerWorld) -> AsyncIterator[Served]:
    """A scheduler with metrics, in this process."""
    async with running_server(replace(world.settings, grpc_address=FREE, metrics_address=FREE)) as served:
        yield served


async def submit(served: Served, template: str, text: str = "hello") -> str:
    job = prepare_generation_job(SubmitRequest(bundle(template, text)), served.core.intake)
    return (await served.core.executor.submit(job)).run.run_id


async def becomes(known: Monitoring, expected: dict[str, float], name: str, **labels: str) -> None:
    """Wait until monitoring knows exactly this of a series."""

    async def true() -> bool:
        return await known.values(name, **labels) == expected

    await until(f"{name}{labels} is {expected}", true)


async def test_every_ending_is_counted_where_it_happened_and_monitoring_sees_it(
    world: WorkerWorld, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("prometheus")
    async with scheduler(world) as served, world.process("ada", worker_metrics_address=FREE) as ada:
        with standing_still(ada.process.pid):
            killed = await submit(served, "note", "killed")
            await ada.step(killed, "rendering")
            ada.signal(signal.SIGKILL)
            await ada.ended()
        await world.lapse(killed)
        async with world.process("bob", worker_metrics_address=FREE) as bob:
            assert (await world.finished(killed)).attempt == 2
            runs = [await submit(served, t) for t in ("note", "broken", "hang")]
            assert await submit(served, "note") == runs[0]  # known: not enqueued again
            ends = [(await world.finished(run_id)).state for run_id in runs]
            services = {"scheduler": served.metrics_address, "worker": bob.metrics_address}
            async with monitoring(folder, services) as known:
                for outcome, count in {"succeeded": 2.0, "failed": 2.0, "cancelled": 0.0}.items():
                    await becomes(known, {"scheduler": 0.0, "worker": count}, COMPLETED, outcome=outcome)
                expected = {"succeeded": 2.0, "lost": 1.0, "retried": 1.0, "failed": 2.0, "handed_back": 0.0}
                for outcome, count in expected.items():
                    await becomes(known, {"scheduler": 0.0, "worker": count}, ATTEMPTS, outcome=outcome)
                for reason, count in {"WORKER_LOST": 1.0, "TEMPLATE_FAILED": 1.0, "RENDER_TIMEOUT": 2.0}.items():
                    await becomes(known, {"scheduler": 0.0, "worker": count}, FAILURES, reason=reason)
                await becomes(known, {"scheduler": 0.0, "worker": 1.0}, RECLAIMED)
                await becomes(known, {"scheduler": 0.0, "worker": 1.0}, "queue_bundle_generate_retries_total")
                await becomes(known, {"scheduler": 4.0, "worker": 0.0}, ENQUEUED)
                await becomes(known, {"scheduler": 0.0}, DEPTH)
                await becomes(known, {"scheduler": 0.0}, "queue_bundle_generate_inflight")
                await becomes(known, {"scheduler": 2.0}, "queue_bundle_generate_dlq_depth")
                await becomes(known, {"worker": 2.0}, "docugen_worker_slots", state="free")
                await becomes(
                    known,
                    {"worker": 2.0},
                    "queue_bundle_generate_processing_duration_seconds_count",
                    outcome="succeeded",
                )
                await becomes(known, {"worker": 4.0}, "queue_bundle_generate_wait_duration_seconds_count")
                await becomes(known, {"worker": 2.0}, "docugen_artefact_render_duration_seconds_count", format="pdf")
                await becomes(known, {"worker": 2.0}, "docugen_artefact_size_bytes_count", format="txt")
            for address in services.values():
                assert lint(await scrape(address)) == ""
    assert ends == [RunState.SUCCEEDED, RunState.FAILED, RunState.FAILED]


async def test_what_is_started_again_is_enqueued_again_and_what_is_cancelled_in_the_queue_has_ended(
    world: WorkerWorld,
) -> None:
    async with scheduler(world) as served, grpc.aio.insecure_channel(served.address) as channel:
        waiting = await submit(served, "note")
        found = await scraped(served.metrics_address, "one waits", lambda s: s.value(DEPTH) == 1.0)
        assert found.value(ENQUEUED) == 1.0
        for _ in range(2):  # cancelling twice is cancelling once
            await served.core.executor.cancel(waiting, "not wanted")
        assert (await scrape(served.metrics_address)).by("outcome", COMPLETED) == {"cancelled": 1.0}
        await served.core.executor.retry(waiting)
        assert (await scrape(served.metrics_address)).value(ENQUEUED) == 2.0
        broken = await submit(served, "broken")
        async with world.worker():
            assert (await world.finished(broken)).state is RunState.FAILED
        for dry_run in (True, False):
            request = queue_service_pb2.RedriveDeadLettersRequest(dry_run=dry_run)
            answer = await QueueServiceStub(channel).RedriveDeadLetters(request)
            assert answer.redriven == 1
        assert (await scrape(served.metrics_address)).value(ENQUEUED) == 4.0


async def test_the_queues_gauges_vanish_while_redis_is_away_and_come_back_with_it(tmp_path: Path) -> None:
    settings = note_settings(tmp_path, queue_enabled=True, metrics_address=FREE)
    with own_server(appendfsync="always") as redis:
        async with running_server(replace(settings, redis_url=redis.url)) as served:
            job = prepare_generation_job(SubmitRequest(NOTE_BUNDLE), served.core.intake)
            await served.core.executor.submit(job)
            await scraped(served.metrics_address, "the queue is seen", lambda s: s.value(DEPTH) == 1.0)
            redis.stop()
            found = await scraped(served.metrics_address, "the gauge vanishes", lambda s: s.value(DEPTH) is None)
            assert found.value(ENQUEUED) == 1.0
            redis.start()
            await scraped(served.metrics_address, "the queue is seen again", lambda s: s.value(DEPTH) == 1.0)
