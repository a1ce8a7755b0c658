"""Where a storm takes place: a real Redis, proxies in front of it, worker and scheduler processes, a folder as the store.

    client -> scheduler process -> proxy "front" -> Redis (append-only file, fsync always) <- proxy "back" <- worker processes

The storm itself looks at Redis past the proxies (`queue`). What the processes log goes to the `Chronicle`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.chronicle import Chronicle
from chaos.orders import install
from chaos.processes import Service
from docugen_core.adapters.embedded_redis import EmbeddedRedis
from docugen_core.adapters.queue_rules import QueueRules
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.adapters.redis_queue import RedisQueue
from docugen_core.config import Settings, declarations
from redis_proxy import Proxy
from redis_servers import free_port, own_server

WORKERS = 3
LEASE_MS = 2_000


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything is running. settings: as the services have them, but with the way to Redis that goes past the proxies."""

    settings: Settings
    server: EmbeddedRedis
    front: Proxy
    back: Proxy
    workers: tuple[Service, ...]
    scheduler: Service
    queue: RedisQueue
    redis: RedisConnection
    store: Path

    @property
    def address(self) -> str:
        return self.settings.grpc_address

    async def restart_redis(self, *, kill: bool) -> None:
        """End the server, by SIGKILL or as an operator would, and start it again on its data."""
        await asyncio.to_thread(self.server.stop, kill=kill)
        self.server.start()  # in this thread, which lives on: the server dies with the thread that started it
        await asyncio.to_thread(self.server.wait_ready)


@asynccontextmanager
async def staged(folder: Path, binary: Path, chronicle: Chronicle) -> AsyncIterator[Stage]:
    """A stage in `folder`; leaving it ends every process."""
    settings = storm_settings(folder)
    with own_server(binary, appendfsync="always") as server:
        async with Proxy(server.url) as front, Proxy(server.url) as back, RedisConnection(server.url) as redis:
            queue = RedisQueue(redis, settings.queue_name, QueueRules.of(settings))
            scheduler = Service(
                "scheduler", "docugen_scheduler", environment(settings, redis_url=front.url), chronicle.hear
            )
            to_redis = environment(settings, redis_url=back.url)
            workers = tuple(Service(f"worker-{n}", "docugen_worker", to_redis, chronicle.hear) for n in range(WORKERS))
            everybody = (scheduler, *workers)
            try:
                await asyncio.gather(*(service.start() for service in everybody))
                yield Stage(settings, server, front, back, workers, scheduler, queue, redis, folder / "store")
            finally:
                for service in everybody:
                    service.kill()
                await asyncio.gather(*(service.gone() for service in everybody))


def storm_settings(folder: Path) -> Settings:
    """Short leases and delays, so that a storm of minutes holds hours of trouble."""
    return Settings(
        queue_enabled=True,
        queue_name="storm",
        queue_lease_ms=LEASE_MS,
        queue_concurrency=4,
        queue_backoff_ms=50,
        queue_backoff_max_ms=1_000,
        store_url=f"file://{folder / 'store'}",
        template_path=str(install(folder / "packs")),
        grpc_address=f"127.0.0.1:{free_port()}",
        worker_grpc_address="127.0.0.1:0",
        metrics_address="",
        worker_metrics_address="",
        render_processes=1,
        render_timeout_ms=6_000,  # nine times what the slowest good bundle takes: only what hangs may come near
        render_memory_mb=1_024,
        grace_ms=8_000,
        log_level="debug",
        log_format="json",
    )


def environment(settings: Settings, **changes: object) -> Mapping[str, str]:
    """`settings` as DOCUGEN_ variables: those that are not the default, and `changes`."""
    chosen = {d.name: getattr(settings, d.name) for d in declarations() if getattr(settings, d.name) != d.default}
    return {f"DOCUGEN_{name.upper()}": str(value) for name, value in (chosen | changes).items()}
