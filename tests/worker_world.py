"""Workers under test: a queue on a real Redis, a scheduler's core to submit with, and workers in this process or in their own.

The pack `jobs` has one template for each kind of job: `note` (quick), `slow` (about two seconds), `hang` (never ends), `bomb`
(exhausts memory), `broken` (fails by its template).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import grpc
from docugen_core.adapters.queue_records import new_job
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.assembly import Core, assemble
from docugen_core.config import PREFIX, Settings
from docugen_core.domain.job import JobRecord, NewJob
from docugen_core.domain.manifest import Manifest
from docugen_core.domain.run import BundleRun
from docugen_core.generation import BundleRenderer
from docugen_core.rendering.task import RenderLimits
from docugen_core.submission import SubmitRequest, new_run, prepare_generation_job, wait_for_run
from docugen_worker.app import Working, running_worker
from fakes import ScriptedRenderer
from grpc_health.v1 import health_pb2, health_pb2_grpc

LEASE_MS = 9_000
"""A worker that is stopped for five seconds, by a slow disk or a busy machine, keeps its leases: its last beat was three
seconds before at most. A test that needs a lease to lapse says when: `WorkerWorld.lapse`."""
START_S = 60

PACK = """
schema = "docugen.pack/v1"
[pack]
name = "jobs"
version = "1.0.0"
description = "Jobs of every kind."
default_language = "en"
"""
TEMPLATE = """
[[templates]]
name = "{name}"
title = "{name}"
description = "A job."
schema = "jobs.schema.json"
sample = "jobs.sample.json"
[templates.formats]
{format} = "{name}.{suffix}"
"""
PLEX = '#set text(font: "IBM Plex Sans")\n'
TEMPLATES = {
    "note": ("txt", "txt", "SPECIMEN {{ data.text }}\n"),
    "broken": ("txt", "txt", "SPECIMEN {{ data.nothing.there }}\n"),
    "slow": ("pdf", "typ", PLEX + "#for i in range(160) { for j in range(60000) { } }\nSPECIMEN"),
    "hang": ("pdf", "typ", PLEX + "#for i in range(60000) { for j in range(60000) { } }"),
    "bomb": ("pdf", "typ", PLEX + '#let bomb = "x" * 4000000000\n#bomb.len()'),
}


def write_pack(packs: Path) -> None:
    """The pack `jobs` as a folder in `packs`."""
    folder = packs / "jobs"
    (folder / "labels").mkdir(parents=True)
    text = PACK
    for name, (form, suffix, source) in TEMPLATES.items():
        text += TEMPLATE.format(name=name, format=form, suffix=suffix)
        (folder / f"{name}.{suffix}").write_text(source)
    (folder / "pack.toml").write_text(text)
    (folder / "jobs.schema.json").write_text('{"type": "object"}')
    (folder / "jobs.sample.json").write_text('{"text": "hello", "nothing": {"there": "x"}}')
    (folder / "labels" / "en.toml").write_text('greeting = "hello"\n')


def bundle(template: str = "note", text: str = "hello", documents: int = 1) -> dict[str, Any]:
    form = TEMPLATES[template][0]
    return {
        "documents": [
            {"name": f"{template}{n}.{form}", "format": form, "template": f"jobs/{template}"} for n in range(documents)
        ],
        "data": {"text": text},
    }


@dataclass(frozen=True, slots=True)
class WorkerWorld:
    """One queue, its store, and a core that submits to it. folder: for logs."""

    settings: Settings
    core: Core
    queue: RedisQueue
    folder: Path

    async def submit(self, template: str = "note", text: str = "hello", **more: Any) -> str:
        """The id of a new run. more: documents; run_id, policy of the request."""
        documents = more.pop("documents", 1)
        request = SubmitRequest(bundle(template, text, documents), **more)
        job = prepare_generation_job(request, self.core.intake)
        return (await self.core.executor.submit(job)).run.run_id

    async def submit_as(self, change: Callable[[NewJob], NewJob], template: str = "note", text: str = "hello") -> str:
        """A run whose job was changed on its way, as another release, or a bug, would have written it."""
        job = prepare_generation_job(SubmitRequest(bundle(template, text)), self.core.intake)
        run = new_run(job, now_ms=self.core.clock.now_ms(), max_attempts=self.settings.queue_max_attempts)
        await self.queue.submit([change(new_job(job, run, spec=job.bundle.canonical_bytes()))])
        return run.run_id

    async def finished(self, run_id: str) -> BundleRun:
        """The run, once it is terminal."""
        run = await wait_for_run(self.core.executor, run_id, 90_000)
        assert run.state.is_terminal, f"{run_id} is still {run.state}"
        return run

    async def record(self, run_id: str) -> JobRecord:
        record = (await self.queue.get([run_id]))[0]
        assert record is not None
        return record

    async def until(self, run_id: str, what: str, holds: Callable[[JobRecord], bool]) -> JobRecord:
        """The record of a run, once `holds` is true of it."""
        found: list[JobRecord] = []

        async def true() -> bool:
            found[:] = [await self.record(run_id)]
            return holds(found[0])

        await until(f"{run_id} {what}", true)
        return found[0]

    async def lapse(self, run_id: str) -> None:
        """The lease of a run whose worker is dead or stopped lapses now: any take may hand it out."""
        entry = (await self.record(run_id)).entry
        async with RedisConnection(self.settings.redis_url) as redis:
            await redis.execute("ZADD", self.queue.keys.key("due"), "XX", 1, entry)

    async def manifest(self, run_id: str) -> bytes:
        raw = await self.core.store.read_manifest(run_id)
        assert raw is not None, f"{run_id} has no manifest"
        return raw

    async def is_empty(self) -> bool:
        """Whether nothing is queued, parked or held."""
        stats = await self.queue.stats()
        return (stats.depth, stats.in_flight, stats.parked) == (0, 0, 0)

    @asynccontextmanager
    async def worker(
        self, name: str = "ada", renderer: ScriptedRenderer | None = None, **changes: Any
    ) -> AsyncIterator[Working]:
        """A worker in this process; renderer: in place of render processes. changes: of its settings."""
        settings = replace(self.settings, **changes)
        if renderer is None:
            rendering = (self.core.intake, self.core.bundles, self.core.store)
        else:
            bundles = BundleRenderer(self.core.intake.catalogue, self.core.intake.generators, renderer, RenderLimits())
            rendering = (self.core.intake, bundles, self.core.store)
        async with running_worker(settings, consumer=name, rendering=rendering) as working:
            yield working

    @asynccontextmanager
    async def process(self, name: str = "ada", **changes: Any) -> AsyncIterator[WorkerProcess]:
        """A worker in a process of its own. Killed at the end, unless it has ended."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as stderr:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "docugen_worker",
                env=environment(replace(self.settings, **changes)),
                stdout=PIPE,
                stderr=stderr,
            )
        try:
            assert child.stdout is not None
            async with asyncio.timeout(START_S):
                line = await child.stdout.readline()
            assert line, f"the worker did not start:\n{log.read_text()}"
            started = json.loads(line)
            yield WorkerProcess(child, started["consumer"], started["address"], log, started["metrics_address"])
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker in a process of its own. address: of its health. metrics_address: empty where it has none."""

    process: Process
    consumer: str
    address: str
    log: Path
    metrics_address: str

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(60):
            return await self.process.wait()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it logged under this name so far."""
        return [line for line in logged(self.log) if line.get("event") == event]

    async def step(self, run_id: str, step: str) -> None:
        """Wait until its log shows this step of a run (needs log_level debug)."""

        async def seen() -> bool:
            return any((s["run_id"], s["step"]) == (run_id, step) for s in self.lines("job_step"))

        await until(f"{run_id} is at step {step}", seen)


