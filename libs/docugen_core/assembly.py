"""Puts the parts together: settings in, a working core out. The one place that chooses an executor.

`DOCUGEN_QUEUE_ENABLED` decides: off (the default) gives the InlineExecutor, on the QueueExecutor, with an InlineExecutor behind
it where DOCUGEN_QUEUE_FALLBACK=inline. Adapters are imported inside the functions that need them, so a command that only
validates starts no engine and imports no ledger, and without a queue nothing of Redis is imported.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docugen_core.config import Settings
from docugen_core.domain.retry import RetryPolicy
from docugen_core.errors import ConfigurationError
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.measures import UNMEASURED, Measures
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import RenderLimits
from docugen_core.submission import Intake
from docugen_core.tracing import UNTRACED, Tracer
from docugen_core.validation import BundleLimits

if TYPE_CHECKING:
    from docugen_core.adapters.inline_executor import InlineExecutor
    from docugen_core.adapters.render_launch import LaunchedServer
    from docugen_core.generation import BundleRenderer
    from docugen_core.ports import ArtefactStore, BundleStore, Clock, GenerationExecutor, QueueDesk, Signer

FALLBACK_LEDGERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Core:
    """Everything a service or a command works with, started and ready. desk: the queue for operators; None without one.
    measures: what its parts record into."""

    settings: Settings
    intake: Intake
    bundles: BundleRenderer
    store: ArtefactStore
    executor: GenerationExecutor
    clock: Clock
    desk: QueueDesk | None = None
    measures: Measures = UNMEASURED


def assemble_intake(settings: Settings) -> Intake:
    """What it takes to check a bundle: no process is started, nothing is written.

    Raises ConfigurationError or RenderFailed naming the pack file that cannot be loaded.
    """
    folders = [Path(p) for p in settings.template_path.split(":") if p]
    return Intake(
        catalogue=TemplateCatalogue.load(folders),
        generators=GeneratorRegistry.load(),
        limits=BundleLimits(
            documents_max=settings.max_documents,
            data_depth_max=settings.max_data_depth,
            bytes_max=settings.max_request_bytes,
        ),
    )


@asynccontextmanager
async def assemble_rendering(
    settings: Settings,
    measures: Measures = UNMEASURED,
    tracer: Tracer = UNTRACED,
    *,
    intake: Intake | None = None,
    launched: LaunchedServer | None = None,
) -> AsyncIterator[tuple[Intake, BundleRenderer, BundleStore]]:
    """What renders and what keeps the result, without runs: no ledger is opened and no unfinished run is taken up.

    intake: what `assemble_intake(settings)` gave, for a caller that has it already. launched: as for `RenderPool`.

    Safe beside a scheduler on the same store. Raises as `assemble_intake` does, and ConfigurationError for the store, or
    Unavailable while a bucket does not answer.
    """
    from docugen_core.adapters.render_pool import RenderPool
    from docugen_core.adapters.store_opening import proven_store
    from docugen_core.document_cache import DocumentCache
    from docugen_core.generation import BundleRenderer

    intake = intake or assemble_intake(settings)
    signer = _signer(settings)
    store = await proven_store(settings)
    async with RenderPool(settings, measures, launched=launched) as pool:
        limits = RenderLimits(
            pages_max=settings.max_pages,
            rows_max=settings.max_rows,
            bytes_max=settings.max_artefact_bytes,
        )
        cache = DocumentCache(store, store) if settings.document_cache_entries else None
        yield (
            intake,
            BundleRenderer(intake.catalogue, intake.generators, pool, limits, measures, cache, signer, tracer),
            store,
        )


def _signer(settings: Settings) -> Signer | None:
    if not settings.signing_key_file:
        return None
    from docugen_core.adapters.manifest_signing import ManifestSigner

    return ManifestSigner.load(Path(settings.signing_key_file))


@asynccontextmanager
async def assemble(
    settings: Settings,
    measures: Measures = UNMEASURED,
    tracer: Tracer = UNTRACED,
    *,
    intake: Intake | None = None,
    launched: LaunchedServer | None = None,
) -> AsyncIterator[Core]:
    """A running core. Leaving the context stops renders and closes files; unfinished runs go on at the next start, or with the
    workers of the queue. intake, launched: as for `assemble_rendering`.

    Raises ConfigurationError when the settings ask for what this version or machine cannot do, or for a Redis that may lose
    jobs; Unavailable when the store cannot be opened. A Redis that does not answer is no error: the core starts, is not
    ready, and becomes so when Redis is there.
    """
    from docugen_core.adapters.queue_observer import observed_queue
    from docugen_core.adapters.system_clock import SystemClock

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        rendering_parts = assemble_rendering(settings, measures, tracer, intake=intake, launched=launched)
        checked_by, bundles, store = await stack.enter_async_context(rendering_parts)
        rendering = _Rendering(bundles, store, clock)
        executor: GenerationExecutor
        if settings.queue_enabled:
            executor, desk = await stack.enter_async_context(_queue(settings, rendering))
            look = desk.stats
        else:
            executor = inline = await stack.enter_async_context(_inline(settings, rendering, "ledger.sqlite3"))
            desk, look = None, inline.stats
        await stack.enter_async_context(observed_queue(look, measures))
        yield Core(settings, checked_by, bundles, store, executor, clock, desk, measures)


@dataclass(frozen=True, slots=True)
class _Rendering:
    """What every executor needs."""

    bundles: BundleRenderer
    store: BundleStore
    clock: Clock

    @property
    def measures(self) -> Measures:
        return self.bundles.measures


@asynccontextmanager
async def _inline(settings: Settings, rendering: _Rendering, ledger_name: str) -> AsyncIterator[InlineExecutor]:
    from docugen_core.adapters.inline_executor import InlineExecutor
    from docugen_core.adapters.sqlite_ledger import SqliteLedger
    from docugen_core.adapters.store_opening import ledger_folder

    async with (
        SqliteLedger(ledger_folder(settings) / ledger_name) as ledger,
        InlineExecutor(
            bundles=rendering.bundles,
            store=rendering.store,
            ledger=ledger,
            clock=rendering.clock,
            policy=RetryPolicy(
                max_attempts=settings.queue_max_attempts,
                backoff_ms=settings.queue_backoff_ms,
                backoff_ms_max=settings.queue_backoff_max_ms,
            ),
            attempt_timeout_ms=settings.attempt_timeout_ms,
            slots=settings.inline_slots,
            waiting_max=settings.inline_waiting_max,
            measures=rendering.measures,
        ) as executor,
    ):
        yield executor


@asynccontextmanager
async def _queue(settings: Settings, rendering: _Rendering) -> AsyncIterator[tuple[GenerationExecutor, QueueDesk]]:
    from docugen_core.adapters.queue_executor import QueueExecutor
    from docugen_core.adapters.queue_health import QueueHealth
    from docugen_core.adapters.queue_rules import QueueRules
    from docugen_core.adapters.redis_connection import RedisConnection
    from docugen_core.adapters.redis_queue import RedisQueue

    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(RedisConnection.of(settings))
        health = await stack.enter_async_context(
            QueueHealth(connection, rendering.clock, allow_volatile=settings.queue_allow_volatile)
        )
        try:
            queue = RedisQueue(connection, settings.queue_name, QueueRules.of(settings))
        except ValueError as error:
            raise ConfigurationError(f"DOCUGEN_QUEUE_NAME: {error}", hint="For example bundle:generate.") from error
        executor = QueueExecutor(
            queue=queue,
            store=rendering.store,
            clock=rendering.clock,
            health=health,
            max_attempts=settings.queue_max_attempts,
            inline_bytes=settings.queue_inline_bytes,
            measures=rendering.measures,
            tracer=rendering.bundles.tracer,
        )
        await stack.enter_async_context(executor)
        if settings.queue_fallback == "inline":
            from docugen_core.adapters.queue_fallback import QueueWithFallback

            yield QueueWithFallback(executor, await _fallback(settings, rendering, stack)), queue
        else:
            yield executor, queue


async def _fallback(settings: Settings, rendering: _Rendering, stack: AsyncExitStack) -> InlineExecutor:
    """An InlineExecutor with the first ledger that is free: schedulers share a store, and a ledger has one owner. What a
    scheduler left unfinished is taken up by whoever gets its ledger next."""
    for number in range(1, FALLBACK_LEDGERS_MAX):
        with suppress(ConfigurationError):
            return await stack.enter_async_context(_inline(settings, rendering, f"fallback-{number}.sqlite3"))
    return await stack.enter_async_context(
        _inline(settings, rendering, f"fallback-{FALLBACK_LEDGERS_MAX}.sqlite3")  # raises as the last one does
    )
