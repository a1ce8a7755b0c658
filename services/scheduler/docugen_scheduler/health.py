"""grpc.health.v1, for load balancers and orchestrators.

    ""  and our service names   SERVING from start to SIGTERM
    "liveness"                  SERVING while the process answers; restart it when it does not
    "readiness"                 SERVING while a submit would be accepted: send callers elsewhere when it is not, do not restart

An answer is worked out when it is asked for, so it is never stale; watchers ask again every second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from docugen_core.ports import GenerationExecutor
from grpc_health.v1 import health_pb2, health_pb2_grpc

from docugen_scheduler.lifetime import Lifetime, unless

LIVENESS = "liveness"
READINESS = "readiness"
WATCH_INTERVAL_S = 1.0

_Status = health_pb2.HealthCheckResponse
Context = grpc.aio.ServicerContext


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers for one server. services: the full names of what it serves."""

    def __init__(self, executor: GenerationExecutor, lifetime: Lifetime, services: Sequence[str]) -> None:
        self._executor = executor
        self._lifetime = lifetime
        self._services = frozenset({"", *services})

    async def Check(self, request: Any, context: Context[Any, Any]) -> Any:  # noqa: N802
        status = await self._status(request.service)
        if status == _Status.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no health of {request.service[:100]!r} is known here")
        return _Status(status=status)

    async def Watch(self, request: Any, context: Context[Any, Any]) -> AsyncIterator[Any]:  # noqa: N802
        told: int | None = None
        while True:
            status = await self._status(request.service)
            if status != told:
                yield _Status(status=status)
                told = status
            if self._lifetime.closing.is_set():
                return
            await unless(self._lifetime.closing, asyncio.sleep(WATCH_INTERVAL_S))

    async def _status(self, service: str) -> int:
        if service == LIVENESS:
            serving = True
        elif service == READINESS:
            serving = not self._lifetime.closing.is_set() and await self._executor.ready()
        elif service in self._services:
            serving = not self._lifetime.closing.is_set()
        else:
            return int(_Status.SERVICE_UNKNOWN)
        return int(_Status.SERVING if serving else _Status.NOT_SERVING)
