"""Puts the parts together: settings in, a working core out. The one place that chooses an executor.

`DOCUGEN_QUEUE_ENABLED` decides: off (the default) gives the InlineExecutor. Adapters are imported inside the functions that
need them, so a command that only validates starts no engine and imports no ledger.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docugen_core.config import Settings
from docugen_core.domain.retry import RetryPolicy
from docugen_core.errors import ConfigurationError
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.task import RenderLimits
from docugen_core.submission import Intake
from docugen_core.validation import BundleLimits

if TYPE_CHECKING:
    from docugen_core.adapters.local_store import LocalStore
    from docugen_core.generation import BundleRenderer
    from docugen_core.ports import ArtefactStore, Clock, GenerationExecutor


@dataclass(frozen=True, slots=True)
class Core:
    """Everything a service or a command works with, started and ready."""

    settings: Settings
    intake: Intake
    bundles: BundleRenderer
    store: ArtefactStore
    executor: GenerationExecutor
    clock: Clock


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
async def assemble_rendering(settings: Settings) -> AsyncIterator[tuple[Intake, BundleRenderer, LocalStore]]:
    """What renders and what keeps the result, without runs: no ledger is opened and no unfinished run is taken up.

    Safe beside a scheduler on the same store. Raises as `assemble_intake` does, and ConfigurationError for the store.
    """
    from docugen_core.adapters.local_store import open_store
    from docugen_core.adapters.render_pool import RenderPool
    from docugen_core.generation import BundleRenderer

    intake = assemble_intake(settings)
    store = open_store(settings.store_url)
    async with RenderPool(settings) as pool:
        limits = RenderLimits(
            pages_max=settings.max_pages,
            rows_max=settings.max_rows,
            bytes_max=settings.max_artefact_bytes,
        )
        yield intake, BundleRenderer(intake.catalogue, intake.generators, pool, limits), store


@asynccontextmanager
async def assemble(settings: Settings) -> AsyncIterator[Core]:
    """A running core. Leaving the context stops renders and closes files; unfinished runs go on at the next start.

    Raises ConfigurationError when the settings ask for what this version or machine cannot do, Unavailable when the
    store cannot be opened.
    """
    if settings.queue_enabled:
        raise ConfigurationError(
            "DOCUGEN_QUEUE_ENABLED=true: this version has no queue adapter",
            hint="Unset DOCUGEN_QUEUE_ENABLED: bundles then render in the scheduler's own process tree.",
        )
    from docugen_core.adapters.inline_executor import InlineExecutor
    from docugen_core.adapters.sqlite_ledger import SqliteLedger
    from docugen_core.adapters.system_clock import SystemClock

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        intake, bundles, store = await stack.enter_async_context(assemble_rendering(settings))
        ledger = await stack.enter_async_context(SqliteLedger(store.root / "ledger.sqlite3"))
        executor = await stack.enter_async_context(
            InlineExecutor(
                bundles=bundles,
                store=store,
                ledger=ledger,
                clock=clock,
                policy=RetryPolicy(
                    max_attempts=settings.queue_max_attempts,
                    backoff_ms=settings.queue_backoff_ms,
                    backoff_ms_max=settings.queue_backoff_max_ms,
                ),
                attempt_timeout_ms=settings.attempt_timeout_ms,
                slots=settings.inline_slots,
                waiting_max=settings.inline_waiting_max,
            )
        )
        yield Core(settings, intake, bundles, store, executor, clock)
