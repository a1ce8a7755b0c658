"""A scheduler with a queue on a real Redis, and workers beside it whose renders a test directs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docugen.v1.queue_service_pb2_grpc import QueueServiceStub
from docugen_core.generation import BundleRenderer
from docugen_core.ports import Renderer
from docugen_core.rendering.task import RenderLimits
from docugen_worker.app import Working, running_worker
from grpc_health.v1 import health_pb2, health_pb2_grpc
from scheduler_server import Scheduler, note_settings, real_scheduler
from worker_world import LEASE_MS

if TYPE_CHECKING:
    from docugen.v1.queue_service_pb2_grpc import QueueServiceAsyncStub


@dataclass(frozen=True, slots=True)
class QueueScheduler(Scheduler):
    """A Scheduler in queue mode."""

    @property
    def queue(self) -> QueueServiceAsyncStub:
        return QueueServiceStub(self.channel)

    async def health(self, service: str) -> str:
        """The name of the status that grpc.health.v1 answers."""
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(self.channel).Check(request, timeout=60)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    @asynccontextmanager
    async def worker(self, renderer: Renderer, name: str = "ada", **changes: Any) -> AsyncIterator[Working]:
        """A worker in this process, on the same store. changes: of its settings."""
        core = self.served.core
        bundles = BundleRenderer(core.intake.catalogue, core.intake.generators, renderer, RenderLimits())
        settings = replace(core.settings, worker_grpc_address="127.0.0.1:0", **changes)
        async with running_worker(settings, consumer=name, rendering=(core.intake, bundles, core.store)) as working:
            yield working


@asynccontextmanager
async def queue_scheduler(folder: Path, redis_url: str, queue: str, **changes: Any) -> AsyncIterator[QueueScheduler]:
    """changes: of its settings."""
    ours: dict[str, Any] = {
        "queue_enabled": True,
        "queue_allow_volatile": True,
        "redis_url": redis_url,
        "queue_name": queue,
        "queue_backoff_ms": 50,
        "queue_lease_ms": LEASE_MS,
        "queue_concurrency": 2,
    }
    async with real_scheduler(note_settings(folder, **(ours | changes))) as plain:
        yield QueueScheduler(plain.served, plain.channel, plain.lifetime)
