"""The scheduler put together: address, core, services, and the way it ends.

    start   bind (metrics, gRPC) -> assemble the core (unfinished runs are taken up) -> serve
    end     health NOT_SERVING, watchers and waiters end (UNAVAILABLE, come back)
            -> runs end within the grace, the rest is handed back unspent -> calls end -> the core closes -> metrics end
            -> the last spans go out

The addresses are bound first: a second scheduler started by mistake ends before it touches a run. `so_reuseport` is off for the
same reason; with it on (gRPC's default) two servers share a port silently.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
from docugen.keda import external_scaler_pb2_grpc as keda
from docugen.v1 import artefact_service_pb2_grpc as artefacts
from docugen.v1 import bundle_run_service_pb2_grpc as bundle_runs
from docugen.v1 import queue_service_pb2_grpc as queue
from docugen.v1 import template_service_pb2_grpc as templates
from docugen_core.adapters.grpc_address import bind, connection_options
from docugen_core.adapters.grpc_health import Health
from docugen_core.adapters.lifetime import Lifetime, ended_by_signals, unless
from docugen_core.adapters.metrics_endpoint import exposed_measures
from docugen_core.adapters.server_tls import ServerTls
from docugen_core.adapters.system_clock import SystemClock
from docugen_core.adapters.token_file import TokenFile
from docugen_core.adapters.trace_export import exported_traces
from docugen_core.assembly import Core, assemble
from docugen_core.config import Settings
from docugen_core.dead_letters import DeadLetters
from docugen_core.tracing import UNTRACED, Tracer
from grpc_health.v1 import health_pb2_grpc

from docugen_scheduler.artefact_service import ArtefactService
from docugen_scheduler.authorisation import Gate
from docugen_scheduler.bundle_run_service import BundleRunService
from docugen_scheduler.call_limits import CallLimits
from docugen_scheduler.external_scaler import ExternalScaler
from docugen_scheduler.gatekeeper import Gatekeeper
from docugen_scheduler.interceptors import CallInterceptor
from docugen_scheduler.method_table import methods_by_name
from docugen_scheduler.queue_disabled import queue_disabled_handlers
from docugen_scheduler.queue_service import QueueService
from docugen_scheduler.reflection import add_reflection
from docugen_scheduler.template_service import TemplateService

SERVICES = (
    "docugen.v1.ArtefactService",
    "docugen.v1.BundleRunService",
    "docugen.v1.QueueService",
    "docugen.v1.TemplateService",
    "externalscaler.ExternalScaler",
)
LAST_CALLS_S = 2.0
"""At the end, when no run is left: how long calls may still take."""

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers. address: `host:port` to connect to. core: what it works with. limits: who is inside.
    metrics_address: `host:port` of its metrics, empty for none."""

    address: str
    port: int
    core: Core
    limits: CallLimits
    metrics_address: str = ""


async def serve(settings: Settings, announce: Callable[[Served], None]) -> int:
    """Serve until SIGTERM or SIGINT; `announce` is called once it answers. Returns the exit code.

    The first signal ends the server gracefully (0), a second one at once (128 + its number); unfinished runs go on at the
    next start either way. Raises ConfigurationError and what `assemble` raises.
    """
    lifetime = Lifetime()
    stop = ended_by_signals(lifetime)
    with exported_traces("docugen-scheduler") as exported:
        async with running_server(settings, lifetime=lifetime, tracer=exported.tracer) as served:
            announce(served)
            await stop.asked.wait()
            exported.end_in(settings.grace_ms / 1_000)
        if lifetime.hurried.is_set():
            exported.hurry()
    return stop.exit_code


@asynccontextmanager
async def running_server(
    settings: Settings, *, core: Core | None = None, lifetime: Lifetime | None = None, tracer: Tracer = UNTRACED
) -> AsyncIterator[Served]:
    """A server that answers; leaving the context ends it gracefully, within settings.grace_ms.

    core: what to serve (not closed here), by default the one `assemble(settings)` makes. Several servers may run in one process
    with ports and stores of their own. Raises ConfigurationError (address, store, queue), Unavailable.
    """
    lifetime, limits = lifetime or Lifetime(), CallLimits(settings)
    now_ms = SystemClock().now_ms
    tls = ServerTls.of(settings, now_ms)
    tokens = TokenFile(settings.auth_tokens_file, now_ms) if settings.auth_tokens_file else None
    async with AsyncExitStack() as stack:
        exposed = stack.enter_context(
            exposed_measures(settings.metrics_address, setting="DOCUGEN_METRICS_ADDRESS", insecure=settings.insecure)
        )
        server = grpc.aio.server(
            interceptors=[
                CallInterceptor(limits, settings.max_request_bytes, exposed.measures, tracer),
                Gatekeeper(Gate(tokens)),
            ],
            options=server_options(settings),
        )
        host, port = bind(
            server,
            settings.grpc_address,
            insecure=settings.insecure,
            setting="DOCUGEN_GRPC_ADDRESS",
            credentials=tls.credentials() if tls else None,
        )
        served = await stack.enter_async_context(assemble(settings, exposed.measures, tracer)) if core is None else core
        _add_services(server, served, lifetime)
        await server.start()
        stack.push_async_callback(_end, server, served, lifetime)
        yield Served(f"{host}:{port}", port, served, limits, exposed.address)


def server_options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """gRPC's own bounds. Twice max_request_bytes may arrive, so that a request beyond the bound gets an answer that says so
    instead of gRPC's bare RESOURCE_EXHAUSTED, which clients would retry."""
    return (
        *connection_options(settings),
        ("grpc.max_receive_message_length", min(2 * settings.max_request_bytes, _INT32_MAX)),
        ("grpc.max_send_message_length", -1),
    )


def _add_services(server: grpc.aio.Server, core: Core, lifetime: Lifetime) -> None:
    by_name = methods_by_name(server)
    bundle_runs.add_BundleRunServiceServicer_to_server(BundleRunService(core, lifetime), by_name)
    artefacts.add_ArtefactServiceServicer_to_server(ArtefactService(core), by_name)
    templates.add_TemplateServiceServicer_to_server(TemplateService(core, lifetime), by_name)
    if core.desk is None:
        server.add_generic_rpc_handlers(queue_disabled_handlers())
    else:
        letters = DeadLetters(core.desk, core.clock, redrives_max=core.settings.queue_redrives_max)
        queue.add_QueueServiceServicer_to_server(
            QueueService(core.desk, letters, core.store, lifetime, core.measures), by_name
        )
        # Probes: KEDA's, and below those of whoever watches the service's health.
        keda.add_ExternalScalerServicer_to_server(ExternalScaler(core.desk.demand, lifetime), server)
    health_pb2_grpc.add_HealthServicer_to_server(Health(core.executor.ready, lifetime.closing, SERVICES), server)
    if core.settings.reflection_enabled:
        add_reflection(by_name, SERVICES)


async def _end(server: grpc.aio.Server, core: Core, lifetime: Lifetime) -> None:
    lifetime.closing.set()
    await unless(lifetime.hurried, core.executor.drain(core.settings.grace_ms))
    lifetime.drained.set()
    await server.stop(0 if lifetime.hurried.is_set() else LAST_CALLS_S)
