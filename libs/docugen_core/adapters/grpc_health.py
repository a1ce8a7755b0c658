"""grpc.health.v1, for load balancers and orchestrators.

    ""  and our service names   SERVING from start to SIGTERM
    "liveness"                  SERVING while the process answers; restart it when it does not
    "readiness"                 SERVING while there is use in sending it work; when it is not, do not restart it

An answer is worked out when it is asked for, so it is never stale; watchers ask again every second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from docugen_core.adapters.lifetime import unless

LIVENESS = "liveness"
READINESS = "readiness"
WATCH_INTERVAL_S = 1.0

_Status = health_pb2.HealthCheckResponse
Context = grpc.aio.ServicerContext


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers for one server. ready: asked for each answer. closing: set once, when it ends. services: the full names of what
    it serves."""

    def __init__(
        self, ready: Callable[[], Awaitable[bool]], closing: asyncio.Event, services: Sequence[str] = ()
    ) -> None:
        self._ready = ready
        self._closing = closing
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
            if self._closing.is_set():
                return
            await unless(self._closing, asyncio.sleep(WATCH_INTERVAL_S))

    async def _status(self, service: str) -> int:
        if service == LIVENESS:
            serving = True
        elif service == READINESS:
            serving = not self._closing.is_set() and await self._ready()
        elif service in self._services:
            serving = not self._closing.is_set()
        else:
            return int(_Status.SERVICE_UNKNOWN)
        return int(_Status.SERVING if serving else _Status.NOT_SERVING)
