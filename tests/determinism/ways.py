"""The ways a bundle takes to its bytes: in this process, through a pool, an inline executor, or a queue with worker processes.

Each way takes an `Order` and tells for every bundle its manifest and how to read its artefacts. What a way has to have come
about for its row to mean anything (a worker killed, a document taken over) it counts in `facts`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from determinism.drawn import Drawn, drawn
from direct_renderer import render_bundle
from docugen_core.assembly import Core, assemble, assemble_intake, assemble_rendering
from docugen_core.config import Settings
from docugen_core.domain.run import BundleRun, RunState
from docugen_core.submission import SubmitRequest, prepare_generation_job, submit_generation_job, wait_for_run

if TYPE_CHECKING:
    from chaos.processes import Line, Service

AT_ONCE = 8
RUN_MS_MAX = 900_000
WORKERS = 2
WORKER_WORLDS: Sequence[Mapping[str, str]] = (
    {"PYTHONHASHSEED": "11", "TZ": "Asia/Kathmandu"},
    {"PYTHONHASHSEED": "12", "TZ": "America/St_Johns", "RAYON_NUM_THREADS": "4"},
)
KILL_EVERY = 6
"""Documents of a worker between two kills: a bundle has two to fifteen."""

Read = Callable[[str], Awaitable[bytes]]
"""Bytes by SHA-256."""
Made = tuple[int, bytes, Read]
"""Number of the bundle, its manifest, its artefacts."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to render, in that order, and how. packs: folder with the pack `binder`. settings: other than the defaults.
    home: a folder for stores and sockets. facts: what came about, filled in on the way."""

    seed: str
    numbers: Sequence[int]
    way: str
    packs: str
    home: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Counter[str] = field(default_factory=Counter)

    @property
    def bundles(self) -> list[Drawn]:
        return [drawn(self.seed, number) for number in self.numbers]

    def all_settings(self, **changes: Any) -> Settings:
        mine: dict[str, Any] = {
            "template_path": self.packs,
            "store_url": f"file://{self.home / 'store'}",
            "render_processes": 2,
        }
        return Settings(**(mine | dict(self.settings) | changes))


async def _direct(order: Order) -> AsyncIterator[Made]:
    """One after the other, in this very process: its clock, locale and hash seed reach the engines."""
    intake = assemble_intake(order.all_settings())
    for one in order.bundles:
        manifest, kept = await render_bundle(one.bundle, intake)
        yield one.number, manifest.to_bytes(), _from(kept)


def _from(kept: Mapping[str, bytes]) -> Read:
    async def read(sha256: str) -> bytes:
        return kept[sha256]

    return read


async def _pool(order: Order) -> AsyncIterator[Made]:
    """Several bundles at once, in render processes."""
    room = asyncio.Semaphore(AT_ONCE)
    async with assemble_rendering(order.all_settings()) as (intake, bundles, store):

        async def render(one: Drawn) -> Made:
            async with room:
                job = prepare_generation_job(SubmitRequest(one.bundle), intake)
                manifest = await bundles.render(job.bundle, store.put_blob)
                return one.number, manifest.to_bytes(), store.read_blob

        for made in asyncio.as_completed([render(one) for one in order.bundles]):
            yield await made


async def _inline(order: Order) -> AsyncIterator[Made]:
    """The scheduler's own executor, and its document cache as the settings say."""
    async with assemble(order.all_settings()) as core:
        async for made in _published(order, core, "run"):
            yield made


async def _taken_over(order: Order) -> AsyncIterator[Made]:
    """Each bundle in a first run, and then in another one that takes over what the first rendered."""
    async with assemble(order.all_settings()) as core:
        async for _ in _published(order, core, "first"):
            pass
        order.facts.clear()
        async for made in _published(order, core, "second"):
            yield made


