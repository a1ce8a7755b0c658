"""Workers as processes: killed, stopped, woken, ended, refused. Real signals, real render processes, a real Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.domain.run import ExecutionPolicy, RunState
from process_tree import alive, children, descendants, standing_still
from redis_servers import own_server, queue_name
from worker_world import WorkerProcess, WorkerWorld, environment, health, until, worker_world

pytestmark = pytest.mark.slow


async def gone(pids: list[int]) -> None:
    async def none() -> bool:
        return not alive(pids)

    await until(f"none of {pids} is left", none)


async def rendering(worker: WorkerProcess, world: WorkerWorld, run_id: str) -> list[int]:
    """Wait until `worker` renders the run; the processes below it then."""
    await worker.step(run_id, "document")
    below = descendants(worker.process.pid)
    assert below, "a worker renders in processes of its own"
    return below


async def test_a_killed_workers_job_is_done_by_another_in_a_second_attempt_with_one_manifest(
    world: WorkerWorld,
) -> None:
    async with world.process("ada") as ada:
        with standing_still(ada.process.pid):  # else it may be done before ada is dead
            run_id = await world.submit("slow")
            below = await rendering(ada, world, run_id)
            ada.signal(signal.SIGKILL)
            await ada.ended()
        await world.lapse(run_id)
        async with world.process("bob") as bob:
            run = await world.finished(run_id)
            assert (run.state, run.attempt, run.worker) == (RunState.SUCCEEDED, 2, bob.consumer)
        await gone(below)
    attempts = (await world.record(run_id)).attempts
    assert [(a.number, a.worker, a.failure.code) for a in attempts] == [(1, ada.consumer, "WORKER_LOST")]
    assert await world.core.store.run_ids() == (run_id,)
    assert await world.is_empty()


async def test_a_worker_that_sleeps_beyond_its_lease_wakes_as_a_zombie_that_changes_nothing(world: WorkerWorld) -> None:
    async with world.process("ada", queue_lease_ms=5_000) as ada:
        with standing_still(ada.process.pid):  # else it may be done before ada sleeps; then it is done while she does
            run_id = await world.submit("slow")
            await rendering(ada, world, run_id)
            ada.signal(signal.SIGSTOP)
        async with world.process("bob") as bob:
            run = await world.finished(run_id)
            manifest, before = await world.manifest(run_id), await world.record(run_id)
            assert (run.state, run.attempt, run.worker) == (RunState.SUCCEEDED, 2, bob.consumer)
            ada.signal(signal.SIGCONT)

            async def has_spoken() -> bool:
                return bool(ada.lines("job_settled"))

            await until("the zombie ended its attempt", has_spoken)
        (line,) = ada.lines("job_settled")
        assert (line["outcome"], line["code"]) == ("lost", "LEASE_LOST")
        assert (await world.manifest(run_id), await world.record(run_id)) == (manifest, before)
        assert (await world.finished(await world.submit(text="next"))).worker == ada.consumer  # and it works on


async def test_sigterm_hands_back_unspent_what_is_not_finished_within_the_grace(world: WorkerWorld) -> None:
    async with world.process("ada", grace_ms=20_000) as ada:
        run_id = await world.submit("hang")
        below = await rendering(ada, world, run_id)
        ada.signal(signal.SIGTERM)
        assert await ada.ended() == 0
        await gone(below)
    record = await world.record(run_id)
    assert (record.state, record.attempt, record.attempts) == (RunState.QUEUED, 0, ())
    assert await world.queue.workers() == ()
    assert [line["outcome"] for line in ada.lines("job_settled")] == ["handed_back"]


async def test_sigterm_lets_a_job_end_within_the_grace_and_takes_no_other(world: WorkerWorld) -> None:
    async with world.process("ada", queue_concurrency=1, grace_ms=120_000) as ada:
        with standing_still(ada.process.pid):  # else it may be done before the signal is heard
            run_id = await world.submit("slow")
            await rendering(ada, world, run_id)
            other = await world.submit(text="other")
            ada.signal(signal.SIGTERM)

            async def not_serving() -> bool:
                return await health(ada.address, "") == "NOT_SERVING"

            await until("health says that it ends", not_serving)
        assert await ada.ended() == 0
    assert (await world.finished(run_id)).attempt == 1
    assert (await world.record(other)).attempt == 0


async def test_a_second_signal_ends_a_worker_at_once(world: WorkerWorld) -> None:
    async with world.process("ada", grace_ms=600_000) as ada:
        run_id = await world.submit("hang")
        below = await rendering(ada, world, run_id)
        ada.signal(signal.SIGTERM)

        async def closing() -> bool:
            return await health(ada.address, "") == "NOT_SERVING"

        await until("the first signal was heard", closing)
        ada.signal(signal.SIGTERM)
        assert await ada.ended() == 128 + signal.SIGTERM
        await gone(below)
    assert (await world.record(run_id)).state is RunState.RUNNING  # until its lease lapses


@pytest.mark.slow
async def test_a_render_that_crashes_its_process_costs_exactly_its_attempts(world: WorkerWorld) -> None:
    async with world.process("ada") as ada:
        run_id = await world.submit("hang", policy=ExecutionPolicy(max_attempts=2))
        for attempt in (1, 2):
            await world.until(run_id, f"is in attempt {attempt}", lambda r, n=attempt: r.attempt == n)  # type: ignore[misc]

            async def burning() -> bool:
                return bool(busiest(render_processes(ada)))

            await until("a render process is at it", burning)
            os.kill(busiest(render_processes(ada))[0], signal.SIGSEGV)
            await world.until(run_id, "noticed", lambda r, n=attempt: len(r.attempts) == n)  # type: ignore[misc]
        run = await world.finished(run_id)
        assert (run.state, run.attempt) == (RunState.FAILED, 2)
        (letter,) = (await world.queue.letters()).letters
        assert [a.failure.code for a in letter.attempts] == ["RENDER_PROCESS_DIED"] * 2
        assert dict(letter.failure.details)["signal"] == "SIGSEGV"
        assert (await world.finished(await world.submit())).state is RunState.SUCCEEDED


def render_processes(worker: WorkerProcess) -> list[int]:
    """Those of its fork server, and not itself: on a slow machine its imports burn more than a second of CPU."""
    return [pid for server in children(worker.process.pid) for pid in descendants(server)]


def busiest(pids: list[int]) -> list[int]:
    """Those that burnt more than a second of CPU since they were made; a render process at rest has burnt less."""

    def ticks() -> Iterator[tuple[int, int]]:
        for pid in pids:
            with suppress(OSError):
                yield pid, int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])

    return [pid for pid, burnt in ticks() if burnt > 100]


async def test_it_says_where_it_is_and_serves_health(world: WorkerWorld) -> None:
    async with world.process("ada") as ada:

        async def ready() -> bool:
            return await health(ada.address, "readiness") == "SERVING"

        await until("it is ready", ready)
        assert [await health(ada.address, service) for service in ("", "liveness")] == ["SERVING"] * 2

        async def announced() -> bool:
            return bool(await world.queue.workers())

        await until("it is announced", announced)
        (sighting,) = await world.queue.workers()
        assert (sighting.consumer, sighting.advert.slots) == (ada.consumer, world.settings.queue_slots)
        assert sighting.advert.process_id == ada.process.pid
        assert sighting.advert.engine_fingerprint == world.core.bundles.renderer.engine.fingerprint


async def test_one_line_tells_how_a_job_ended_and_debug_lines_name_its_steps(world: WorkerWorld) -> None:
    async with world.process("ada") as ada:
        run = await world.finished(await world.submit())

        async def told() -> bool:
            return bool(ada.lines("job_settled"))

        await until("the line is there", told)
    (line,) = ada.lines("job_settled")
    assert (line["run_id"], line["outcome"], line["attempt"]) == (run.run_id, "succeeded", 1)
    assert (line["manifest"], line["bytes"]) == (run.manifest_digest, sum(d.size for d in run.documents))
    assert {"wait_ms", "render_ms"} <= line.keys()
    steps = [step["step"] for step in ada.lines("job_step")]
    assert steps == ["taken", "decoded", "rendering", "document", "document", "published", "settling"]


def refused(env: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "docugen_worker"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_wrong_setting_ends_it_with_78_and_the_remedy(tmp_path: Path) -> None:
    code, said = refused(os.environ | {"DOCUGEN_QUEUE_CONCURENCY": "4"})  # noqa: TID251 - for the child
    assert code == 78
    assert "did you mean DOCUGEN_QUEUE_CONCURRENCY?" in said


async def test_a_redis_that_may_lose_jobs_ends_it_with_78_and_the_command_that_mends_it(world: WorkerWorld) -> None:
    with own_server(appendonly="no") as server:
        settings = replace(world.settings, redis_url=server.url, queue_allow_volatile=False)
        code, said = await asyncio.to_thread(refused, environment(settings))
    assert code == 78
    assert "CONFIG SET appendonly yes" in said


async def test_a_redis_that_starts_late_is_waited_for(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with own_server() as server:
        async with worker_world(server.url, queue_name(request.node.nodeid), tmp_path) as world:
            run_id = await world.submit()
            server.stop()
            async with world.process("ada") as ada:
                states = [await health(ada.address, service) for service in ("liveness", "readiness")]
                assert states == ["SERVING", "NOT_SERVING"]
                server.start()

                async def answers() -> bool:
                    return server.answers()

                await until("Redis answers", answers)
                assert (await world.finished(run_id)).state is RunState.SUCCEEDED


def test_the_started_line_is_one_json_document(tmp_path: Path) -> None:
    with own_server() as server:
        env = {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")}  # noqa: TID251 - for the child
        env |= {
            "DOCUGEN_REDIS_URL": server.url,
            "DOCUGEN_WORKER_GRPC_ADDRESS": "127.0.0.1:0",
            "DOCUGEN_WORKER_METRICS_ADDRESS": "",
            "DOCUGEN_STORE_URL": f"file://{tmp_path}",
        }
        with subprocess.Popen([sys.executable, "-m", "docugen_worker"], env=env, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            started = json.loads(child.stdout.readline())
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 0
            assert child.stdout.read() == b""
    assert started["event"] == "worker_started"
    assert (started["queue"], started["process_id"]) == ("bundle:generate", child.pid)
