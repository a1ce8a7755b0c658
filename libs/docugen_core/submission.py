"""Use case 1: a request comes in. `submit_generation_job` is the one way, for the API and the command line alike.

    validate everything -> canonical bytes -> run id -> hand to an executor

The run id is a function of the request, so asking twice is one run and a retry by the caller is always safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from docugen_core.domain.identity import derive_bundle_run_id
from docugen_core.domain.json import JsonValue
from docugen_core.domain.run import BundleRun, DocumentProgress, ExecutionPolicy, RunState
from docugen_core.domain.tenant import DEFAULT_TENANT
from docugen_core.domain.trace import NO_TRACE, TraceContext
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.ports import GenerationExecutor, GenerationJob, Submission
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.strict_json.schema import TakesLongError, in_a_hurry
from docugen_core.validation import BundleLimits, resolve_bundle, validate_run_id

QUICK_BYTES = 8 << 10
QUICK_DOCUMENTS = 8
"""With both, and nothing wrong: some milliseconds of checks, digests and encoding at most, unless data are generated."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """One bundle as it came in. bundle: parsed JSON, not checked yet. run_id: empty to derive it from the spec."""

    bundle: JsonValue
    run_id: str = ""
    tenant: str = DEFAULT_TENANT
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)


@dataclass(frozen=True, slots=True)
class Intake:
    """What a submit is checked against: the installed templates and generators, and the configured bounds."""

    catalogue: TemplateCatalogue
    generators: GeneratorRegistry
    limits: BundleLimits


def prepare_generation_job(request: SubmitRequest, intake: Intake) -> GenerationJob:
    """Check `request` completely and give it its identity; nothing is stored.

    Raises InvalidRequest with every violation at once.
    """
    if request.run_id:
        validate_run_id(request.run_id)
    bundle = resolve_bundle(
        request.bundle,
        catalogue=intake.catalogue,
        generators=intake.generators,
        limits=intake.limits,
    )
    spec_digest = bundle.spec_digest  # computed here in any case: later it would be on the event loop
    run_id = request.run_id or derive_bundle_run_id(request.tenant, spec_digest)
    return GenerationJob(run_id, request.tenant, bundle, request.policy)


async def submit_generation_job(
    request: SubmitRequest, *, intake: Intake, executor: GenerationExecutor, is_quick: bool = False
) -> Submission:
    """Check `request` and hand it to `executor`; returns as soon as the run is recorded. Idempotent.

    is_quick: that it has no more than QUICK_BYTES and QUICK_DOCUMENTS and generates nothing, of which the caller made sure.
    Raises InvalidRequest (every violation; nothing stored), BundleRunExists, Overloaded, Unavailable.
    """
    return await executor.submit(await aside(is_quick, prepare_generation_job, request, intake))


async def aside(is_quick: bool, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """`work`, in a thread: a bundle of megabytes would keep everybody else on this event loop waiting for a second.

    Here and now where it is quick: to wake a thread, and to be woken by it, would take longer. What turns out to be wrong is
    looked into in a thread nevertheless. `work` may so be begun twice.
    """
    if is_quick:
        with suppress(TakesLongError), in_a_hurry():
            return work(*arguments, **options)
    return await asyncio.to_thread(work, *arguments, **options)


async def wait_for_run(executor: GenerationExecutor, run_id: str, timeout_ms: int) -> BundleRun:
    """The run once it is terminal, or as it is after `timeout_ms`. Cancelling the wait does not touch the run.

    Raises NotFound.
    """
    run = await executor.get(run_id)
    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            async for snapshot in executor.watch(run_id):
                run = snapshot
    except TimeoutError:
        pass
    return run


def new_run(job: GenerationJob, *, now_ms: int, max_attempts: int, trace: TraceContext = NO_TRACE) -> BundleRun:
    """The first record of a run: QUEUED, revision 1. trace: of the submit."""
    bundle = job.bundle
    return BundleRun(
        run_id=job.run_id,
        tenant=job.tenant,
        spec_digest=bundle.spec_digest,
        seed=bundle.seed,
        state=RunState.QUEUED,
        revision=1,
        create_time_ms=now_ms,
        max_attempts=job.policy.max_attempts or max_attempts,
        next_attempt_time_ms=job.policy.not_before_ms,
        policy=job.policy,
        documents=tuple(DocumentProgress(d.name) for d in bundle.documents),
        templates=tuple(sorted({f"{t.pack}/{t.template}" for t in bundle.packs})),
        trace=trace,
    )
