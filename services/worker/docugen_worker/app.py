"""The worker put together, and the way it ends: three scopes, ended from the inside out.

    housekeeping   heartbeat, settler, progress, announcer, sweeper, readiness     end when no job is left
      jobs         one task for each job in hand                                   end within the grace, or are handed back
        fetching   the only one that takes                                         ends at the first signal

    start   bind (health, metrics) -> look at Redis (one that is away is waited for) -> store, packs, render processes -> fetch
    end     NOT_SERVING, no more takes -> jobs end within the grace -> the rest goes back unspent -> leave -> close

A worker that is killed needs none of this: its leases lapse, and the queue hands its jobs to others.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import structlog
from docugen_core import __version__
from docugen_core.adapters.grpc_address import bind, connection_options
from docugen_core.adapters.grpc_health import Health
from docugen_core.adapters.lifetime import Lifetime, ended_by_signals, unless
from docugen_core.adapters.metrics_endpoint import exposed_measures
from docugen_core.adapters.queue_health import QueueHealth
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_job_source import RedisJobSource
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.adapters.trace_export import exported_traces
from docugen_core.assembly import assemble_rendering
from docugen_core.config import Settings
from docugen_core.domain.lease import Delivery
from docugen_core.domain.retry import RetryPolicy
from docugen_core.domain.worker import WorkerAdvert, consumer_name
from docugen_core.errors import DocugenError, Unavailable
from docugen_core.generation import BundleRenderer
from docugen_core.measures import Measures
from docugen_core.ports import ArtefactStore
from docugen_core.rendering.typst_library import library_changed
from docugen_core.submission import Intake
from docugen_core.tracing import UNTRACED, Tracer
from grpc_health.v1 import health_pb2_grpc

from docugen_worker.announcer import Announcer
from docugen_worker.fetcher import Fetcher
from docugen_worker.health import Readiness
from docugen_worker.heartbeat import Heartbeat
from docugen_worker.jobs import Job, JobsInHand, Stop
from docugen_worker.processor import Processor, Workshop
from docugen_worker.progress import ProgressTeller
from docugen_worker.settler import Settler
from docugen_worker.sweeper import Sweeper

HAND_BACK_S_MAX, HAND_BACK_SHARE = 5.0, 0.25
"""What is kept of the grace for handing back what is not finished: so many seconds, or this share of a shorter grace."""

log = structlog.get_logger(__name__)


Rendering = tuple[Intake, BundleRenderer, ArtefactStore]


@dataclass(frozen=True, slots=True)
class Working:
    """A worker that takes jobs. address: `host:port` of its health. consumer: its name in the queue. jobs: those in hand.
    outdated: set when its installation was replaced under it, and it can render nothing until it is started anew.
    metrics_address: `host:port` of its metrics, empty for none."""

    address: str
    consumer: str
    jobs: JobsInHand
    settings: Settings
    outdated: asyncio.Event
    metrics_address: str = ""


async def work(settings: Settings, announce: Callable[[Working], None]) -> int:
    """Work until SIGTERM or SIGINT; `announce` is called once jobs are taken. Returns the exit code.

    The first signal ends the worker gracefully (0), a second one at once (128 + its number); jobs in hand then wait for their
    leases. Raises ConfigurationError, also for a Redis that may lose jobs, and Unavailable (store; also, after a graceful end,
    for an installation that was replaced under the worker: whoever starts it again gives it the new one).
    """
    lifetime = Lifetime()
    stop = ended_by_signals(lifetime)
    with exported_traces("docugen-worker") as exported:
        async with running_worker(settings, lifetime=lifetime, tracer=exported.tracer) as working:
            announce(working)
            await unless(working.outdated, stop.asked.wait())
            exported.end_in(settings.grace_ms / 1_000)
        if lifetime.hurried.is_set():
            exported.hurry()
    if working.outdated.is_set() and not stop.asked.is_set():
        raise library_changed()
    return stop.exit_code


@asynccontextmanager
async def running_worker(
    settings: Settings,
    *,
    consumer: str = "",
    rendering: Rendering | None = None,
    lifetime: Lifetime | None = None,
    tracer: Tracer = UNTRACED,
) -> AsyncIterator[Working]:
    """A worker that takes jobs; leaving the context ends it gracefully, within settings.grace_ms.

    consumer: a name never used before, by default made of host, process and boot; several workers in one process need one
    each. rendering: what to render with (not closed here), by default what `assemble_rendering(settings)` makes;
    it has a tracer of its own. Raises
    ConfigurationError (address, store, Redis), Unavailable.
    """
    lifetime, consumer = lifetime or Lifetime(), consumer or _own_name()
    server = grpc.aio.server(options=connection_options(settings))
    host, port = bind(
        server, settings.worker_grpc_address, insecure=settings.insecure, setting="DOCUGEN_WORKER_GRPC_ADDRESS"
    )
    with _one_error():
        async with AsyncExitStack() as stack:
            exposed = stack.enter_context(
                exposed_measures(
                    settings.worker_metrics_address,
                    setting="DOCUGEN_WORKER_METRICS_ADDRESS",
                    insecure=settings.insecure,
                )
            )
            connection = await stack.enter_async_context(RedisConnection.of(settings))
            looked_after = await stack.enter_async_context(
                QueueHealth(connection, SystemClock(), allow_volatile=settings.queue_allow_volatile)
            )
            if rendering is None:
                rendering = await stack.enter_async_context(assemble_rendering(settings, exposed.measures, tracer))
            crew = _Crew.assembled(settings, connection, looked_after, consumer, rendering, exposed.measures)
            health = Health(crew.readiness.ready, lifetime.closing)
            health_pb2_grpc.add_HealthServicer_to_server(health, server)
            await server.start()
            stack.push_async_callback(server.stop, 0)
            async with crew.at_work(lifetime):
                yield Working(f"{host}:{port}", consumer, crew.jobs, settings, crew.outdated, exposed.address)


class _Crew:
    """The actors of one worker, and their end."""

    def __init__(
        self,
        settings: Settings,
        source: RedisJobSource,
        desk: RedisQueue,
        looked_after: QueueHealth,
        shop: Workshop,
        advert: WorkerAdvert,
    ) -> None:
        consumer, lease_ms = source.consumer, settings.queue_lease_ms
        self._grace_s = settings.grace_ms / 1_000
        self._attempt_s = settings.attempt_timeout_ms / 1_000
        self._source = source
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.jobs = JobsInHand(settings.queue_slots, shop.measures)
        self._settler = Settler(source, consumer, lease_ms, self.jobs.none_waits)
        self._progress = ProgressTeller(source, self.jobs)
        self.outdated = asyncio.Event()
        self._processor = Processor(shop, self.jobs, self._settler, self._progress, self.outdated)
        self._heartbeat = Heartbeat(source, self.jobs, lease_ms)
        self._fetcher = Fetcher(source, self.jobs, consumer, self._start, lease_ms=lease_ms)
        self._announcer = Announcer(source, self.jobs, advert)
        self._sweeper = Sweeper(desk, consumer)
        self.readiness = Readiness(looked_after, self._fetcher, self._announcer)

    @classmethod
    def assembled(
        cls,
        settings: Settings,
        connection: RedisConnection,
        looked_after: QueueHealth,
        consumer: str,
        rendering: Rendering,
        measures: Measures,
    ) -> _Crew:
        """For one consumer of the queue behind `connection`."""
        intake, bundles, store = rendering
        rules, engine = QueueRules.of(settings), bundles.renderer.engine.fingerprint
        packs = tuple(sorted(pack.digest for pack in intake.catalogue.packs()))
        policy = RetryPolicy(settings.queue_max_attempts, settings.queue_backoff_ms, settings.queue_backoff_max_ms)
        return cls(
            settings,
            RedisJobSource(connection, settings.queue_name, consumer=consumer, engine=engine, rules=rules),
            RedisQueue(connection, settings.queue_name, rules),
            looked_after,
            Workshop(bundles, store, policy, settings.attempt_timeout_ms, settings.queue_lease_ms, packs, measures),
            WorkerAdvert(
                host=socket.gethostname(),
                process_id=os.getpid(),
                start_time_ms=SystemClock().now_ms(),
                slots=settings.queue_slots,
                engine_fingerprint=engine,
                version=__version__,
                packs=packs,
            ),
        )

    @asynccontextmanager
    async def at_work(self, lifetime: Lifetime) -> AsyncIterator[None]:
        """All actors at work; leaving ends them in order."""
        loop = asyncio.get_running_loop()
        async with (
            _background(
                self._heartbeat.run(),
                self._settler.run(),
                self._progress.run(),
                self._announcer.run(),
                self._sweeper.run(),
                self.readiness.run(),
            ),
            asyncio.TaskGroup() as self._group,
        ):
            fetching = self._group.create_task(self._fetcher.run(lifetime.closing), name="fetcher")
            yield
            lifetime.closing.set()
            until_s = loop.time() + self._grace_s
            await unless(lifetime.hurried, self._drain(fetching, until_s))
            lifetime.drained.set()
            for task in (fetching, *self._tasks.values()):
                task.cancel()
        if not lifetime.hurried.is_set():
            await self._leave(until_s)

    def _start(self, delivery: Delivery, since_s: float) -> None:
        assert self._group is not None  # the fetcher runs in it
        job = Job(delivery, heard_s=since_s, deadline_s=asyncio.get_running_loop().time() + self._attempt_s)
        self.jobs.add(job)
        task = self._group.create_task(self._processor.process(job), name=f"job {delivery.lease.run_id}")
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    async def _drain(self, fetching: asyncio.Task[None], until_s: float) -> None:
        """Let jobs end, then stop them, so that they are handed back. What Redis does not hear in time waits for its lease."""
        reserve_s = min(HAND_BACK_S_MAX, self._grace_s * HAND_BACK_SHARE)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until_s - reserve_s):
                await asyncio.wait([fetching])
                await self.jobs.empty()
        fetching.cancel()
        for job in self.jobs:
            job.stop(Stop.LEAVING)
        try:
            async with asyncio.timeout_at(until_s):
                await self.jobs.empty()
        except TimeoutError:
            log.warning("jobs_left_to_their_leases", count=len(self.jobs))

    async def _leave(self, until_s: float) -> None:
        """Say goodbye. What is still on record as ours, from a take whose reply was lost, goes back unspent first."""
        try:
            async with asyncio.timeout_at(max(until_s, asyncio.get_running_loop().time() + 0.5)):
                await self._source.recover((), last=True)
                await self._source.leave()
        except (Unavailable, TimeoutError):
            log.warning("goodbye_unheard")


@asynccontextmanager
async def _background(*actors: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Actors that run until the context is left, and are then cancelled. One that raises ends the context."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(actor) for actor in actors]
        yield
        for task in tasks:
            task.cancel()


@contextmanager
def _one_error() -> Iterator[None]:
    """Raise the first error of ours in a group by itself: it says how the process ends."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours = group.subgroup(DocugenError)
        while isinstance(ours, BaseExceptionGroup):
            ours = ours.exceptions[0]  # type: ignore[assignment]
        if ours is None:
            raise
        raise ours from group


def _own_name() -> str:
    """A consumer name that no process had before or will have again."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # The name of the program, in brackets, may hold blanks; the start time is the 20th field after it (proc(5)).
    start_ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return consumer_name(socket.gethostname(), os.getpid(), boot_id, start_ticks)