async def _published(order: Order, core: Core, prefix: str) -> AsyncIterator[Made]:
    """Submit everything, a few at a time, and read what was published."""
    room = asyncio.Semaphore(4 * AT_ONCE)

    async def submitted(one: Drawn) -> tuple[int, BundleRun]:
        async with room:
            run_id = f"{prefix}-{one.number}"
            await submit_generation_job(
                SubmitRequest(one.bundle, run_id=run_id), intake=core.intake, executor=core.executor
            )
            return one.number, await wait_for_run(core.executor, run_id, RUN_MS_MAX)

    for settled in asyncio.as_completed([submitted(one) for one in order.bundles]):
        number, run = await settled
        assert run.state is RunState.SUCCEEDED, f"bundle {number} of seed {order.seed}: {run.state}, {run.failure}"
        manifest = await core.store.read_manifest(run.run_id)
        assert manifest is not None
        order.facts["documents taken over"] += sum(document.reused for document in run.documents)
        order.facts["second attempts"] += run.attempt > 1
        yield number, manifest, core.store.read_blob


async def _queue(order: Order) -> AsyncIterator[Made]:
    """Submitted to a Redis, rendered by worker processes, each in a world of its own."""
    async with _staffed(order, lambda *_: None) as (core, workers):
        async for made in _published(order, core, "run"):
            yield made
        order.facts["workers"] = len(workers)


async def _queue_with_kills(order: Order) -> AsyncIterator[Made]:
    """The same, and now and then a worker is killed when it has rendered some documents of a bundle, and started again: a third
    as often as there are bundles, and more often where none of these came amid a bundle."""
    rendered, restarts, again = Counter[str](), set[asyncio.Task[None]](), set[str]()

    async def replaced(worker: Service) -> None:
        await worker.gone()
        await worker.start()
        worker.busy = False

    def hear(worker: Service, line: Line) -> None:
        if line.get("event") == "job_step" and line["attempt"] > 1:
            again.add(line["run_id"])
        if line.get("event") != "job_step" or line.get("step") != "document" or worker.busy:
            return
        rendered[worker.name] += 1
        enough = order.facts["workers killed"] >= len(order.numbers) // 3 and again
        if rendered[worker.name] % KILL_EVERY == 0 and not enough:
            order.facts["workers killed"] += 1
            worker.busy = True
            worker.kill()
            restarts.add(asyncio.create_task(replaced(worker)))

    async with _staffed(order, hear, queue_lease_ms=2_000, queue_max_attempts=20) as (core, _):
        async for made in _published(order, core, "run"):
            yield made
        await asyncio.gather(*restarts)


@asynccontextmanager
async def _staffed(
    order: Order, hear: Callable[[Service, Line], None], **changes: Any
) -> AsyncIterator[tuple[Core, list[Service]]]:
    """A Redis, a core that submits to it, and workers; leaving ends all of them."""
    from chaos.processes import Service
    from chaos.stage import environment
    from redis_servers import own_server

    async with AsyncExitStack() as stack:
        server = stack.enter_context(own_server())
        settings = order.all_settings(
            queue_enabled=True,
            queue_allow_volatile=True,
            redis_url=server.url,
            queue_concurrency=2,
            queue_backoff_ms=50,
            worker_grpc_address="127.0.0.1:0",
            worker_metrics_address="",
            log_level="debug",
            log_format="json",
            **{"queue_lease_ms": 30_000} | changes,
        )
        workers = [
            Service(f"worker-{n}", "docugen_worker", {**environment(settings), **world}, hear)
            for n, world in enumerate(WORKER_WORLDS)
        ]
        try:
            await asyncio.gather(*(worker.start() for worker in workers))
            core = await stack.enter_async_context(assemble(replace(settings, render_processes=1)))
            yield core, workers
            codes = await asyncio.gather(*(worker.end() for worker in workers))
            assert codes == [0] * len(workers), f"workers ended with {codes}"
        finally:
            for worker in workers:
                worker.kill()
                await worker.gone()


WAYS: Mapping[str, Callable[[Order], AsyncIterator[Made]]] = {
    "direct": _direct,
    "pool": _pool,
    "inline": _inline,
    "taken over": _taken_over,
    "queue": _queue,
    "queue with kills": _queue_with_kills,
}