@asynccontextmanager
async def worker_world(redis_url: str, queue_name: str, folder: Path, **changes: Any) -> AsyncIterator[WorkerWorld]:
    """An empty queue with a core in front; short delays. changes: of the settings."""
    write_pack(folder / "packs")
    ours: dict[str, Any] = {
        "queue_enabled": True,
        "queue_allow_volatile": True,
        "redis_url": redis_url,
        "queue_name": queue_name,
        "queue_lease_ms": LEASE_MS,
        "queue_backoff_ms": 50,
        "queue_concurrency": 2,
        "store_url": f"file://{folder / 'store'}",
        "template_path": str(folder / "packs"),
        "worker_grpc_address": "127.0.0.1:0",
        "metrics_address": "",
        "worker_metrics_address": "",
        "render_processes": 2,
        "grace_ms": 10_000,
        "log_level": "debug",
        "log_format": "json",
    }
    settings = Settings(**(ours | changes))
    async with assemble(settings) as core, RedisConnection(redis_url) as connection:
        yield WorkerWorld(settings, core, RedisQueue(connection, queue_name, QueueRules.of(settings)), folder)


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process with these settings, and none of this process's."""
    plain = Settings()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}  # noqa: TID251 - for the child
    changed = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    ours = {k: v for k, v in changed.items() if v != getattr(plain, k)}
    return inherited | {PREFIX + name.upper(): str(value) for name, value in ours.items()}


def logged(log: Path) -> list[dict[str, Any]]:
    """The lines of JSON in a log that somebody may be writing: the last one counts once it ends."""
    whole = log.read_bytes().rpartition(b"\n")[0]
    return [json.loads(line) for line in whole.split(b"\n") if line.startswith(b"{")]


async def until(description: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that signals nothing; fails with the description when it does not come true."""
    try:
        async with asyncio.timeout(60):
            while not await holds():  # noqa: ASYNC110 - what it looks at signals nothing
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never came true: {description}") from None


async def health(address: str, service: str) -> str:
    """The name of the status that a worker answers."""
    async with grpc.aio.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=60)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def documents_of(raw: bytes) -> dict[str, tuple[int, int]]:
    """Pages and size of each artefact of a manifest."""
    return {a.name: (a.pages, a.size) for a in Manifest.from_bytes(raw).artefacts}
